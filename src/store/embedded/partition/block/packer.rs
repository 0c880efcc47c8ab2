//! Making blocks: rows are put in one after the other, and come out as a value of the database or of a packed partition.

use std::borrow::Cow;
use std::io;

use super::payload::{self, payload};
use super::{CODING_ZSTD, EVENTS_MAX, FIXED_BYTES, FORMAT, Facts, LEVEL, Mark, RAW_BYTES_AIM, Span, id_ms};
use crate::store::sealed::{Salt, Sealed};

/// An entry as a block keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) struct Row<'a> {
    pub(super) facts: Facts,
    pub(super) salt: Salt,
    pub(super) mark: Mark,
    /// See `payload.rs`.
    pub(super) kind: u8,
    pub(super) payload: Cow<'a, [u8]>,
}

impl Row<'_> {
    /// That of an entry, which is also told by its facts.
    pub(in crate::store::embedded) fn of(entry: &Sealed, facts: Facts) -> Row<'_> {
        let [a, b, c, d, ..] = entry.leaf;
        let kind = payload::kind(entry);
        Row { facts, salt: entry.salt, mark: [a, b, c, d], kind, payload: payload(entry) }
    }

    /// How long its payload is.
    pub(in crate::store::embedded) fn payload_bytes(&self) -> usize {
        self.payload.len()
    }
}

/// How many of these entries make the next block.
pub(in crate::store::embedded) fn fitting(entries: &[Sealed]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Sealed| {
        bytes += entry.json.len();
        bytes <= RAW_BYTES_AIM
    };
    entries.iter().take(EVENTS_MAX).take_while(fits).count().max(1).min(entries.len())
}

/// Makes blocks. Kept between them, because a fresh compressor costs as much as what it compresses.
pub(in crate::store::embedded) struct Packer {
    compressor: zstd::bulk::Compressor<'static>,
    draft: Draft,
}

/// A block in the making, column by column.
#[derive(Default)]
struct Draft {
    facts: Vec<Facts>,
    lengths: Vec<u8>,
    kinds: Vec<u8>,
    salts: Vec<u8>,
    marks: Vec<u8>,
    payloads: Vec<u8>,
}

impl Packer {
    /// # Errors
    /// When there is no memory for it.
    pub(in crate::store::embedded) fn new() -> io::Result<Packer> {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Packer { compressor, draft: Draft::default() })
    }

    /// The value for consecutive entries and their facts; at least one, at most 64 of each.
    ///
    /// # Errors
    /// When the compressor refuses, in its own words.
    pub(in crate::store::embedded) fn encode(
        &mut self,
        entries: &[Sealed],
        facts: &[Facts],
    ) -> Result<Vec<u8>, String> {
        self.draft = Draft::default();
        entries.iter().zip(facts).try_for_each(|(entry, facts)| self.put(&Row::of(entry, *facts)))?;
        self.finish()
    }

    /// How many rows wait, and how many bytes of payload.
    pub(in crate::store::embedded) fn waiting(&self) -> (usize, usize) {
        (self.draft.facts.len(), self.draft.payloads.len())
    }

    /// Puts the next row into the block.
    ///
    /// # Errors
    /// When it is too long.
    pub(in crate::store::embedded) fn put(&mut self, row: &Row) -> Result<(), String> {
        let length = u32::try_from(row.payload.len()).map_err(|_| "a payload is too long")?;
        let draft = &mut self.draft;
        draft.facts.push(row.facts);
        draft.lengths.extend_from_slice(&length.to_be_bytes());
        draft.kinds.push(row.kind);
        draft.salts.extend_from_slice(&row.salt);
        draft.marks.extend_from_slice(&row.mark);
        draft.payloads.extend_from_slice(&row.payload);
        Ok(())
    }

    /// The value of the rows that were put in.
    ///
    /// # Errors
    /// When there are none, or the compressor refuses, in its own words.
    pub(in crate::store::embedded) fn finish(&mut self) -> Result<Vec<u8>, String> {
        let Draft { facts, lengths, kinds, salts, marks, payloads } = std::mem::take(&mut self.draft);
        let (Some(times), Some(ids)) = (
            Span::of(facts.iter().map(|facts| facts.time_ms)),
            Span::of(facts.iter().map(|facts| id_ms(facts.id))),
        ) else {
            return Err("an empty block".to_owned());
        };
        let mut raw = Vec::with_capacity(facts.len() * FIXED_BYTES + payloads.len());
        facts.iter().for_each(|facts| raw.extend_from_slice(facts.id.as_bytes()));
        facts.iter().for_each(|facts| raw.extend_from_slice(&facts.time_ms.to_be_bytes()));
        [lengths, kinds, salts, marks, payloads].iter().for_each(|column| raw.extend_from_slice(column));
        let count = u16::try_from(facts.len()).map_err(|_| "too many entries")?;
        let raw_bytes = u32::try_from(raw.len()).map_err(|_| "a block is too long")?;
        let mut value = vec![FORMAT, CODING_ZSTD];
        value.extend_from_slice(&count.to_be_bytes());
        value.extend_from_slice(&raw_bytes.to_be_bytes());
        [times.min, times.max].iter().for_each(|time| value.extend_from_slice(&time.to_be_bytes()));
        [ids.min, ids.max].iter().for_each(|time| value.extend_from_slice(&time.to_be_bytes()));
        value.extend_from_slice(&self.compressor.compress(&raw).map_err(|error| error.to_string())?);
        Ok(value)
    }
}
