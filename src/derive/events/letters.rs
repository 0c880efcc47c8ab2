//! Names made to deceive: a letter of another script that looks like the one of a colleague's name (THREATS E65).
//!
//! A name is stored and shown as it came; the note tells the reader to look at the identifier beside it. Told is a
//! word whose letters come from scripts that no language writes together (Unicode Technical Standard 39, section
//! 5.1); a name wholly in one script, or Latin beside those of Chinese, Japanese and Korean, is nothing special.

use unicode_script::{Script, UnicodeScript};

use crate::event::{Event, Note, NoteCode};

/// A note for each name of an event that mixes scripts within a word.
pub(super) fn marks(event: &Event) -> impl Iterator<Item = Note> {
    let actor = &event.actor;
    let behalf = event.on_behalf_of.as_ref();
    let names = [
        ("actor.name", actor.name.as_deref()),
        ("actor.email", actor.email.as_deref()),
        ("onBehalfOf.name", behalf.and_then(|behalf| behalf.name.as_deref())),
        ("onBehalfOf.email", behalf.and_then(|behalf| behalf.email.as_deref())),
        ("target.name", event.target.as_ref().and_then(|target| target.name.as_deref())),
    ];
    names
        .into_iter()
        .filter(|(_, name)| name.is_some_and(is_mixed))
        .map(|(field, _)| Note::with(NoteCode::NameMixed, field))
}

/// True for a name with a word whose letters no language writes together.
fn is_mixed(name: &str) -> bool {
    !name.is_ascii() && name.split(|letter: char| !letter.is_alphanumeric()).any(is_mixed_word)
}

fn is_mixed_word(word: &str) -> bool {
    let mut scripts = word
        .chars()
        .map(|letter| letter.script())
        .filter(|script| !matches!(script, Script::Common | Script::Inherited | Script::Unknown));
    let Some(first) = scripts.next() else { return false };
    let is_east_asian = |script: Script| {
        matches!(
            script,
            Script::Latin
                | Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Hangul
                | Script::Bopomofo
        )
    };
    scripts.any(|script| script != first && !(is_east_asian(first) && is_east_asian(script)))
}

#[cfg(test)]
mod tests {
    use super::is_mixed;

    // THREATS E65
    #[test]
    fn a_word_in_two_scripts_is_told_and_a_name_in_any_one_is_not() {
        for name in ["\u{430}dmin", "Ad\u{430} Lovelace", "b\u{3bf}b", "ceo@ex\u{430}mple.org", "Ivan Пeтров"]
        {
            assert!(is_mixed(name), "{name}");
        }
        for name in [
            "",
            "admin",
            "Zoë Müller-Łoś",
            "Иван Петров",
            "Иван (Ivan)",
            "Νίκος",
            "山田 太郎",
            "ヤマダ tarō",
            "Tシャツ",
            "김민준",
            "محمد",
            "דוד",
            "अनिल",
            "user42",
            "иван2@example.org",
        ] {
            assert!(!is_mixed(name), "{name}");
        }
    }
}
