//! The plain pieces of strings: what most of a body is, so that the speed of reading is the speed of this.

use memchr::memchr2;

/// How many bytes stand before a quote, an escape or a control character. Most of what is read is the inside of
/// strings, and most strings are short: eight bytes are looked at at once, and what is long is searched by the block.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < SHORT_BYTES {
        let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        match ends(u64::from_le_bytes(*word)) {
            0 => at += 8,
            found => return at + found.trailing_zeros() as usize / 8,
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let end = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let plain = rest.get(..end).unwrap_or_default();
    let least = plain.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    let is_control = |byte: &u8| *byte < 0x20;
    at + if is_control(&least) { plain.iter().position(is_control).unwrap_or(end) } else { end }
}

/// The top bit of each byte that ends a plain piece; above the lowest such byte, bits may be set that mean nothing.
fn ends(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let zero = |word: u64| below(word, 1);
    (below(word, 0x20) | zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))))
        & TOPS
}

/// Longer pieces are searched by the block.
const SHORT_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain_len;

    fn is_end(byte: &u8) -> bool {
        matches!(byte, b'"' | b'\\' | 0..=0x1f)
    }

    #[test]
    fn each_byte_ends_a_piece_or_does_not_wherever_it_stands() {
        let check = |byte: u8, at: usize, around: u8| {
            let mut bytes = [around; 80];
            bytes[at] = byte;
            let expected = bytes.iter().position(is_end).unwrap_or(bytes.len());
            assert_eq!(plain_len(&bytes), expected, "{byte} at {at} in {around}");
        };
        for byte in 0..=u8::MAX {
            for at in [0, 1, 7, 8, 9, 15, 31, 32, 33, 79] {
                [b'a', b' ', b'!', b'#', b']', 0x7f, 0x80, 0xff]
                    .into_iter()
                    .for_each(|around| check(byte, at, around));
            }
        }
    }

    proptest! {
        #[test]
        fn a_piece_is_as_long_as_it_is_when_read_byte_by_byte(
            bytes in proptest::collection::vec(prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 30 => b'a'..=b'z'], 0..90),
        ) {
            prop_assert_eq!(plain_len(&bytes), bytes.iter().position(is_end).unwrap_or(bytes.len()));
        }
    }
}
