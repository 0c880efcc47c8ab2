//! Headers and entries as bytes; the table is in [the module's doc](super). Pure: no file is touched here.

use std::sync::Arc;

use uuid::Uuid;

use crate::store::{Head, Sealed, entry_hash};

/// The head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whose journal it is.
    pub instance: Uuid,
    /// The chain that the first entry continues.
    pub before: Head,
}

/// Why bytes are not a header or an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// Fewer bytes than needed.
    Short,
    /// Not what was written, or never written.
    Damaged,
    /// Whole, but of a version or kind that this build does not know.
    Newer,
}

/// A header's bytes.
pub(super) fn header_bytes(header: &Header) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&SEGMENT_FORMAT.to_be_bytes());
    bytes[12..28].copy_from_slice(header.instance.as_bytes());
    bytes[28..36].copy_from_slice(&header.before.sequence.saturating_add(1).to_be_bytes());
    bytes[36..68].copy_from_slice(&header.before.hash);
    let sum = crc32fast::hash(&bytes[..68]);
    bytes[68..72].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Reads a header from the start of `bytes`.
pub(super) fn header_of(bytes: &[u8]) -> Result<Header, Bad> {
    let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Bad::Short)?;
    if !bytes.starts_with(MAGIC) || u32_at(bytes, 68) != Some(crc32fast::hash(&bytes[..68])) {
        return Err(Bad::Damaged);
    }
    if bytes[8..10] != SEGMENT_FORMAT.to_be_bytes() {
        return Err(Bad::Newer);
    }
    let instance = Uuid::from_slice(&bytes[12..28]).map_err(|_| Bad::Damaged)?;
    let first = u64_at(bytes, 28).ok_or(Bad::Damaged)?;
    let hash = hash_at(bytes, 36).ok_or(Bad::Damaged)?;
    Ok(Header { instance, before: Head { sequence: first.checked_sub(1).ok_or(Bad::Damaged)?, hash } })
}

/// Appends an entry's bytes to `out`. The payload must not be longer than [`PAYLOAD_BYTES_MAX`].
pub(super) fn write_entry(out: &mut Vec<u8>, entry: &Sealed) {
    let start = out.len();
    let length = u32::try_from(FIXED_BYTES + entry.json.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[ENTRY_FORMAT, KIND_EVENT]);
    out.extend_from_slice(&entry.sequence.to_be_bytes());
    out.extend_from_slice(&entry.previous);
    out.extend_from_slice(&entry.json);
    let sum = checksum(length, &out[start + PREFIX_BYTES..]);
    out[start + 4..start + 8].copy_from_slice(&sum.to_be_bytes());
}

/// The length of what follows an entry's first eight bytes, if it is possible at all.
pub(super) fn rest_length(prefix: &[u8]) -> Result<usize, Bad> {
    let length = u32_at(prefix, 0).ok_or(Bad::Short)? as usize;
    let possible = FIXED_BYTES..=FIXED_BYTES + PAYLOAD_BYTES_MAX;
    possible.contains(&length).then_some(length).ok_or(Bad::Damaged)
}

/// Reads an entry from its first eight bytes and the rest.
pub(super) fn entry_of(prefix: &[u8], rest: &[u8]) -> Result<Sealed, Bad> {
    let length = u32_at(prefix, 0).ok_or(Bad::Short)?;
    if u32_at(prefix, 4) != Some(checksum(length, rest)) || rest.len() < FIXED_BYTES {
        return Err(Bad::Damaged);
    }
    if rest[0] != ENTRY_FORMAT || rest[1] != KIND_EVENT {
        return Err(Bad::Newer);
    }
    let sequence = u64_at(rest, 2).ok_or(Bad::Short)?;
    let previous = hash_at(rest, 10).ok_or(Bad::Short)?;
    let json: Arc<[u8]> = Arc::from(&rest[FIXED_BYTES..]);
    Ok(Sealed { sequence, previous, hash: entry_hash(sequence, &previous, &json), json })
}

/// The next whole entry in `bytes` at or after `from`, with its offset and its length. Payloads are JSON,
/// where bytes under 0x20 never stand, so nothing inside a payload can pass for an entry.
pub(super) fn next_entry(bytes: &[u8], from: usize) -> Option<(usize, usize, Sealed)> {
    (from..bytes.len().saturating_sub(PREFIX_BYTES + FIXED_BYTES - 1)).find_map(|at| {
        let (prefix, rest) = bytes[at..].split_at(PREFIX_BYTES);
        if rest[0] != ENTRY_FORMAT || rest[1] != KIND_EVENT {
            return None;
        }
        let rest = rest.get(..rest_length(prefix).ok()?)?;
        let entry = entry_of(prefix, rest).ok()?;
        Some((at, PREFIX_BYTES + rest.len(), entry))
    })
}

fn checksum(length: u32, rest: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length.to_be_bytes());
    sum.update(rest);
    sum.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn hash_at(bytes: &[u8], at: usize) -> Option<[u8; 32]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Length of a segment's header.
pub(super) const HEADER_BYTES: usize = 72;
/// Length and checksum of an entry.
pub(super) const PREFIX_BYTES: usize = 8;
/// The longest payload; a longer one is refused when written and is damage when read.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Format, kind, sequence and previous hash.
const FIXED_BYTES: usize = 1 + 1 + 8 + 32;
const MAGIC: &[u8; 8] = b"EWJOURNL";
const SEGMENT_FORMAT: u16 = 1;
const ENTRY_FORMAT: u8 = 1;
const KIND_EVENT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(payload: &[u8]) -> Sealed {
        Sealed::after(Head { sequence: 41, hash: [7; 32] }, Arc::from(payload))
    }

    #[test]
    fn an_entry_is_laid_out_as_documented() {
        let entry = entry(b"{}");
        let mut bytes = Vec::new();
        write_entry(&mut bytes, &entry);
        assert_eq!(bytes.len(), 8 + 42 + 2);
        assert_eq!(&bytes[0..4], &44u32.to_be_bytes());
        assert_eq!(&bytes[8..10], &[1, 1]);
        assert_eq!(&bytes[10..18], &42u64.to_be_bytes());
        assert_eq!(&bytes[18..50], &[7; 32]);
        assert_eq!(&bytes[50..], b"{}");
        assert_eq!(rest_length(&bytes), Ok(44));
        assert_eq!(entry_of(&bytes[..8], &bytes[8..]), Ok(entry));
    }

    #[test]
    fn no_flipped_bit_of_an_entry_or_a_header_is_read_as_good() {
        let mut bytes = Vec::new();
        write_entry(&mut bytes, &entry(b"{\"a\":1}"));
        let header = Header { instance: Uuid::from_u128(5), before: Head { sequence: 9, hash: [3; 32] } };
        let head = header_bytes(&header);
        assert_eq!(header_of(&head), Ok(header));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(entry_of(&flipped[..8], &flipped[8..]).is_err(), "bit {bit}");
        }
        for bit in 0..head.len() * 8 {
            let mut flipped = head;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(header_of(&flipped), Err(Bad::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn the_next_whole_entry_is_found_behind_damage() {
        let mut bytes = vec![0, 1, 1, 1, 1, 0xff, 1, 1];
        let junk = bytes.len();
        write_entry(&mut bytes, &entry(b"{}"));
        bytes.extend([1; 60]);
        assert_eq!(next_entry(&bytes, 0), Some((junk, 52, entry(b"{}"))));
        assert_eq!(next_entry(&bytes, junk + 1), None);
    }
}
