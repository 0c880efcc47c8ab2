//! Counting: how many events there are, with which values, and when. Parts are counted where they lie, in tail and
//! partitions, and added up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, Zoned, ZonedRound};

use super::words::folded;
use super::{Filter, Keyword};
use crate::event::{Event, Outcome};

/// What is to be counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Which events.
    pub filter: Filter,
    /// Only below this sequence.
    pub below: Option<u64>,
    /// Whose values.
    pub facets: Vec<Keyword>,
    /// In which pieces of time.
    pub pieces: Option<Pieces>,
    /// How long it may take.
    pub time_max: Duration,
}

/// Pieces of time.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// How long each is.
    pub interval: Interval,
    /// Whose days they are.
    pub zone: TimeZone,
}

/// How long a piece of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A minute.
    Minute,
    /// A quarter of an hour: what every zone's hours are made of.
    Quarter,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How many events; at least so many when it is cut.
    pub total: u64,
    /// The values of each facet asked for, in that order.
    pub facets: Vec<Values>,
    /// Events by result, in the order of [`Outcome::ALL`], by when their piece of time begins, in milliseconds since
    /// 1970. Empty ones are not in it.
    pub pieces: BTreeMap<i64, [u64; Outcome::ALL.len()]>,
    /// True when the time was over, or there were more pieces than are counted: all is at least so many then.
    pub is_cut: bool,
    /// True when there are more pieces than are counted: a longer interval is wanted.
    pub is_too_fine: bool,
}

/// Values and how often they stand, without case.
#[derive(Clone, Debug, Default)]
pub struct Values {
    held: HashMap<String, (String, u64)>,
    has_more: bool,
}

impl Values {
    /// Adds so many of a value, if there is room for another value.
    pub(super) fn add(&mut self, value: &str, count: u64) {
        if let Some((_, sum)) = self.held.get_mut(folded(value).as_str()) {
            *sum += count;
        } else if self.held.len() < VALUES_MAX {
            self.held.insert(folded(value), (value.to_owned(), count));
        } else {
            self.has_more = true;
        }
    }

    /// These, which differ also without case.
    pub(super) fn of(values: Vec<(String, u64)>, has_more: bool) -> Values {
        let held = values.into_iter().map(|(value, count)| (folded(&value), (value, count)));
        Values { held: held.collect(), has_more }
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, u64)> {
        self.held.values().map(|(value, count)| (value.as_str(), *count))
    }

    /// Adds values that were counted elsewhere, as far as there is room.
    pub(super) fn add_all(&mut self, others: &Values) {
        self.has_more |= others.has_more;
        for (folded, (value, count)) in &others.held {
            if let Some((_, sum)) = self.held.get_mut(folded) {
                *sum += count;
            } else if self.held.len() < VALUES_MAX {
                self.held.insert(folded.clone(), (value.clone(), *count));
            } else {
                self.has_more = true;
            }
        }
    }

    /// Tells that there are values which were not added.
    pub(super) fn leave_out(&mut self) {
        self.has_more = true;
    }

    /// True when there are more values than are counted: some are missing, or stand less often than they should.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The most frequent, and equally frequent ones by name.
    pub fn top(&self, limit: usize) -> Vec<(&str, u64)> {
        let mut values: Vec<(&str, u64)> =
            self.held.values().map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_unstable_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        values.truncate(limit);
        values
    }
}

impl Counts {
    /// Nothing yet of what is asked for.
    pub fn of(tally: &Tally) -> Counts {
        Counts { facets: vec![Values::default(); tally.facets.len()], ..Counts::default() }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Counts) {
        self.total += other.total;
        self.is_cut |= other.is_cut;
        self.is_too_fine |= other.is_too_fine;
        for (values, others) in self.facets.iter_mut().zip(&other.facets) {
            values.add_all(others);
        }
        for (start, counts) in &other.pieces {
            self.add_piece(*start, counts);
        }
    }

    /// How many values and pieces there are.
    pub(super) fn len(&self) -> usize {
        self.facets.iter().map(|values| values.held.len()).sum::<usize>() + self.pieces.len()
    }

    /// Counts an event.
    pub fn add_event(&mut self, tally: &Tally, clock: &mut Clock, event: &Event) {
        self.total += 1;
        for (facet, values) in tally.facets.iter().zip(&mut self.facets) {
            facet.facet(event).into_iter().for_each(|value| values.add(value, 1));
        }
        if clock.is_asked() {
            let mut counts = [0; Outcome::ALL.len()];
            counts[place(event.result)] = 1;
            self.add_piece(clock.start_of(event.time.as_millisecond()), &counts);
        }
    }

    /// Adds to a piece of time, if there is anything to add.
    pub(super) fn add_piece_of(&mut self, start: i64, counts: &[u64; Outcome::ALL.len()]) {
        if counts.iter().any(|count| *count > 0) {
            self.add_piece(start, counts);
        }
    }

    fn add_piece(&mut self, start: i64, counts: &[u64; Outcome::ALL.len()]) {
        if self.pieces.len() >= PIECES_MAX && !self.pieces.contains_key(&start) {
            (self.is_too_fine, self.is_cut) = (true, true);
            return;
        }
        let piece = self.pieces.entry(start).or_default();
        piece.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
}

/// Where a result stands in a piece.
pub(super) fn place(outcome: Outcome) -> usize {
    Outcome::ALL.iter().position(|one| *one == outcome).unwrap_or_default()
}

/// Tells in which piece of time a time is; remembers the last one, since times come in order.
pub struct Clock {
    pieces: Option<Pieces>,
    /// Milliseconds since 1970.
    piece: std::ops::Range<i64>,
}

impl Clock {
    /// A clock for these pieces, if there are any.
    pub fn new(pieces: Option<&Pieces>) -> Clock {
        Clock { pieces: pieces.cloned(), piece: 0..0 }
    }

    /// True when pieces are asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.pieces.is_some()
    }

    /// When the piece that a time is in begins, in milliseconds since 1970.
    pub fn start_of(&mut self, time_ms: i64) -> i64 {
        if !self.piece.contains(&time_ms)
            && let Some(pieces) = &self.pieces
        {
            self.piece = pieces.around(time_ms).unwrap_or(time_ms..time_ms.saturating_add(1));
        }
        self.piece.start
    }

    /// True when these milliseconds are all in one piece.
    pub(super) fn is_whole(&mut self, times: std::ops::Range<i64>) -> bool {
        self.start_of(times.start);
        self.piece.end >= times.end
    }
}

impl Pieces {
    /// The piece around a time; `None` at the ends of all time.
    fn around(&self, time_ms: i64) -> Option<std::ops::Range<i64>> {
        let time = Timestamp::from_millisecond(time_ms).ok()?.to_zoned(self.zone.clone());
        let start = self.interval.start(&time)?;
        let start_ms = start.timestamp().as_millisecond();
        let end = match self.interval {
            // Whole hours are as long on the days on which clocks are set.
            Interval::Minute => start_ms + 60_000,
            Interval::Quarter => start_ms + QUARTER_MS,
            Interval::Hour => start_ms + 4 * QUARTER_MS,
            Interval::Day => {
                start.checked_add(1.day()).ok()?.start_of_day().ok()?.timestamp().as_millisecond()
            }
            Interval::Week => {
                start.checked_add(1.week()).ok()?.start_of_day().ok()?.timestamp().as_millisecond()
            }
            Interval::Month => {
                start.checked_add(1.month()).ok()?.start_of_day().ok()?.timestamp().as_millisecond()
            }
        };
        (start_ms..end).contains(&time_ms).then_some(start_ms..end)
    }
}

impl Interval {
    /// Those that can be asked for, the finest first.
    pub const ASKED: [Interval; 5] =
        [Interval::Minute, Interval::Hour, Interval::Day, Interval::Week, Interval::Month];

    /// The word used in questions.
    pub fn as_str(self) -> &'static str {
        match self {
            Interval::Minute => "minute",
            Interval::Quarter => "quarter",
            Interval::Hour => "hour",
            Interval::Day => "day",
            Interval::Week => "week",
            Interval::Month => "month",
        }
    }

    /// About how long it is, in milliseconds.
    pub fn length_ms(self) -> i64 {
        match self {
            Interval::Minute => 60_000,
            Interval::Quarter => QUARTER_MS,
            Interval::Hour => 4 * QUARTER_MS,
            Interval::Day => 96 * QUARTER_MS,
            Interval::Week => 7 * 96 * QUARTER_MS,
            Interval::Month => 28 * 96 * QUARTER_MS,
        }
    }

    fn start(self, time: &Zoned) -> Option<Zoned> {
        let whole = |unit, step| {
            time.round(ZonedRound::new().smallest(unit).increment(step).mode(jiff::RoundMode::Trunc)).ok()
        };
        match self {
            Interval::Minute => whole(Unit::Minute, 1),
            Interval::Quarter => whole(Unit::Minute, 15),
            Interval::Hour => whole(Unit::Hour, 1),
            Interval::Day => time.start_of_day().ok(),
            Interval::Week => {
                let days = time.weekday().since(Weekday::Monday);
                time.checked_sub(i64::from(days).days()).ok()?.start_of_day().ok()
            }
            Interval::Month => time.first_of_month().ok()?.start_of_day().ok(),
        }
    }
}

/// A quarter of an hour, in milliseconds.
pub(super) const QUARTER_MS: i64 = 15 * 60 * 1000;
/// Different values of one facet.
const VALUES_MAX: usize = 20_000;
/// Pieces of time that have events.
pub const PIECES_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_begins_where_the_zone_says() {
        let check = |time: &str, zone: &str, interval: Interval, from: &str, to: &str| {
            let time: Timestamp = time.parse().unwrap();
            let pieces = Pieces { interval, zone: TimeZone::get(zone).unwrap() };
            let piece = pieces.around(time.as_millisecond()).unwrap();
            let told = |ms| Timestamp::from_millisecond(ms).unwrap().to_string();
            assert_eq!(
                (told(piece.start), told(piece.end)),
                (from.to_owned(), to.to_owned()),
                "{time} {zone}"
            );
        };
        let berlin = "Europe/Berlin";
        check(
            "2026-01-31T12:34:56.7Z",
            "UTC",
            Interval::Minute,
            "2026-01-31T12:34:00Z",
            "2026-01-31T12:35:00Z",
        );
        check(
            "2026-01-31T12:34:56Z",
            "Asia/Kolkata",
            Interval::Hour,
            "2026-01-31T12:30:00Z",
            "2026-01-31T13:30:00Z",
        );
        check("2026-01-31T23:34:56Z", berlin, Interval::Day, "2026-01-31T23:00:00Z", "2026-02-01T23:00:00Z");
        check("2026-03-29T05:00:00Z", berlin, Interval::Day, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check("2026-10-25T00:30:00Z", berlin, Interval::Hour, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
        check("2026-10-25T01:30:00Z", berlin, Interval::Hour, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
        check("2026-02-01T12:00:00Z", berlin, Interval::Week, "2026-01-25T23:00:00Z", "2026-02-01T23:00:00Z");
        check(
            "2026-02-28T23:30:00Z",
            berlin,
            Interval::Month,
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
        );
    }

    #[test]
    fn values_are_counted_without_case_up_to_a_limit() {
        let mut values = Values::default();
        for (value, count) in [("Moved", 2), ("MOVED", 3), ("a", 4), ("b", 4)] {
            values.add(value, count);
        }
        assert_eq!(values.top(9), [("Moved", 5), ("a", 4), ("b", 4)]);
        assert_eq!(values.top(2), [("Moved", 5), ("a", 4)]);
        (3..VALUES_MAX).for_each(|n| values.add(&format!("x{n}"), 1));
        assert!(!values.has_more());
        values.add("moved", 1);
        assert_eq!((values.top(1), values.has_more()), (vec![("Moved", 6)], false));
        values.add("another", 1);
        assert_eq!((values.held.len(), values.has_more()), (VALUES_MAX, true));
    }
}
