//! Blocks: up to 64 consecutive events, compressed together, as one value of a database, or of a packed partition. Pure.
//!
//! A block is known by its first sequence, which it does not say itself. The value, numbers big-endian:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | format, 2 |
//! | 1 | 1 | coding of the rest: 1 zstd, one frame with checksum, no dictionary |
//! | 2 | 2 | n, how many events |
//! | 4 | 4 | length of the rest before compression |
//! | 8 | 8 + 8 | lowest and highest event time, milliseconds since 1970, signed |
//! | 24 | 8 + 8 | lowest and highest time in an event id (its first 48 bits, as in UUIDv7) |
//! | 40 | rest | compressed, see below |
//!
//! Before compression, for n events: their ids (16 each), times (8 each, as above), lengths of payloads (4 each),
//! kinds (1 each), salts (16 each), marks (4 each), payloads. The payload of kind 0 is the event's JSON. Of kind 1 only
//! the leaf is left, 32 bytes: a policy removed the rest; its salt is zero. Of kind 2 values were erased: its pieces (see
//! `tree/erased.rs`) stand before the JSON, in the place of the salt, which is zero. Leaves are not kept otherwise: they are
//! computed from salt and payload. The mark is a leaf's first four bytes, so that an entry that is not as it was
//! written is told from its neighbours; what proves anything is the tree.

mod packer;
mod payload;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::store::sealed::{Salt, Sealed};
pub(in crate::store::embedded) use packer::{Packer, Row, fitting};
use payload::Kind;

/// What can be told of a block without undoing its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) struct Label {
    pub count: u16,
    raw_bytes: u32,
    pub times: Span<i64>,
    pub ids: Span<u64>,
}

/// Lowest and highest of something, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub(in crate::store::embedded) struct Span<T> {
    pub min: T,
    pub max: T,
}

/// A block that was read.
#[derive(Debug)]
pub(in crate::store::embedded) struct Block {
    first: u64,
    kept: Vec<Kept>,
    /// All of it, payloads behind what is kept of each entry.
    raw: Vec<u8>,
}

/// What a block keeps of an entry, beside its payload.
#[derive(Clone, Copy, Debug)]
struct Kept {
    facts: Facts,
    salt: Salt,
    mark: Mark,
    kind: Kind,
    /// Where its payload is in the block.
    start: usize,
    end: usize,
}

/// The first bytes of a leaf.
type Mark = [u8; 4];

/// What the store itself reads of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) struct Facts {
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub time_ms: i64,
}

impl Facts {
    /// Reads them from an event's JSON; bytes that are no event have a nil id and time 0, and are kept
    /// all the same.
    pub(in crate::store::embedded) fn of(json: &[u8]) -> Facts {
        #[derive(Deserialize)]
        struct Form {
            id: Uuid,
            time: Timestamp,
        }
        if let Some(facts) = Facts::at_the_start(json) {
            return facts;
        }
        serde_json::from_slice(json).map_or(Facts { id: Uuid::nil(), time_ms: 0 }, |form: Form| Facts {
            id: form.id,
            time_ms: form.time.as_millisecond(),
        })
    }

    /// The same from an event as this program writes it, id and time first, without reading the rest.
    fn at_the_start(json: &[u8]) -> Option<Facts> {
        let json = json.strip_prefix(b"{\"format\":")?;
        let (format, json) = before(json, b',')?;
        let (id, json) = before(json.strip_prefix(b"\"id\":\"")?, b'"')?;
        let (time, _) = before(json.strip_prefix(b",\"time\":\"")?, b'"')?;
        let time: Timestamp = time.parse().ok()?;
        let facts = Facts { id: id.parse().ok()?, time_ms: time.as_millisecond() };
        format.bytes().all(|byte| byte.is_ascii_digit()).then_some(facts)
    }
}

/// A short text up to a mark, and what follows the mark.
fn before(json: &[u8], mark: u8) -> Option<(&str, &[u8])> {
    let end = json.iter().take(TEXT_BYTES_MAX).position(|byte| *byte == mark)?;
    Some((std::str::from_utf8(&json[..end]).ok()?, &json[end + 1..]))
}

impl<T: Ord + Copy> Span<T> {
    pub(in crate::store::embedded) fn of(mut values: impl Iterator<Item = T>) -> Option<Span<T>> {
        let first = values.next()?;
        Some(values.fold(Span { min: first, max: first }, Span::with))
    }

    pub(in crate::store::embedded) fn with(self, value: T) -> Span<T> {
        Span { min: self.min.min(value), max: self.max.max(value) }
    }

    pub(in crate::store::embedded) fn and(self, other: Span<T>) -> Span<T> {
        self.with(other.min).with(other.max)
    }

    pub(in crate::store::embedded) fn holds(self, value: T) -> bool {
        (self.min..=self.max).contains(&value)
    }
}

/// The time in an id, as UUIDv7 has it: its first 48 bits, milliseconds since 1970.
pub(in crate::store::embedded) fn id_ms(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX)
}

/// Reads a value's label.
///
/// # Errors
/// Says what is wrong with it.
pub(in crate::store::embedded) fn label(value: &[u8]) -> Result<Label, String> {
    let mut fields = Fields(value);
    let [format, coding] = fields.take().ok_or(SHORT)?;
    if format < FORMAT {
        return Err(format!("a block has format {format}, which no released version wrote: begin a new log"));
    }
    if format != FORMAT || coding != CODING_ZSTD {
        return Err(format!("a block has format {format} and coding {coding}, which are not known"));
    }
    let label = Label {
        count: u16::from_be_bytes(fields.take().ok_or(SHORT)?),
        raw_bytes: u32::from_be_bytes(fields.take().ok_or(SHORT)?),
        times: Span { min: fields.signed().ok_or(SHORT)?, max: fields.signed().ok_or(SHORT)? },
        ids: Span { min: fields.unsigned().ok_or(SHORT)?, max: fields.unsigned().ok_or(SHORT)? },
    };
    let is_possible = label.count > 0 && label.raw_bytes <= RAW_BYTES_MAX;
    is_possible.then_some(label).ok_or_else(|| "a block's label is damaged".to_owned())
}

/// Reads a whole value whose key is `first`.
///
/// # Errors
/// Says what is wrong with it.
pub(in crate::store::embedded) fn decode(first: u64, value: &[u8]) -> Result<Block, String> {
    let label = label(value)?;
    let raw_bytes = usize::try_from(label.raw_bytes).map_err(|error| error.to_string())?;
    let raw = unpacked(value.get(LABEL_BYTES..).unwrap_or_default(), raw_bytes)
        .map_err(|error| format!("block {first} cannot be decompressed: {error}"))?;
    let mut fields = Fields(&raw);
    let mut kept = kept(&mut fields, usize::from(label.count)).ok_or(SHORT)?;
    if raw.len() != kept.last().map_or(0, |last| last.end) {
        return Err(format!("block {first} has another length than it says"));
    }
    for kept in &mut kept {
        kept.kind = kept
            .kind
            .found(kept.start, &raw[kept.start..kept.end])
            .ok_or_else(|| format!("block {first} has an entry whose payload is not of its kind"))?;
    }
    Ok(Block { first, kept, raw })
}

fn unpacked(bytes: &[u8], raw_bytes: usize) -> io::Result<Vec<u8>> {
    thread_local! {
        /// Kept, because making one takes a good part of what undoing a block does.
        static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    UNPACKER.with_borrow_mut(|kept| {
        let unpacker = match kept {
            Some(unpacker) => unpacker,
            None => kept.insert(zstd::bulk::Decompressor::new()?),
        };
        unpacker.decompress(bytes, raw_bytes)
    })
}

fn kept(fields: &mut Fields<'_>, count: usize) -> Option<Vec<Kept>> {
    let ids: Vec<[u8; 16]> = (0..count).map(|_| fields.take()).collect::<Option<_>>()?;
    let times: Vec<i64> = (0..count).map(|_| fields.signed()).collect::<Option<_>>()?;
    let lengths: Vec<[u8; 4]> = (0..count).map(|_| fields.take()).collect::<Option<_>>()?;
    let kinds: Vec<[u8; 1]> = (0..count).map(|_| fields.take()).collect::<Option<_>>()?;
    let salts: Vec<Salt> = (0..count).map(|_| fields.take()).collect::<Option<_>>()?;
    let marks: Vec<Mark> = (0..count).map(|_| fields.take()).collect::<Option<_>>()?;
    let mut end = count.checked_mul(FIXED_BYTES)?;
    (0..count)
        .map(|index| {
            let start = end;
            end = start.checked_add(usize::try_from(u32::from_be_bytes(lengths[index])).ok()?)?;
            let facts = Facts { id: Uuid::from_bytes(ids[index]), time_ms: times[index] };
            let kind = Kind::of_byte(kinds[index], start)?;
            Some(Kept { facts, salt: salts[index], mark: marks[index], kind, start, end })
        })
        .collect()
}

impl Block {
    /// Its first sequence.
    pub(in crate::store::embedded) fn first(&self) -> u64 {
        self.first
    }

    /// The last one.
    pub(in crate::store::embedded) fn last(&self) -> u64 {
        self.first + self.kept.len() as u64 - 1
    }

    /// True when the entry of that sequence is in it.
    pub(in crate::store::embedded) fn holds(&self, sequence: u64) -> bool {
        (self.first..=self.last()).contains(&sequence)
    }

    /// Its events, first to last: sequence, facts, JSON. Those that were removed are not among them.
    pub(in crate::store::embedded) fn events(&self) -> impl DoubleEndedIterator<Item = (u64, Facts, &[u8])> {
        self.kept.iter().enumerate().filter_map(|(index, kept)| {
            let start = kept.kind.json_at(kept.start)?;
            Some((self.first + index as u64, kept.facts, &self.raw[start..kept.end]))
        })
    }

    /// The entry at a place, its leaf computed from what is stored.
    pub(in crate::store::embedded) fn entry(&self, sequence: u64) -> Option<Sealed> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let kept = self.kept.get(index)?;
        payload::entry(sequence, kept.kind, kept.salt, &self.raw[kept.start..kept.end])
    }

    /// The entry of that sequence as it is kept.
    pub(in crate::store::embedded) fn row(&self, sequence: u64) -> Option<Row<'_>> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let Kept { facts, salt, mark, kind, start, end } = *self.kept.get(index)?;
        Some(Row { facts, salt, mark, kind: kind.byte(), payload: Cow::Borrowed(&self.raw[start..end]) })
    }

    /// The event of that sequence, its facts and JSON; `None` for one that was removed.
    pub(in crate::store::embedded) fn event(&self, sequence: u64) -> Option<(Facts, &[u8])> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        let kept = self.kept.get(index)?;
        Some((kept.facts, &self.raw[kept.kind.json_at(kept.start)?..kept.end]))
    }

    /// What the store read of an entry when it was written.
    pub(in crate::store::embedded) fn facts(&self, sequence: u64) -> Option<Facts> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.kept.get(index).map(|kept| kept.facts)
    }

    /// True when an entry of this block has the leaf that it was written with, as far as its mark tells.
    pub(in crate::store::embedded) fn is_as_marked(&self, entry: &Sealed) -> bool {
        let index = entry.sequence.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.kept.get(index)).is_some_and(|kept| entry.leaf.starts_with(&kept.mark))
    }
}

/// A reader of fixed fields.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn signed(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

/// Events are alike, so that the fastest level finds as much as the third, and more events in a block find
/// more than a higher level: 133 bytes an event at 64, 181 at 16, of 1,440.
const LEVEL: i32 = 1;
/// What was kept with formats below was never released.
const FORMAT: u8 = 2;
/// What an entry takes in a block beside its payload.
const FIXED_BYTES: usize = 16 + 8 + 4 + 1 + 16 + 4;
const CODING_ZSTD: u8 = 1;
const LABEL_BYTES: usize = 40;
/// An id or a time is no longer.
const TEXT_BYTES_MAX: usize = 40;
const SHORT: &str = "a block ends early";
/// The database writes values over about 128 KiB to files of their own; blocks stay far below.
const EVENTS_MAX: usize = 64;
const RAW_BYTES_AIM: usize = 96 << 10;
/// A single event of the largest size, with room.
const RAW_BYTES_MAX: u32 = 32 << 20;

#[cfg(test)]
mod tests;
