//! Blocks as they are written and read, whole and damaged.

use std::sync::Arc;

use super::*;
use crate::store::Piece;

fn entries(count: u64) -> (Vec<Sealed>, Vec<Facts>) {
    (0..count)
        .map(|number| {
            let json = format!("{{\"n\":{number},\"title\":\"t\"}}");
            let entry = match number {
                2 => Sealed::removed(102, [7; 32]),
                1 => {
                    let pieces = [Piece::Commitment([4; 32])];
                    let json = &b"{\"n\":1,\"title\":\"erased:0123456789abcdef\"}"[..];
                    Sealed::in_pieces(101, Arc::new(pieces), Arc::from(json))
                }
                _ => Sealed::at(100 + number, [number as u8; 16], Arc::from(json.as_bytes())),
            };
            let id = Uuid::from_u128(u128::from(1000 - number) << 80 | 7);
            (entry, Facts { id, time_ms: 50 + number as i64 })
        })
        .unzip()
}

fn entries_of(block: &Block) -> Vec<Sealed> {
    (block.first()..=block.last()).map(|sequence| block.entry(sequence).unwrap()).collect()
}

#[test]
fn a_block_returns_its_entries_and_says_its_spans() {
    let (entries, facts) = entries(16);
    let value = Packer::new().unwrap().encode(&entries, &facts).unwrap();
    let label = label(&value).unwrap();
    assert_eq!((label.count, label.times), (16, Span { min: 50, max: 65 }));
    assert_eq!(label.ids, Span { min: 985, max: 1000 });
    let block = decode(100, &value).unwrap();
    assert_eq!(entries_of(&block), entries);
    assert!(entries.iter().all(|entry| block.is_as_marked(entry)));
    let other = Sealed { leaf: [0; 32], ..entries[4].clone() };
    assert!(
        !block.is_as_marked(&other) && !block.is_as_marked(&Sealed { sequence: 7, ..entries[4].clone() })
    );
    let without = |numbers: &[Facts]| [&numbers[..2], &numbers[3..]].concat();
    assert_eq!(block.events().map(|(_, facts, _)| facts).collect::<Vec<Facts>>(), without(&facts));
    assert!(block.events().all(|(sequence, _, json)| *json == *entries[sequence as usize - 100].json));
    assert_eq!((block.entry(99), block.entry(116)), (None, None));
}

#[test]
fn no_flipped_byte_of_a_block_panics_or_returns_other_payloads() {
    let (entries, facts) = entries(3);
    let value = Packer::new().unwrap().encode(&entries, &facts).unwrap();
    for at in 0..value.len() {
        let mut flipped = value.clone();
        flipped[at] ^= 0x41;
        if let Ok(block) = decode(100, &flipped) {
            assert_eq!(entries_of(&block), entries, "byte {at}");
        }
        let _ = decode(100, &value[..at]).expect_err("a cut block is refused");
    }
}

#[test]
fn a_block_takes_sixty_four_events_or_so_many_bytes() {
    let entry = |bytes: usize| Sealed::at(1, [0; 16], Arc::from(vec![b'x'; bytes]));
    let check = |sizes: &[usize], expected| {
        let entries: Vec<Sealed> = sizes.iter().map(|bytes| entry(*bytes)).collect();
        assert_eq!(fitting(&entries), expected, "{sizes:?}");
    };
    check(&[], 0);
    check(&[10], 1);
    check(&[10; 100], 64);
    check(&[45 << 10; 5], 2);
    check(&[1 << 20, 10], 1);
}

#[test]
fn bytes_that_are_no_event_have_no_facts() {
    let json = br#"{"time":"2026-11-22T08:00:00Z","id":"01890a5d-ac96-774b-bcce-b302099a8057","x":1}"#;
    assert_eq!(Facts::of(json).time_ms, 1_795_334_400_000);
    assert_eq!(id_ms(Facts::of(json).id), 0x0189_0a5d_ac96);
    let own = br#"{"format":1,"id":"01890a5d-ac96-774b-bcce-b302099a8057","time":"2026-11-22T08:00:00Z"}"#;
    assert_eq!(Facts::at_the_start(own), Some(Facts::of(json)));
    assert_eq!(Facts::at_the_start(json), None);
    assert_eq!(Facts::of(b"nonsense"), Facts { id: Uuid::nil(), time_ms: 0 });
}
