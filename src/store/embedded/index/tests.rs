//! The index by what it answers: the same as a look at every event, whatever is asked and whatever happened to it.

mod cover;
mod whole;
mod writer;

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::super::Embedded;
use super::super::tests::copied;
use crate::event::{Assurance, Event, Outcome, Sentence};
use crate::store::fixture::{BEGIN_MS, event};
use crate::store::{
    Clause, Clock, Counts, Filter, Head, Interval, Keyword, Order, Pieces, Query, Sealed, Sight, Store,
    Tally, Thing, Values, Visible,
};
use crate::value::json;

/// Events that differ in everything that can be asked for, and are alike enough to be found together.
fn varied(n: u64) -> Event {
    let pick = |list: &[&str], salt: u64| {
        let noise = (n * 7 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        list[noise as usize % list.len()].to_owned()
    };
    let mut event = event(n);
    // A clock that jumps, and times between two milliseconds.
    let jump_ms = if n.is_multiple_of(31) { -7_000_000 } else { 0 };
    let nanos = i128::from(BEGIN_MS + n as i64 * 60_000 + jump_ms) * 1_000_000 + i128::from(n % 3) * 400_000;
    event.time = jiff::Timestamp::from_nanosecond(nanos).unwrap();
    event.action = pick(&["MOVED", "Moved", "CANCELLED", "a\nb"], 1);
    event.title = pick(&["Booking moved", "Termin verschoben", "会議を移動", "Größe & Maß"], 2);
    event.message =
        Sentence::plain(pick(&["by jordis to the blue salon", "to the salon blue", "x y z x y"], 3));
    event.reason = n.is_multiple_of(4).then(|| pick(&["illness of Jördis", "ill", "Ｆｕｌｌ width"], 4));
    event.actor.id = (!n.is_multiple_of(5)).then(|| pick(&["u1", "u2", "U1", "u3"], 5));
    event.actor.name = Some(pick(&["Jördis Nowak", "Jo\u{308}rdis Nowak", "Ben", "İstan"], 6));
    event.actor.assurance = if n.is_multiple_of(6) { Assurance::Claimed } else { Assurance::Verified };
    // Longer than what is counted of a value, and different only behind that.
    let (long, longer) = ("é".repeat(150) + "1", "é".repeat(150) + "2");
    event.source = (!n.is_multiple_of(7)).then(|| pick(&["API_V2", "WEBAPP", &long, &longer], 7));
    event.tags = if n.is_multiple_of(3) { vec!["gdpr".to_owned(), pick(&["a", "B"], 8)] } else { Vec::new() };
    event.scope.organization = n.is_multiple_of(2).then(|| pick(&["acme", "ACME", "other"], 9));
    event.scope.team = (!n.is_multiple_of(3)).then(|| pick(&["t1", "t2"], 10));
    event.client.ip =
        pick(&["10.1.2.3", "10.1.9.9", "192.0.2.1", "2001:db8::7", "::ffff:10.1.2.3"], 11).parse().unwrap();
    event.result = Outcome::parse(&pick(&["success", "denied", "failure"], 12)).unwrap();
    event.details = [("room".to_owned(), json!([pick(&["Blue Salon", "green", "x\ty"], 13), n]))].into();
    event
}

fn sealed(head: Head, numbers: std::ops::RangeInclusive<u64>) -> Vec<Sealed> {
    let mut head = head;
    let seal = |n: u64| {
        // Bytes that are no event are kept, and found by nobody.
        let json = if n % 50 == 49 { b"{}".to_vec() } else { serde_json::to_vec(&varied(n)).unwrap() };
        let entry = Sealed::after(head, [n as u8; 16], json.into());
        head = entry.head();
        entry
    };
    numbers.map(seal).collect()
}

/// Two partitions in one piece, one in several, and events that the index has not reached.
fn store(directory: &Path) -> Embedded {
    let store = Embedded::open_with(directory, Uuid::from_u128(1), 70).unwrap();
    for (first, last) in [(1, 60), (61, 150), (151, 170), (171, 190)] {
        store.append(&sealed(store.head(), first..=last)).unwrap();
        store.index(&|| false).unwrap();
    }
    store.append(&sealed(store.head(), 191..=200)).unwrap();
    store
}

fn all() -> Vec<(u64, Event)> {
    (1..=200).filter(|n| n % 50 != 49).map(|n| (n, varied(n))).collect()
}

/// What a store answers, page after page.
fn answered(store: &Embedded, filter: &Filter, order: Order, limit: usize, after: Option<u64>) -> Vec<u64> {
    let (mut after, mut found) = (after, Vec::new());
    loop {
        let time_max = Duration::from_secs(60);
        let page = store.query(&Query { filter: filter.clone(), order, after, limit, time_max }).unwrap();
        assert!(page.events.len() <= limit && !page.is_cut && !page.is_scanned);
        found.extend(page.events.iter().map(|found| found.sealed.sequence));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn expected(all: &[(u64, Event)], filter: &Filter, order: Order, after: Option<u64>) -> Vec<u64> {
    let is_asked = |n: u64| after.is_none_or(|after| order.is_behind(n, after));
    let matching = all.iter().filter(|(n, event)| is_asked(*n) && filter.matches(event)).map(|(n, _)| *n);
    let mut sequences: Vec<u64> = matching.collect();
    if order == Order::Newest {
        sequences.reverse();
    }
    sequences
}

pub(super) fn filters() -> impl Strategy<Value = Filter> {
    let some = |list: &'static [&'static str]| {
        let value = prop::sample::select(list).prop_map(str::to_owned);
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(value, 1..3)]
    };
    let searches: &[&str] = &[
        "moved",
        "MOV*",
        "salon",
        "\"blue salon\"",
        "\"salon blue\"",
        "\"x y\"",
        "\"x y z\"",
        "\"y z x y\"",
        "-salon",
        "-\"blue salon\"",
        "-\"x y z\"",
        "jordis",
        "JÖRDIS",
        "ill*",
        "title:moved",
        "-title:moved",
        "reason:ill*",
        "full",
        "action:MOVED",
        "-action:moved",
        "会議",
        "移",
        "\"blue sal*\"",
        "to the sal*",
        "blue-sal*",
        "grosse",
        "größe",
        "zz*",
        "tag:gdpr",
        "-tag:gdpr",
        "targetId:b-7",
        "details:salon",
        "b-1*",
        "istan*",
        "12",
        "1*2",
        "x.y",
    ];
    let search = prop::sample::select(searches).prop_map(|text| Clause::parse_all(text).unwrap_or_default());
    let search = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(search, 1..4).prop_map(|searches| searches.concat()),
    ];
    let networks: &[&str] = &[
        "10.0.0.0/8",
        "10.1.2.3/32",
        "10.1.0.0/21",
        "0.0.0.0/0",
        "2001:db8::/32",
        "2001:db8::/50",
        "::/0",
        "::ffff:0:0/96",
    ];
    let ip = prop::sample::select(networks).prop_map(|network| network.parse().unwrap());
    let ip = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(ip, 1..3)];
    let time = prop_oneof![2 => Just(None), 1 => (0i64..13_000_000, 0i64..3).prop_map(|(ms, part)| {
        let nanos = i128::from(BEGIN_MS + ms / 60_000 * 60_000) * 1_000_000 + i128::from(part) * 400_000;
        jiff::Timestamp::from_nanosecond(nanos).ok()
    })];
    let sight = prop_oneof![
        prop::sample::select(&["acme", "ACME", "x"]).prop_map(|id| Sight::Organization(id.to_owned())),
        prop::sample::select(&["t1", "T1"]).prop_map(|id| Sight::Team(id.to_owned())),
        prop::sample::select(&["u1", "U1"]).prop_map(|id| Sight::Actor(id.to_owned())),
        Just(Sight::Target { r#type: "booking".to_owned(), id: "b-7".to_owned() }),
    ];
    let visible = prop_oneof![
        3 => Just(Visible::Everything),
        1 => prop::collection::vec(sight, 0..3).prop_map(Visible::Only),
    ];
    let things = prop::sample::select(&["b-7", "B-7", "asked-8", "link-9"])
        .prop_map(|id| vec![Thing { r#type: "booking".to_owned(), id: id.to_owned() }]);
    let things = prop_oneof![6 => Just(Vec::new()), 1 => things];
    let results = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![Outcome::Denied]), 1 => Just(vec![Outcome::Denied, Outcome::Success])];
    let texts = (
        some(&["u1", "U1", "jördis nowak", "boss", "nobody"]),
        some(&["moved", "MOVED", "a\nb", "a\u{fffd}b"]),
        some(&["api_v2"]),
        some(&["B-7", "asked-8", "link-9"]),
        some(&["acme"]),
        some(&["gdpr", "b"]),
        some(&["Ben", "u1"]),
    );
    (texts, search, ip, (time.clone(), time), visible, results, things).prop_map(
        |(
            (actor, action, source, target_id, organization, tag, claimed_actor),
            search,
            ip,
            (from, to),
            visible,
            result,
            things,
        )| {
            Filter {
                visible,
                things,
                actor,
                action,
                source,
                target_id,
                organization,
                tag,
                claimed_actor,
                search,
                ip,
                from,
                to,
                result,
                ..Filter::default()
            }
        },
    )
}

#[test]
fn the_index_answers_what_a_look_at_every_event_answers() {
    let directory = tempfile::tempdir().unwrap();
    let (store, all) = (store(directory.path()), all());
    let place = prop_oneof![2 => Just(None), 1 => (0u64..220).prop_map(Some)];
    let order = prop_oneof![Just(Order::Newest), Just(Order::Oldest)];
    let question = (filters(), order, place, 5usize..60);
    TestRunner::new(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })
        .run(&question, |(filter, order, after, limit)| {
            let found = answered(&store, &filter, order, limit, after);
            prop_assert_eq!(found, expected(&all, &filter, order, after), "{:?} {:?}", order, filter);
            Ok(())
        })
        .unwrap();
    assert!(store.damage().is_empty());
}

#[test]
fn the_index_counts_what_a_look_at_every_event_counts() {
    let directory = tempfile::tempdir().unwrap();
    let (store, all) = (store(directory.path()), all());
    let interval = prop::sample::select(&Interval::ASKED);
    let zone = prop::sample::select(&["UTC", "Asia/Kathmandu", "America/New_York"]);
    let below = prop_oneof![3 => Just(None), 1 => (1u64..220).prop_map(Some)];
    let question = (prop_oneof![1 => Just(Filter::default()), 3 => filters()], interval, zone, below);
    TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })
        .run(&question, |(filter, interval, zone, below)| {
            let zone = TimeZone::get(zone).unwrap();
            let (facets, pieces) = (Keyword::FACETS.to_vec(), Some(Pieces { interval, zone }));
            let tally = Tally { filter, below, facets, pieces, time_max: Duration::from_secs(60) };
            let (mut right, mut clock) = (Counts::of(&tally), Clock::new(tally.pieces.as_ref()));
            for (n, event) in &all {
                if below.is_none_or(|below| *n < below) && tally.filter.matches(event) {
                    right.add_event(&tally, &mut clock, event);
                }
            }
            let counts = store.tally(&tally).unwrap();
            prop_assert!(!counts.is_cut, "{:?}", tally);
            prop_assert_eq!(&counts.pieces, &right.pieces, "{:?}", tally);
            prop_assert_eq!(counts.total, right.total, "{:?}", tally);
            for (facet, (values, expected)) in
                tally.facets.iter().zip(counts.facets.iter().zip(&right.facets))
            {
                let told = |values: &Values| -> Vec<(String, u64)> {
                    // Of two spellings either may stand for both.
                    let mut told: Vec<_> = values
                        .top(99)
                        .into_iter()
                        .map(|(value, count)| (value.to_lowercase(), count))
                        .collect();
                    told.sort();
                    told
                };
                prop_assert_eq!(told(values), told(expected), "{:?} {:?}", facet, tally);
            }
            Ok(())
        })
        .unwrap();
}

fn index_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for partition in fs::read_dir(directory).unwrap() {
        let index = partition.unwrap().path().join("index");
        files.extend(fs::read_dir(index).into_iter().flatten().map(|file| file.unwrap().path()));
    }
    files.sort();
    files
}

// THREATS S11
#[test]
fn a_damaged_or_missing_index_costs_time_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let files = index_files(directory.path());
    assert!(files.len() > 15, "{files:?}");
    let filter = Filter { search: Clause::parse_all("salon").unwrap(), ..Filter::default() };
    let right = expected(&all(), &filter, Order::Newest, None);
    for (at, file) in files.iter().enumerate() {
        let copy = copied(directory.path());
        let file = copy.path().join(file.strip_prefix(directory.path()).unwrap());
        let mut bytes = fs::read(&file).unwrap();
        match (at % 3, bytes.len() / 2) {
            (0, middle) if middle > 0 => bytes[middle] ^= 0x10,
            (1, middle) => bytes.truncate(middle),
            (_, _) => bytes.clear(),
        }
        fs::write(&file, bytes).unwrap();
        let store = Embedded::open_with(copy.path(), Uuid::from_u128(1), 70).unwrap();
        assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right, "{}", file.display());
        // Should it not matter, it stays as it is; else it is made anew.
        store.index(&|| false).unwrap();
        assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right, "{}", file.display());
        assert!(store.damage().is_empty() && store.unindexed() == 0);
    }
}

#[test]
fn an_index_of_other_events_is_not_believed() {
    let [ours, theirs] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = "00000000000000000001";
    let make = |directory: &Path, numbers: std::ops::RangeInclusive<u64>| {
        let store = Embedded::open(directory, Uuid::from_u128(1)).unwrap();
        store.append(&sealed(Head::default(), numbers)).unwrap();
        store.index(&|| false).unwrap();
        assert_eq!(store.unindexed(), 0);
    };
    make(ours.path(), 1..=40);
    make(theirs.path(), 101..=140);
    let (own, foreign) = (ours.path().join(first).join("index"), theirs.path().join(first).join("index"));
    fs::remove_dir_all(&own).unwrap();
    fs::rename(foreign, &own).unwrap();
    let store = Embedded::open(ours.path(), Uuid::from_u128(1)).unwrap();
    let filter = Filter { target_id: vec!["b-7".to_owned()], ..Filter::default() };
    assert_eq!(answered(&store, &filter, Order::Newest, 9, None), [7]);
    assert_eq!(store.unindexed(), 40);
    store.index(&|| false).unwrap();
    assert_eq!((answered(&store, &filter, Order::Oldest, 9, None), store.unindexed()), (vec![7], 0));
}

#[test]
fn an_index_is_removed_and_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let filter = Filter { action: vec!["moved".to_owned()], ..Filter::default() };
    let right = expected(&all(), &filter, Order::Newest, None);
    store.forget_index().unwrap();
    assert!(index_files(directory.path()).is_empty());
    assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right);
    store.index(&|| false).unwrap();
    assert_eq!((answered(&store, &filter, Order::Newest, 100, None), store.unindexed()), (right, 0));
}
