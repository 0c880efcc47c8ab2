//! Text from the traffic on a terminal: stored exactly, shown harmlessly.
//!
//! An event's values are written by whoever sent the request. On a terminal, an escape sequence could
//! rewrite the lines above it and a bidirectional override could turn a sentence around, so every control
//! and format character is shown as a visible mark instead.

use std::borrow::Cow;

/// The text on one line, with control (Cc) and invisible format (Cf) characters shown as `\u{…}` marks,
/// and at most three combining marks on a character.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut combining = 0;
    for character in text.chars() {
        combining = if is_combining(character) { combining + 1 } else { 0 };
        if character == '\n' {
            out.push_str("\\n");
        } else if character == '\t' {
            out.push_str("\\t");
        } else if character.is_control() || is_format(character) || combining > COMBINING_MAX {
            out.push_str(&character.escape_unicode().to_string());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Unicode's Cf and the separators and fillers that show as nothing.
fn is_format(character: char) -> bool {
    matches!(
        u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x115f..=0x1160 | 0x17b4..=0x17b5
            | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
    )
}

fn is_combining(character: char) -> bool {
    matches!(
        u32::from(character),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x1ab0..=0x1aff
            | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f
    )
}

const COMBINING_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS E70
    #[test]
    fn nothing_from_the_traffic_can_move_the_cursor_or_turn_the_line_around() {
        let zalgo = format!("Z{}", "\u{0301}".repeat(40));
        let corpus = [
            "\u{1b}[2J",
            "\u{1b}]0;title\u{7}",
            "\u{1b}[1A\u{1b}[2K",
            "\u{9b}31m",
            "\u{90}q\u{9c}",
            "a\rb",
            "a\u{8}b",
            "a\nb",
            "a\tb",
            "\u{0}",
            "\u{7f}",
            "\u{85}",
            "\u{202e}gnp.exe",
            "\u{2066}x\u{2069}",
            "\u{200b}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{feff}",
            "\u{ad}",
            "\u{2028}",
            "\u{2029}",
            "\u{3164}",
            "\u{115f}",
            "\u{e0041}",
            "\u{fff9}a\u{fffb}",
            "\u{61c}",
            "\u{180e}",
            "\u{2060}",
            zalgo.as_str(),
        ];
        for text in corpus {
            let shown = visible(text);
            let harmless = |c: char| !c.is_control() && !is_format(c);
            assert!(shown.chars().all(harmless), "{text:?} is shown as {shown:?}");
            assert!(shown.chars().filter(|c| is_combining(*c)).count() <= COMBINING_MAX, "{shown:?}");
            assert_ne!(shown, text);
        }
    }

    #[test]
    fn ordinary_text_of_any_language_is_left_alone() {
        for text in ["Intro call", "Käse, naïve café", "予約", "שלום", "e\u{301}t\u{e9}", "👩"] {
            assert_eq!(visible(text), text);
        }
    }
}
