//! What a block holds of one entry: its JSON; its leaf alone; or what was left when values were erased.

use std::borrow::Cow;
use std::sync::Arc;

use crate::store::sealed::{Salt, Sealed};
use crate::store::tree::erased;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The event's JSON.
    Event,
    /// Its leaf.
    Removed,
    /// Its pieces and its JSON; where that begins.
    Erased { json: usize },
}

impl Kind {
    /// That of a byte in a block, of a payload that begins there.
    pub(super) fn of_byte(byte: [u8; 1], start: usize) -> Option<Kind> {
        match byte {
            [KIND_EVENT] => Some(Kind::Event),
            [KIND_REMOVED] => Some(Kind::Removed),
            [KIND_ERASED] => Some(Kind::Erased { json: start }),
            [_] => None,
        }
    }

    /// Its byte in a block.
    pub(super) fn byte(self) -> u8 {
        match self {
            Kind::Event => KIND_EVENT,
            Kind::Removed => KIND_REMOVED,
            Kind::Erased { .. } => KIND_ERASED,
        }
    }

    /// The kind with what the payload itself tells of it; `None` where that is of another kind.
    pub(super) fn found(self, start: usize, payload: &[u8]) -> Option<Kind> {
        match self {
            Kind::Event => Some(self),
            Kind::Removed => (payload.len() == 32).then_some(self),
            Kind::Erased { .. } => {
                let (_, json) = erased::of_bytes(payload)?;
                Some(Kind::Erased { json: start + payload.len() - json.len() })
            }
        }
    }

    /// Where the JSON begins; `None` where there is none.
    pub(super) fn json_at(self, start: usize) -> Option<usize> {
        match self {
            Kind::Event => Some(start),
            Kind::Removed => None,
            Kind::Erased { json } => Some(json),
        }
    }
}

/// The byte of an entry's kind.
pub(super) fn kind(entry: &Sealed) -> u8 {
    match &entry.pieces {
        Some(_) => KIND_ERASED,
        None if entry.is_removed() => KIND_REMOVED,
        None => KIND_EVENT,
    }
}

/// What is kept of an entry.
pub(super) fn payload(entry: &Sealed) -> Cow<'_, [u8]> {
    match &entry.pieces {
        Some(pieces) => [&erased::to_bytes(pieces), &*entry.json].concat().into(),
        None if entry.is_removed() => Cow::Borrowed(&entry.leaf),
        None => Cow::Borrowed(&entry.json),
    }
}

/// The entry of a payload, its leaf computed.
pub(super) fn entry(sequence: u64, kind: Kind, salt: Salt, payload: &[u8]) -> Option<Sealed> {
    match kind {
        Kind::Event => Some(Sealed::at(sequence, salt, Arc::from(payload))),
        Kind::Removed => Some(Sealed::removed(sequence, *payload.first_chunk()?)),
        Kind::Erased { .. } => {
            let (pieces, json) = erased::of_bytes(payload)?;
            Some(Sealed::in_pieces(sequence, pieces.into(), Arc::from(json)))
        }
    }
}

const KIND_EVENT: u8 = 0;
const KIND_REMOVED: u8 = 1;
const KIND_ERASED: u8 = 2;
