//! The head of a segment as bytes; the table is in the doc of the module `journal`. Pure: no file is touched here.

use std::cmp::Ordering;

use uuid::Uuid;

use super::entry::{Bad, bytes_at, u32_at, u64_at};
use super::seal::{SEAL_BYTES, Seal};
use crate::store::Head;

/// The head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Header {
    /// Whose journal it is.
    pub instance: Uuid,
    /// The segment's number, as in its name.
    pub number: u64,
    /// The last event before its first.
    pub before: Head,
    /// The segment that it continues, and how much of that counts.
    pub continues: Reach,
    /// How many intents follow at once: those that were open when it was begun.
    pub carried: u32,
}

/// A segment, as far as it counts: what stands behind was never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Reach {
    /// Its number; 0 for none.
    pub number: u64,
    /// Its length in bytes; [`ALL`] for all that can be read.
    pub bytes: u64,
}

/// A header's bytes.
pub(in crate::journal) fn header_bytes(header: &Header, seal: &Seal) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT.to_be_bytes());
    bytes[12..28].copy_from_slice(header.instance.as_bytes());
    bytes[28..36].copy_from_slice(&header.number.to_be_bytes());
    bytes[36..44].copy_from_slice(&header.before.sequence.saturating_add(1).to_be_bytes());
    bytes[44..76].copy_from_slice(&header.before.leaf);
    bytes[76..84].copy_from_slice(&header.continues.number.to_be_bytes());
    bytes[84..92].copy_from_slice(&header.continues.bytes.to_be_bytes());
    bytes[92..96].copy_from_slice(&header.carried.to_be_bytes());
    let sealed = seal.of_header(&bytes[..SEALED_BYTES]);
    bytes[SEALED_BYTES..SUMMED_BYTES].copy_from_slice(&sealed);
    let sum = crc32fast::hash(&bytes[..SUMMED_BYTES]);
    bytes[SUMMED_BYTES..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// True when a header that can be read was written by this installation.
pub(in crate::journal) fn is_sealed(bytes: &[u8], seal: &Seal) -> bool {
    let parts = bytes.get(..SUMMED_BYTES).map(|bytes| bytes.split_at(SEALED_BYTES));
    parts.is_some_and(|(sealed, found)| seal.fits_header(sealed, found))
}

/// Reads a header from the start of `bytes`, whoever wrote it.
pub(in crate::journal) fn header_of(bytes: &[u8]) -> Result<Header, Bad> {
    let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Bad::Short)?;
    if !bytes.starts_with(MAGIC) || u32_at(bytes, SUMMED_BYTES)? != crc32fast::hash(&bytes[..SUMMED_BYTES]) {
        return Err(Bad::Damaged);
    }
    match u16::from_be_bytes(bytes_at(bytes, 8)?).cmp(&FORMAT) {
        Ordering::Greater => return Err(Bad::Newer),
        Ordering::Less => return Err(Bad::Older),
        Ordering::Equal => {}
    }
    let first = u64_at(bytes, 36)?;
    Ok(Header {
        instance: Uuid::from_bytes(bytes_at(bytes, 12)?),
        number: u64_at(bytes, 28)?,
        before: Head { sequence: first.checked_sub(1).ok_or(Bad::Damaged)?, leaf: bytes_at(bytes, 44)? },
        continues: Reach { number: u64_at(bytes, 76)?, bytes: u64_at(bytes, 84)? },
        carried: u32_at(bytes, 92)?,
    })
}

/// Length of a segment's header.
pub(in crate::journal) const HEADER_BYTES: usize = SUMMED_BYTES + 4;
const SEALED_BYTES: usize = 96;
const SUMMED_BYTES: usize = SEALED_BYTES + SEAL_BYTES;
/// The length of a segment of which all counts that can be read.
pub(in crate::journal) const ALL: u64 = u64::MAX;
const MAGIC: &[u8; 8] = b"EWJOURNL";
const FORMAT: u16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_written_and_no_flipped_bit_passes() {
        let header = Header {
            instance: Uuid::from_u128(5),
            number: 7,
            before: Head { sequence: 9, leaf: [3; 32] },
            continues: Reach { number: 6, bytes: 1234 },
            carried: 2,
        };
        let seal = Seal::new(Some(&[1; 32]));
        let head = header_bytes(&header, &seal);
        assert_eq!(header_of(&head), Ok(header));
        assert!(is_sealed(&head, &seal) && !is_sealed(&head, &Seal::new(Some(&[2; 32]))));
        assert_eq!(header_of(&head[..115]), Err(Bad::Short));
        for bit in 0..head.len() * 8 {
            let mut flipped = head;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(header_of(&flipped), Err(Bad::Damaged), "bit {bit}");
        }
    }
}
