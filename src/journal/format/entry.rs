//! Entries as bytes; the table is in the doc of the module `journal`. Pure: no file is touched here.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::super::Payload;
use super::seal::{SEAL_BYTES, Stamp};
use crate::store::Sealed;

/// What stands in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Entry {
    /// An event, at its place in the log.
    Event(Sealed),
    /// Something is about to happen.
    Intent {
        /// What it is called.
        id: Uuid,
        /// What is known of it.
        body: Arc<[u8]>,
    },
    /// It is over.
    Closed {
        /// What it was called.
        id: Uuid,
    },
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Place {
    /// Where in the file its write began, in bytes: entries of one write share it. A write begins only when
    /// the one before it is synced, so it shows what must have been on the disk.
    pub write_began: u64,
    /// The last event before it; its own for an event.
    pub sequence: u64,
}

/// Why bytes are not a header or an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Bad {
    /// Fewer bytes than needed.
    Short,
    /// Not what was written, or never written.
    Damaged,
    /// Whole, but of a version or kind that this build does not know.
    Newer,
    /// Whole, but of a version that was never released.
    Older,
    /// Whole, but not written by this installation.
    Forged,
}

/// Appends an entry's bytes to `out`. Its payload must not be longer than [`PAYLOAD_BYTES_MAX`].
pub(in crate::journal) fn write_entry(out: &mut Vec<u8>, place: Place, entry: &Entry, stamp: &Stamp) {
    let start = out.len();
    let (kind, link, payload): (u8, &[u8], &[u8]) = match entry {
        Entry::Event(sealed) => (KIND_EVENT, &sealed.salt, &sealed.json),
        Entry::Intent { id, body } => (KIND_INTENT, id.as_bytes(), body),
        Entry::Closed { id } => (KIND_CLOSED, id.as_bytes(), &[]),
    };
    let length = u32::try_from(FIXED_BYTES + link.len() + payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(&place.sequence.to_be_bytes());
    out.extend_from_slice(&place.write_began.to_be_bytes());
    out.extend_from_slice(&stamp.of(kind, place, entry));
    out.extend_from_slice(link);
    out.extend_from_slice(payload);
    let sum = checksum(length, &out[start + PREFIX_BYTES..]);
    out[start + 4..start + 8].copy_from_slice(&sum.to_be_bytes());
}

/// The most bytes that a payload becomes.
pub(in crate::journal) fn bytes_max(payload: &Payload) -> u64 {
    (PREFIX_BYTES + FIXED_BYTES + LINK_BYTES + payload.len()) as u64
}

/// The length of what follows an entry's first eight bytes, if it is possible at all.
pub(in crate::journal) fn rest_length(prefix: &[u8]) -> Result<usize, Bad> {
    let length = u32_at(prefix, 0)? as usize;
    let possible = REST_BYTES_MIN..=REST_BYTES_MIN + PAYLOAD_BYTES_MAX;
    possible.contains(&length).then_some(length).ok_or(Bad::Damaged)
}

/// Reads an entry from its first eight bytes and the rest.
pub(in crate::journal) fn entry_of(prefix: &[u8], rest: &[u8], stamp: &Stamp) -> Result<(Place, Entry), Bad> {
    let length = u32_at(prefix, 0)?;
    if u32_at(prefix, 4)? != checksum(length, rest) || rest.len() < REST_BYTES_MIN {
        return Err(Bad::Damaged);
    }
    match rest[0].cmp(&FORMAT) {
        Ordering::Greater => return Err(Bad::Newer),
        Ordering::Less => return Err(Bad::Older),
        Ordering::Equal => {}
    }
    let place = Place { sequence: u64_at(rest, 2)?, write_began: u64_at(rest, 10)? };
    let id = || bytes_at(rest, FIXED_BYTES).map(Uuid::from_bytes);
    let payload = |at: usize| rest.get(at..).map(Arc::<[u8]>::from).ok_or(Bad::Damaged);
    let entry = match rest[1] {
        KIND_EVENT => {
            let salt = bytes_at(rest, FIXED_BYTES)?;
            Entry::Event(Sealed::at(place.sequence, salt, payload(REST_BYTES_MIN)?))
        }
        KIND_INTENT => Entry::Intent { id: id()?, body: payload(REST_BYTES_MIN)? },
        KIND_CLOSED => Entry::Closed { id: id()? },
        _ => return Err(Bad::Newer),
    };
    let seal: [u8; SEAL_BYTES] = bytes_at(rest, FIXED_BYTES - SEAL_BYTES)?;
    if stamp.fits(rest[1], place, &entry, &seal) { Ok((place, entry)) } else { Err(Bad::Forged) }
}

/// An entry that was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::journal) struct Found {
    /// Where it begins.
    pub at: usize,
    /// How long it is.
    pub length: usize,
    /// Where it says that it stands.
    pub place: Place,
    /// The entry.
    pub entry: Entry,
}

/// The next whole entry in `bytes` at or after `from`. Payloads are JSON, where bytes under 0x20 never stand,
/// so nothing inside a payload can pass for an entry.
pub(in crate::journal) fn next_entry(bytes: &[u8], from: usize, stamp: &Stamp) -> Option<Found> {
    (from..bytes.len().saturating_sub(PREFIX_BYTES + REST_BYTES_MIN - 1)).find_map(|at| {
        let (prefix, rest) = bytes[at..].split_at(PREFIX_BYTES);
        if rest[0] != FORMAT || !KINDS.contains(&rest[1]) {
            return None;
        }
        let rest = rest.get(..rest_length(prefix).ok()?)?;
        let (place, entry) = entry_of(prefix, rest, stamp).ok()?;
        Some(Found { at, length: PREFIX_BYTES + rest.len(), place, entry })
    })
}

fn checksum(length: u32, rest: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length.to_be_bytes());
    sum.update(rest);
    sum.finalize()
}

/// Bytes of a fixed length at an offset.
pub(in crate::journal) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Bad> {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().ok_or(Bad::Short)
}

/// A big-endian number at an offset.
pub(in crate::journal) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Bad> {
    bytes_at(bytes, at).map(u32::from_be_bytes)
}

/// A big-endian number at an offset.
pub(in crate::journal) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Bad> {
    bytes_at(bytes, at).map(u64::from_be_bytes)
}

/// Length and checksum of an entry.
pub(in crate::journal) const PREFIX_BYTES: usize = 8;
/// The longest payload; a longer one is refused when written and is damage when read.
pub(in crate::journal) const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Format, kind, sequence, where the write began, and the seal.
const FIXED_BYTES: usize = 1 + 1 + 8 + 8 + SEAL_BYTES;
/// An event's salt, or the id of anything else.
const LINK_BYTES: usize = 16;
const REST_BYTES_MIN: usize = FIXED_BYTES + LINK_BYTES;
const FORMAT: u8 = 3;
const KIND_EVENT: u8 = 1;
const KIND_INTENT: u8 = 2;
const KIND_CLOSED: u8 = 3;
const KINDS: std::ops::RangeInclusive<u8> = KIND_EVENT..=KIND_CLOSED;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::format::seal::Seal;

    const PLACE: Place = Place { write_began: 100, sequence: 42 };

    fn event(payload: &[u8]) -> Entry {
        Entry::Event(Sealed::at(42, [7; 16], Arc::from(payload)))
    }

    fn stamp() -> Stamp {
        Seal::new(Some(&[1; 32])).stamp(3)
    }

    fn written(entry: &Entry) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_entry(&mut bytes, PLACE, entry, &stamp());
        bytes
    }

    fn read(bytes: &[u8], stamp: &Stamp) -> Result<(Place, Entry), Bad> {
        entry_of(&bytes[..8], &bytes[8..], stamp)
    }

    #[test]
    fn an_entry_is_laid_out_as_documented() {
        let id = Uuid::from_bytes([9; 16]);
        let check = |entry: Entry, kind: u8, link: &[u8], payload: &[u8]| {
            let bytes = written(&entry);
            let rest = 34 + link.len() + payload.len();
            assert_eq!(bytes.len(), 8 + rest, "{entry:?}");
            assert_eq!(&bytes[0..4], &(rest as u32).to_be_bytes(), "{entry:?}");
            assert_eq!(&bytes[8..10], &[3, kind], "{entry:?}");
            assert_eq!(&bytes[10..18], &42u64.to_be_bytes(), "{entry:?}");
            assert_eq!(&bytes[18..26], &100u64.to_be_bytes(), "{entry:?}");
            assert_eq!(&bytes[26..42], &stamp().of(kind, PLACE, &entry), "{entry:?}");
            assert_eq!(&bytes[42..], &[link, payload].concat(), "{entry:?}");
            assert_eq!(rest_length(&bytes), Ok(rest), "{entry:?}");
            for other in [Seal::new(Some(&[1; 32])).stamp(4), Seal::new(Some(&[2; 32])).stamp(3)] {
                assert_eq!(read(&bytes, &other), Err(Bad::Forged), "{entry:?}");
            }
            let without_key = Seal::new(None).stamp(9);
            assert_eq!(read(&bytes, &without_key), Ok((PLACE, entry.clone())));
            assert_eq!(read(&bytes, &stamp()), Ok((PLACE, entry)));
        };
        check(event(b"{}"), 1, &[7; 16], b"{}");
        check(Entry::Intent { id, body: Arc::from(&b"[]"[..]) }, 2, &[9; 16], b"[]");
        check(Entry::Closed { id }, 3, &[9; 16], b"");
    }

    #[test]
    fn no_flipped_bit_of_an_entry_is_read_as_good() {
        let body: Arc<[u8]> = Arc::from(&b"{\"a\":1}"[..]);
        let id = Uuid::from_u128(3);
        for entry in [event(&body), Entry::Intent { id, body: Arc::clone(&body) }, Entry::Closed { id }] {
            let bytes = written(&entry);
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&flipped, &stamp()).is_err(), "{entry:?} bit {bit}");
            }
        }
    }

    #[test]
    fn the_next_whole_entry_is_found_behind_damage() {
        let mut bytes = vec![0, 3, 1, 3, 1, 0xff, 3, 1];
        let junk = bytes.len();
        bytes.extend(written(&event(b"{}")));
        bytes.extend([3; 60]);
        let found = Found { at: junk, length: 60, place: PLACE, entry: event(b"{}") };
        assert_eq!(next_entry(&bytes, 0, &stamp()), Some(found));
        assert_eq!(next_entry(&bytes, junk + 1, &stamp()), None);
    }
}
