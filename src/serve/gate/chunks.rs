//! Finds the end of a chunked body (RFC 9112 section 7.1) without touching it, and refuses every spelling
//! of a chunk that two parsers may read differently.

use super::lines::is_token;
use super::refusal::Refusal;

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A client's: by the letter.
    Request,
    /// An application's. Old servers fill a fixed field with blanks behind the size, which no reader takes for
    /// another size.
    Answer,
}

/// How far a chunked body has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// In the digits of a size line.
    Size { digits: u8, size: u64 },
    /// In the blanks between a size and the end of its line.
    Padding { length: u16, size: u64 },
    /// In the extension of a size line.
    Extension { length: u16, size: u64 },
    /// After the CR of a size line.
    SizeEnd { size: u64 },
    /// In a chunk's data.
    Data { left: u64 },
    /// Before the CR that ends a chunk's data.
    DataCr,
    /// Before the LF that ends a chunk's data.
    DataLf,
    /// In a trailer's name: how many bytes of it, and of the trailers together.
    TrailerName { name: u32, all: u32 },
    /// In a trailer's value.
    TrailerValue { all: u32 },
    /// After the CR of a trailer line.
    TrailerEnd { all: u32 },
    /// After the CR of the last, empty line.
    End,
    /// The body is over.
    Done,
}

impl Chunks {
    pub(crate) const START: Chunks = Chunks::Size { digits: 0, size: 0 };

    /// Follows the body through `bytes`; says how many of them belong to it.
    pub(crate) fn follow(&mut self, bytes: &[u8], side: Side) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() && *self != Chunks::Done {
            if let Chunks::Data { left } = *self {
                let taken = left.min((bytes.len() - at) as u64);
                at += usize::try_from(taken).map_err(|_| Refusal::BadChunk)?;
                *self = if taken == left { Chunks::DataCr } else { Chunks::Data { left: left - taken } };
            } else {
                *self = self.step(bytes[at], side)?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(self, byte: u8, side: Side) -> Result<Chunks, Refusal> {
        match self {
            Chunks::Size { digits, size } => match (byte, char::from(byte).to_digit(16)) {
                (_, Some(digit)) if digits < SIZE_DIGITS_MAX => {
                    Ok(Chunks::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
                }
                (b'\r', None) if digits > 0 => Ok(Chunks::SizeEnd { size }),
                (b';', None) if digits > 0 => Ok(Chunks::Extension { length: 0, size }),
                (b' ' | b'\t', None) if digits > 0 && side == Side::Answer => {
                    Ok(Chunks::Padding { length: 1, size })
                }
                _ => Err(Refusal::BadChunk),
            },
            Chunks::Padding { length, size } => match byte {
                b'\r' => Ok(Chunks::SizeEnd { size }),
                b' ' | b'\t' if length < EXTENSION_BYTES_MAX => {
                    Ok(Chunks::Padding { length: length + 1, size })
                }
                _ => Err(Refusal::BadChunk),
            },
            Chunks::Extension { length, size } => match byte {
                b'\r' => Ok(Chunks::SizeEnd { size }),
                b'\t' | 0x20..=0x7e | 0x80.. if length < EXTENSION_BYTES_MAX => {
                    Ok(Chunks::Extension { length: length + 1, size })
                }
                _ => Err(Refusal::BadChunk),
            },
            Chunks::SizeEnd { size: 0 } if byte == b'\n' => Ok(Chunks::TrailerName { name: 0, all: 0 }),
            Chunks::SizeEnd { size } if byte == b'\n' => Ok(Chunks::Data { left: size }),
            Chunks::DataCr if byte == b'\r' => Ok(Chunks::DataLf),
            Chunks::DataLf if byte == b'\n' => Ok(Chunks::START),
            Chunks::TrailerName { name, all } => match byte {
                b'\r' if name == 0 => Ok(Chunks::End),
                b' ' | b'\t' if name == 0 => Err(Refusal::FoldedHeader),
                b':' if name > 0 => Ok(Chunks::TrailerValue { all }),
                _ if is_token(byte) && all < TRAILER_BYTES_MAX => {
                    Ok(Chunks::TrailerName { name: name + 1, all: all + 1 })
                }
                _ => Err(Refusal::BadChunk),
            },
            Chunks::TrailerValue { all } => match byte {
                b'\r' => Ok(Chunks::TrailerEnd { all }),
                b'\t' | 0x20..=0x7e | 0x80.. if all < TRAILER_BYTES_MAX => {
                    Ok(Chunks::TrailerValue { all: all + 1 })
                }
                _ => Err(Refusal::BadChunk),
            },
            Chunks::TrailerEnd { all } if byte == b'\n' => Ok(Chunks::TrailerName { name: 0, all }),
            Chunks::End if byte == b'\n' => Ok(Chunks::Done),
            Chunks::SizeEnd { .. }
            | Chunks::Data { .. }
            | Chunks::DataCr
            | Chunks::DataLf
            | Chunks::TrailerEnd { .. }
            | Chunks::End
            | Chunks::Done => Err(Refusal::BadChunk),
        }
    }
}

/// Sixteen would fit into 64 bits; fifteen leave no room for an overflow in anybody's arithmetic.
const SIZE_DIGITS_MAX: u8 = 15;
const EXTENSION_BYTES_MAX: u16 = 256;
const TRAILER_BYTES_MAX: u32 = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: Result<usize, Refusal>) {
        check_of(Side::Request, body, expected);
    }

    fn check_of(side: Side, body: &[u8], expected: Result<usize, Refusal>) {
        let mut whole = Chunks::START;
        assert_eq!(whole.follow(body, side), expected, "{}", body.escape_ascii());
        // The same in single bytes.
        let mut chunks = Chunks::START;
        let bytewise = body.chunks(1).try_fold(0, |sum, byte| Ok(sum + chunks.follow(byte, side)?));
        assert_eq!(bytewise, expected, "{} in single bytes", body.escape_ascii());
    }

    #[test]
    fn a_chunked_body_is_followed_to_its_end_and_no_further() {
        check(b"0\r\n\r\nGET /", Ok(5));
        check(b"5\r\nhello\r\n0\r\n\r\nGET /", Ok(15));
        check(b"A;x=\"y\"\r\n0123456789\r\n0\r\nEtag: 1\r\n\r\nGET", Ok(38 - 3));
        check(b"00005\r\nhello\r\n0\r\n\r\n", Ok(19));
    }

    #[test]
    fn a_chunk_that_two_parsers_may_read_differently_is_refused() {
        let cases: &[&[u8]] = &[
            b"5\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"\r\nhello",
            b"5\r\nhelloX",
            b"5\r\nhello\n",
            b"5\r\nhello\rX",
            b"5;a\nb\r\nhello\r\n",
            b"5\r\rhello",
            b"fffffffffffffffff\r\n",
            b"0\r\nA: b\n\r\n",
            b"0\r\nA\r\n\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\n: b\r\n\r\n",
            b"0\r\n\rX",
            b"5;\x00\r\n",
        ];
        for case in cases {
            check(case, Err(Refusal::BadChunk));
        }
        check(b"0\r\n folded\r\n\r\n", Err(Refusal::FoldedHeader));
    }

    #[test]
    fn blanks_behind_a_size_pass_in_answers_only() {
        let body = b"5   \r\nhello\r\n0\t\r\n\r\n";
        check_of(Side::Answer, body, Ok(body.len()));
        check_of(Side::Answer, b"5  5\r\nhello\r\n", Err(Refusal::BadChunk));
        check_of(Side::Answer, b" 5\r\nhello\r\n", Err(Refusal::BadChunk));
        check_of(Side::Answer, format!("5{}\r\n", " ".repeat(300)).as_bytes(), Err(Refusal::BadChunk));
    }
}
