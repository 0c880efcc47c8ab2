//! Cursors: where a page ended, sealed so that it can only be used as it was given.
//!
//! A cursor is a place in the log ("behind this sequence"), never an offset: events that arrive meanwhile go
//! above it, so pages neither skip nor repeat. To the byte, before base64url without padding:
//!
//! ```text
//! 1   version, 3
//! 1   0 to go on, 1 to go back: hidden
//! 8   the sequence behind which to go on, big-endian: hidden
//! 16  fingerprint of filter and order: SHA-256, cut
//! 16  HMAC-SHA-256 of all that, cut; key = HMAC-SHA-256(HMAC-SHA-256(installation key, "earwitness cursor 1"), reader)
//! ```
//!
//! The key comes from the installation, so a cursor outlives a restart; and from who reads, by the id of his token, so that it is
//! of no use to another, even one who sees the same (THREATS Q03).
//!
//! The place is hidden under HMAC-SHA-256 of `FF` and the last 16 bytes, with the same key: how far the log is says how busy others are
//! (THREATS S15). Equal places look equal, and nothing more can be seen of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::super::access::Caller;
use crate::store::{Filter, Order, Sight, Visible};

/// Seals and opens cursors.
pub(in crate::api) struct Cursors {
    key: [u8; 32],
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) struct Place {
    /// Behind which sequence.
    pub(in crate::api) sequence: u64,
    /// On which side of it.
    pub(in crate::api) way: Way,
}

/// Which way pages are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Way {
    /// Onwards, in the order asked for.
    On,
    /// Back towards the first page.
    Back,
}

/// Why a cursor is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum CursorFault {
    /// We did not make it, or it was changed.
    Foreign,
    /// It belongs to other filters.
    OtherFilters,
}

impl Cursors {
    /// Cursors of an installation.
    pub(in crate::api) fn new(installation_key: &[u8; 32]) -> Cursors {
        Cursors { key: keyed(installation_key, b"earwitness cursor 1").finalize().into_bytes().into() }
    }

    /// Those of one reader.
    pub(in crate::api) fn of(&self, reader: &Caller) -> Cursors {
        let id = reader.id.as_deref().unwrap_or_default();
        Cursors { key: keyed(&self.key, id.as_bytes()).finalize().into_bytes().into() }
    }

    /// A cursor to go on there with the same filters and order.
    pub(in crate::api) fn seal(&self, place: Place, filter: &Filter, order: Order) -> String {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1] = match place.way {
            Way::On => 0,
            Way::Back => 1,
        };
        bytes[2..10].copy_from_slice(&place.sequence.to_be_bytes());
        bytes[10..SEALED].copy_from_slice(&fingerprint(filter, order));
        let tag = keyed(&self.key, &bytes[..SEALED]).finalize().into_bytes();
        bytes[SEALED..].copy_from_slice(&tag[..LENGTH - SEALED]);
        self.hide(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where to go on.
    ///
    /// # Errors
    /// When the cursor is not ours, was changed, or belongs to other filters or another order.
    pub(in crate::api) fn open(
        &self,
        text: &str,
        filter: &Filter,
        order: Order,
    ) -> Result<Place, CursorFault> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorFault::Foreign)?;
        let mut bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| CursorFault::Foreign)?;
        self.hide(&mut bytes);
        keyed(&self.key, &bytes[..SEALED])
            .verify_truncated_left(&bytes[SEALED..])
            .map_err(|_| CursorFault::Foreign)?;
        let way = match bytes[..2] {
            [VERSION, 0] => Way::On,
            [VERSION, 1] => Way::Back,
            _ => return Err(CursorFault::Foreign),
        };
        if bytes[10..SEALED] != fingerprint(filter, order) {
            return Err(CursorFault::OtherFilters);
        }
        let mut sequence = [0; 8];
        sequence.copy_from_slice(&bytes[2..10]);
        Ok(Place { sequence: u64::from_be_bytes(sequence), way })
    }

    /// Hides the place, or shows it again. What is sealed begins with the version, which is not `FF`.
    fn hide(&self, bytes: &mut [u8; LENGTH]) {
        let (sealed, tag) = bytes.split_at_mut(SEALED);
        let mut mask = keyed(&self.key, &[0xff]);
        mask.update(tag);
        sealed[1..10].iter_mut().zip(mask.finalize().into_bytes()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// HMAC-SHA-256 under a key, fed with the first data.
pub(in crate::api) fn keyed(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)");
    mac.update(data);
    mac
}

/// Equal for filters that mean the same whatever the order of their values. Every part is length-prefixed,
/// so that no two filters write the same bytes.
fn fingerprint(filter: &Filter, order: Order) -> [u8; 16] {
    // Taken apart by name: a new member must be added here, or it does not build.
    let Filter {
        visible,
        things,
        actor,
        claimed_actor,
        action,
        kind,
        category,
        source,
        result,
        target_type,
        target_id,
        ip,
        from,
        to,
        organization,
        team,
        tag,
        rule,
        search,
    } = filter;
    let mut hash = Sha256::new();
    hash.update([u8::from(order == Order::Oldest)]);
    let texts = [
        actor,
        claimed_actor,
        action,
        kind,
        category,
        source,
        target_type,
        target_id,
        organization,
        team,
        tag,
        rule,
    ];
    for texts in texts {
        add(&mut hash, texts.iter().map(|text| text.to_lowercase()));
    }
    add(&mut hash, search.iter().map(ToString::to_string));
    add(&mut hash, result.iter().map(|result| result.as_str().to_owned()));
    add(&mut hash, ip.iter().map(ToString::to_string));
    add(&mut hash, from.iter().map(ToString::to_string));
    add(&mut hash, to.iter().map(ToString::to_string));
    add(&mut hash, things.iter().map(|thing| format!("{} {}{}", thing.r#type.len(), thing.r#type, thing.id)));
    add_visible(&mut hash, visible);
    let mut cut = [0; 16];
    cut.copy_from_slice(&hash.finalize()[..16]);
    cut
}

/// A cursor is of no use to somebody who sees something else (THREATS Q03).
fn add_visible(hash: &mut Sha256, visible: &Visible) {
    match visible {
        Visible::Everything => add(hash, std::iter::empty()),
        Visible::Only(sights) => {
            hash.update([1]);
            add(
                hash,
                sights.iter().map(|sight| match sight {
                    Sight::Organization(id) => format!("organization {id}"),
                    Sight::Team(id) => format!("team {id}"),
                    Sight::Target { r#type, id } => format!("target {} {type}{id}", r#type.len()),
                    Sight::Actor(id) => format!("actor {id}"),
                }),
            );
        }
    }
}

fn add(hash: &mut Sha256, values: impl Iterator<Item = String>) {
    let mut values: Vec<String> = values.collect();
    values.sort();
    values.dedup();
    hash.update((values.len() as u64).to_be_bytes());
    for value in values {
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
    }
}

const VERSION: u8 = 3;
/// Bytes that the tag covers.
const SEALED: usize = 26;
const LENGTH: usize = 42;

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { sequence: 42, way: Way::On };

    fn filter(actor: &[&str], action: &[&str]) -> Filter {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Filter { actor: texts(actor), action: texts(action), ..Filter::default() }
    }

    #[test]
    fn a_cursor_opens_with_the_filters_it_was_made_for_in_any_order() {
        let cursors = Cursors::new(&[1; 32]);
        let cursor = cursors.seal(PLACE, &filter(&["a", "b"], &[]), Order::Newest);
        assert_eq!(cursors.open(&cursor, &filter(&["B", "a", "b"], &[]), Order::Newest), Ok(PLACE));
        let other = Err(CursorFault::OtherFilters);
        assert_eq!(cursors.open(&cursor, &filter(&["a"], &[]), Order::Newest), other);
        assert_eq!(cursors.open(&cursor, &filter(&["ab"], &[]), Order::Newest), other);
        assert_eq!(cursors.open(&cursor, &filter(&[], &["a", "b"]), Order::Newest), other);
        assert_eq!(cursors.open(&cursor, &filter(&["a"], &["b"]), Order::Newest), other);
        assert_eq!(cursors.open(&cursor, &filter(&["a", "b"], &[]), Order::Oldest), other);
    }

    // THREATS Q03
    #[test]
    fn a_cursor_is_of_no_use_to_somebody_who_sees_something_else() {
        let cursors = Cursors::new(&[1; 32]);
        let sight = |r#type: &str, id: &str| Sight::Target { r#type: r#type.to_owned(), id: id.to_owned() };
        let team = |id: &str| Sight::Team(id.to_owned());
        let all = [
            Visible::Everything,
            Visible::Only(vec![]),
            Visible::Only(vec![team("a")]),
            Visible::Only(vec![team("a"), team("b")]),
            Visible::Only(vec![Sight::Organization("a".to_owned())]),
            Visible::Only(vec![Sight::Actor("a".to_owned())]),
            Visible::Only(vec![sight("a", "bc")]),
            Visible::Only(vec![sight("ab", "c")]),
        ];
        for (made, own) in all.iter().enumerate() {
            let cursor =
                cursors.seal(PLACE, &Filter { visible: own.clone(), ..Filter::default() }, Order::Newest);
            for (used, other) in all.iter().enumerate() {
                let opened = cursors.open(
                    &cursor,
                    &Filter { visible: other.clone(), ..Filter::default() },
                    Order::Newest,
                );
                assert_eq!(opened.is_ok(), made == used, "{own:?} {other:?}");
            }
        }
    }

    // THREATS Q03
    #[test]
    fn a_cursor_is_of_no_use_to_another_reader_who_sees_the_same() {
        let cursors = Cursors::new(&[1; 32]);
        let readers = [Caller::neighbour(), Caller::holder([0; 32]), Caller::stranger()];
        for (made, own) in readers.iter().enumerate() {
            let cursor = cursors.of(own).seal(PLACE, &Filter::default(), Order::Newest);
            for (used, other) in readers.iter().enumerate() {
                let opened = cursors.of(other).open(&cursor, &Filter::default(), Order::Newest);
                assert_eq!(opened.is_ok(), made == used, "{own:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_cursor_that_was_changed_or_comes_from_elsewhere_is_refused() {
        // THREATS Q03
        let cursors = Cursors::new(&[1; 32]);
        let cursor = cursors.seal(PLACE, &Filter::default(), Order::Newest);
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let changed = URL_SAFE_NO_PAD.encode(changed);
                assert_eq!(
                    cursors.open(&changed, &Filter::default(), Order::Newest),
                    Err(CursorFault::Foreign)
                );
            }
        }
        for text in ["", "abc", "!", &cursor[1..], &format!("{cursor}A"), &"A".repeat(1 << 20)] {
            assert_eq!(cursors.open(text, &Filter::default(), Order::Newest), Err(CursorFault::Foreign));
        }
        assert_eq!(
            Cursors::new(&[2; 32]).open(&cursor, &Filter::default(), Order::Newest),
            Err(CursorFault::Foreign)
        );
    }

    // THREATS S15
    #[test]
    fn a_cursor_shows_nobody_how_far_the_log_is() {
        let cursors = Cursors::new(&[1; 32]);
        let sealed = |sequence: u64| {
            let cursor = cursors.seal(Place { sequence, way: Way::On }, &Filter::default(), Order::Newest);
            URL_SAFE_NO_PAD.decode(cursor).unwrap()
        };
        let differ = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        for sequence in [0, 1, 42, 43, 1 << 40] {
            let bytes = sealed(sequence);
            assert!(!bytes.windows(8).any(|window| window == sequence.to_be_bytes()), "{sequence}");
            // The next one looks like any other, also in the bytes that are the same.
            assert!(differ(&bytes[1..10], &sealed(sequence + 1)[1..10]) > 4, "{sequence}");
        }
    }

    #[test]
    fn a_cursor_outlives_a_restart() {
        let last = Place { sequence: u64::MAX, way: Way::Back };
        let cursor = Cursors::new(&[1; 32]).seal(last, &Filter::default(), Order::Newest);
        assert_eq!(Cursors::new(&[1; 32]).open(&cursor, &Filter::default(), Order::Newest), Ok(last));
    }
}
