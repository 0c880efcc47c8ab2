//! Strings: plain pieces, escapes, and what no string may hold but some readers take.

use super::plain::plain_len;
use super::{JsonError, Reader};
use crate::event::NoteCode;
use crate::value::Text;

impl Reader<'_> {
    /// The string whose quote stands here.
    pub(super) fn string(&mut self) -> Result<Text, JsonError> {
        self.at += 1;
        let mut content = Text::default();
        loop {
            let start = self.at;
            let rest = self.bytes.get(start..).unwrap_or_default();
            self.at += plain_len(rest);
            // Both ends stand beside an ASCII byte or the text's end: always on a character boundary.
            let plain = self.text.get(start..self.at).unwrap_or_default();
            match self.peek() {
                // Nearly every string is one piece.
                Some(b'"') if content.is_empty() => {
                    self.at += 1;
                    return Ok(Text::from(plain));
                }
                _ => content.push_str(plain),
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(content);
                }
                Some(b'\\') => content.push(self.escape()?),
                Some(control) => {
                    self.doubt(NoteCode::BodyAmbiguous, "a control character in a string", Vec::new());
                    content.push(char::from(control));
                    self.at += 1;
                }
                None => return Err(JsonError::Unexpected(self.at)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let Some(kind) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            return Err(JsonError::Unexpected(self.at));
        };
        self.at += kind.len_utf8();
        Ok(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            other => {
                self.doubt(NoteCode::BodyAmbiguous, "an unknown escape in a string", Vec::new());
                other
            }
        })
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if let Some(plain) = char::from_u32(first) {
            return Ok(plain);
        }
        let mark = self.at;
        if (0xD800..0xDC00).contains(&first)
            && self.take(b'\\')
            && self.take(b'u')
            && let Ok(second) = self.hex4()
            && (0xDC00..0xE000).contains(&second)
        {
            let joined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = mark;
        self.doubt(NoteCode::BodyAmbiguous, "half a character in a string", Vec::new());
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        value.ok_or(JsonError::Unexpected(self.at - 4))
    }
}
