//! An entry of which values were erased. The value goes, and its salt with it; what stays is the commitment to it, so
//! that the leaf, and every root and checkpoint above it, stays what it was. Pure.
//!
//! The entry's salt makes the salts of all its values, so it goes too. In its place stands, for each personal value in
//! the order of `places.rs`, a [`Piece`]: the value's own salt, or the commitment to what was erased. Where a value was
//! erased, the JSON has a mark, and nothing else: `"erased:"` and 16 hexadecimal digits that stand for the person; or,
//! where an address of a client was, `"::"`, since an event has an address there. Anything else in such a place is a
//! change: a commitment excuses no text that somebody wrote over it.

use std::ops::Range;

use crate::store::sealed::{Hash, Salt, hex, unhex};

use super::{leaf, places};

/// What is known of a personal value's commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// How to make it: the value is there.
    Salt(Salt),
    /// The commitment itself: the value was erased.
    Commitment(Hash),
}

impl Piece {
    /// In hexadecimal: 32 digits are a salt, 64 a commitment.
    pub fn to_text(self) -> String {
        match self {
            Piece::Salt(salt) => hex(&salt),
            Piece::Commitment(commitment) => hex(&commitment),
        }
    }

    /// What [`Piece::to_text`] wrote.
    pub fn of_text(text: &[u8]) -> Option<Piece> {
        let commitment = || unhex(text).map(Piece::Commitment);
        unhex(text).map(Piece::Salt).or_else(commitment)
    }

    /// True when the value was erased.
    pub fn is_erased(self) -> bool {
        matches!(self, Piece::Commitment(_))
    }
}

/// The leaf of an entry of which values were erased; `None` when these are not its pieces, or something else than a
/// mark stands where a value was.
pub(in crate::store) fn leaf_of(sequence: u64, pieces: &[Piece], json: &[u8]) -> Option<Hash> {
    let places = places::of(json);
    let is_marked =
        |(piece, place): (&Piece, &Range<usize>)| !piece.is_erased() || is_mark(&json[place.clone()]);
    let is_fit = places.len() == pieces.len() && pieces.iter().zip(&places).all(is_marked);
    is_fit.then(|| {
        leaf::over(sequence, json, &places, |index, value| match pieces[index] {
            Piece::Salt(salt) => leaf::commitment(&salt, value),
            Piece::Commitment(commitment) => commitment,
        })
    })
}

/// The pieces of an entry of which nothing was erased.
pub(in crate::store) fn pieces_of(salt: &Salt, count: usize) -> Vec<Piece> {
    (0..count).map(|index| Piece::Salt(leaf::salt_of(salt, index))).collect()
}

/// The entry's JSON without the values at these places, and its pieces then. What was erased before stays as it is.
pub(in crate::store) fn without(
    json: &[u8],
    pieces: &[Piece],
    places: &[Range<usize>],
    is_erased: &[bool],
    person: &str,
) -> (Vec<u8>, Vec<Piece>) {
    let (mut kept, mut left, mut from) =
        (Vec::with_capacity(json.len()), Vec::with_capacity(pieces.len()), 0);
    for ((place, piece), is_erased) in places.iter().zip(pieces).zip(is_erased) {
        let value = &json[place.clone()];
        let salt = match piece {
            Piece::Salt(salt) if *is_erased => salt,
            Piece::Salt(_) | Piece::Commitment(_) => {
                left.push(*piece);
                continue;
            }
        };
        left.push(Piece::Commitment(leaf::commitment(salt, value)));
        kept.extend_from_slice(&json[from..place.start]);
        kept.extend_from_slice(if is_address(value) { NOWHERE } else { person.as_bytes() });
        from = place.end;
    }
    kept.extend_from_slice(&json[from..]);
    (kept, left)
}

/// The mark of a person, with its quotes.
pub(in crate::store) fn mark(digits: &str) -> String {
    format!("\"{ERASED}{digits}\"")
}

fn is_mark(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"\"").and_then(|value| value.strip_prefix(ERASED.as_bytes()));
    let digits = digits.and_then(|value| value.strip_suffix(b"\""));
    value == NOWHERE || digits.is_some_and(|digits| unhex::<8>(digits).is_some())
}

/// True for an address of the internet, as events have those of clients.
fn is_address(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    text.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

/// As the store keeps them: how many, 4 bytes; of each, 0 and a salt, or 1 and a commitment.
pub(in crate::store) fn to_bytes(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = u32::try_from(pieces.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    for piece in pieces {
        match piece {
            Piece::Salt(salt) => {
                bytes.push(KIND_SALT);
                bytes.extend_from_slice(salt);
            }
            Piece::Commitment(commitment) => {
                bytes.push(KIND_COMMITMENT);
                bytes.extend_from_slice(commitment);
            }
        }
    }
    bytes
}

/// What [`to_bytes`] wrote, and what follows it.
pub(in crate::store) fn of_bytes(bytes: &[u8]) -> Option<(Vec<Piece>, &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk()?;
    let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
    // Each takes more than one byte: a count that cannot be is not made room for.
    let mut pieces = Vec::with_capacity(count.min(rest.len()));
    for _ in 0..count {
        let (kind, value) = rest.split_first()?;
        let piece = match *kind {
            KIND_SALT => value.split_first_chunk().map(|(salt, rest)| (Piece::Salt(*salt), rest)),
            KIND_COMMITMENT => {
                value.split_first_chunk().map(|(commitment, rest)| (Piece::Commitment(*commitment), rest))
            }
            _ => None,
        };
        let (piece, behind) = piece?;
        pieces.push(piece);
        rest = behind;
    }
    Some((pieces, rest))
}

const ERASED: &str = "erased:";
/// The address that is none (RFC 4291, section 2.5.2).
const NOWHERE: &[u8] = b"\"::\"";
const KIND_SALT: u8 = 0;
const KIND_COMMITMENT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Head;
    use crate::store::fixture::sealed;

    fn erased(places: &[usize]) -> (Hash, Vec<u8>, Vec<Piece>) {
        let entry = &sealed(Head::default(), 5..=5)[0];
        let found = places::of(&entry.json);
        let is_erased: Vec<bool> = (0..found.len()).map(|index| places.contains(&index)).collect();
        let pieces = pieces_of(&entry.salt, found.len());
        assert_eq!(leaf_of(1, &pieces, &entry.json), Some(entry.leaf));
        let (json, pieces) = without(&entry.json, &pieces, &found, &is_erased, &mark("0123456789abcdef"));
        (entry.leaf, json, pieces)
    }

    // THREATS P01
    #[test]
    fn a_leaf_stays_what_it_was_whatever_is_erased() {
        let all = places::of(&sealed(Head::default(), 5..=5)[0].json).len();
        for places in [vec![], vec![0], vec![3, 4], (0..all).collect()] {
            let (leaf, json, pieces) = erased(&places);
            assert_eq!(leaf_of(1, &pieces, &json), Some(leaf), "{places:?}");
            assert_eq!(pieces.iter().filter(|piece| piece.is_erased()).count(), places.len());
            let event: crate::event::Event = serde_json::from_slice(&json).unwrap();
            assert_eq!(serde_json::to_vec(&event).unwrap(), json, "it is still an event of ours");
        }
        let (_, json, _) = erased(&(0..all).collect::<Vec<_>>());
        let text = String::from_utf8(json).unwrap();
        for value in ["Jordis", "10.1.2.3", "Blue Salon", "moved number", "Kept", "4711", "b-5"] {
            assert!(!text.contains(value), "{value} in {text}");
        }
    }

    // THREATS S06
    #[test]
    fn nothing_but_a_mark_may_stand_where_a_value_was() {
        let (leaf, json, pieces) = erased(&[0, 3]);
        let text = String::from_utf8(json).unwrap();
        for other in
            ["\"erased:0123456789abcde\"", "\"erased:0123456789abcdeF\"", "\"Bob\"", "null", "\"erased:\""]
        {
            let changed = text.replacen("\"erased:0123456789abcdef\"", other, 1);
            assert_eq!(leaf_of(1, &pieces, changed.as_bytes()), None, "{other}");
        }
        // Which person a mark stands for is no part of the leaf; what stands beside it is.
        let other = text.replacen("cdef\"", "cdee\"", 1);
        assert_eq!(leaf_of(1, &pieces, other.as_bytes()), Some(leaf));
        assert_ne!(leaf_of(1, &pieces, text.replace("success", "failure").as_bytes()), Some(leaf));
        assert_eq!(leaf_of(1, &pieces[1..], text.as_bytes()), None);
    }

    // The same as the viewer and the reader in Python compute it (THREATS S04).
    #[test]
    fn the_leaf_of_an_erased_entry_is_the_one_of_other_readers() {
        let json = |title: &str, ip: &str| {
            let rest = r#""actor":{"type":"user","id":"42"},"#;
            format!(r#"{{"format":1,"title":"{title}",{rest}"client":{{"ip":"{ip}"}},"z":0}}"#)
        };
        let pieces = [
            "41dbe6ddae72c2fbf6f288ad409c26f59f092fcb0db8104da44d9f7c85e7df86",
            "d41f5b479f9edf25735fd541f4ef39f6",
            "f42bbae317f1fb350988cfc8059e91b920f94155649d1a52da37f1c9ca9d21f8",
        ];
        let pieces = pieces.map(|piece| Piece::of_text(piece.as_bytes()).unwrap());
        let leaf = leaf::of(9, &[7; 16], json("Anna moved it", "10.0.0.1").as_bytes());
        assert_eq!(hex(&leaf), "917203be081a2b56e090b771ebb8a808fa9017493bbff0a048f665ca91668a44");
        let erased = json("erased:0123456789abcdef", "::");
        assert_eq!(leaf_of(9, &pieces, erased.as_bytes()), Some(leaf));
    }

    #[test]
    fn pieces_are_read_as_they_were_written_and_no_cut_passes() {
        let pieces = [Piece::Salt([7; 16]), Piece::Commitment([9; 32]), Piece::Salt([0; 16])];
        let bytes = [to_bytes(&pieces), b"{}".to_vec()].concat();
        assert_eq!(of_bytes(&bytes), Some((pieces.to_vec(), &b"{}"[..])));
        (0..bytes.len() - 2).for_each(|end| assert_eq!(of_bytes(&bytes[..end]), None, "{end}"));
        assert_eq!(of_bytes(&[0xff; 64]), None);
        for piece in pieces {
            assert_eq!(Piece::of_text(piece.to_text().as_bytes()), Some(piece));
        }
        assert_eq!(Piece::of_text(b"00"), None);
    }
}
