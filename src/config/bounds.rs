//! What each ceiling may be set to, by its name in a configuration.
//!
//! Zero would switch a protection off or the product with it, and a value out of all proportion is a slip
//! in the unit; both are errors. The table names every member of [`Limits`], as a test shows.

use super::Limits;

/// One ceiling as an operator may set it.
pub(super) struct Bound {
    /// Its name: the member's.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) range: Range,
    /// Puts it where it belongs.
    pub(super) set: fn(&mut Limits, u64),
    /// Its value.
    pub(super) read: fn(&Limits) -> u64,
}

/// What a number may be.
#[derive(Clone, Copy)]
pub(super) struct Range {
    /// What it counts.
    pub(super) unit: Unit,
    /// The least that works.
    pub(super) least: u64,
    /// The most that makes sense.
    pub(super) most: u64,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes; `64KiB` may be written.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Things.
    Count,
}

impl Range {
    /// What may be written, as a cure.
    pub(super) fn cure(self) -> String {
        let (least, most) = (self.unit.written(self.least), self.unit.written(self.most));
        format!("write {}, from {least} to {most}", self.unit.accepts())
    }
}

impl Unit {
    /// What a value looks like, for cures.
    pub(super) fn accepts(self) -> &'static str {
        match self {
            Unit::Bytes => "a number of bytes, or one with `KiB`, `MiB` or `GiB`",
            Unit::Milliseconds => "a whole number of milliseconds",
            Unit::Count => "a whole number",
        }
    }

    /// A value of this unit as an operator would write it.
    pub(super) fn written(self, value: u64) -> String {
        match self {
            Unit::Bytes if value >= GIB && value.is_multiple_of(GIB) => format!("{}GiB", value / GIB),
            Unit::Bytes if value >= MIB && value.is_multiple_of(MIB) => format!("{}MiB", value / MIB),
            Unit::Bytes if value >= KIB && value.is_multiple_of(KIB) => format!("{}KiB", value / KIB),
            Unit::Bytes | Unit::Milliseconds | Unit::Count => value.to_string(),
        }
    }

    /// The number that this text means; `None` when it means none in this unit.
    pub(super) fn parse(self, text: &str) -> Option<u64> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, suffix) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let factor = match (self, suffix.trim_start()) {
            (Unit::Bytes | Unit::Milliseconds | Unit::Count, "") => 1,
            (Unit::Bytes, "KiB") => KIB,
            (Unit::Bytes, "MiB") => MIB,
            (Unit::Bytes, "GiB") => GIB,
            (Unit::Bytes | Unit::Milliseconds | Unit::Count, _) => return None,
        };
        number.checked_mul(factor)
    }
}

/// One line of the table. The conversions cannot lose: the most of each fits its member's type.
macro_rules! bound {
    ($name:ident, $unit:ident, $least:expr, $most:expr) => {
        Bound {
            name: stringify!($name),
            range: Range { unit: Unit::$unit, least: $least, most: $most },
            set: |limits, value| limits.$name = value.try_into().unwrap_or(limits.$name),
            read: |limits| limits.$name as u64,
        }
    };
}

/// Every ceiling.
pub(super) const BOUNDS: &[Bound] = &[
    bound!(head_bytes_max, Bytes, 8 * KIB, MIB),
    bound!(headers_max, Count, 16, 1_024),
    bound!(capture_bytes_max, Bytes, KIB, GIB),
    bound!(capture_total_bytes_max, Bytes, MIB, 64 * GIB),
    bound!(decoded_bytes_max, Bytes, KIB, GIB),
    bound!(held_body_bytes_max, Bytes, KIB, GIB),
    bound!(held_body_ms, Milliseconds, 1, MINUTE),
    bound!(before_ms, Milliseconds, 1, MINUTE),
    bound!(reads_max, Count, 1, 65_536),
    bound!(client_reads_max, Count, 1, 1_000_000),
    bound!(turn_ms, Milliseconds, 1, MINUTE),
    bound!(turn_waiters_max, Count, 1, 10_000),
    bound!(snapshots_max, Count, 10, 10_000_000),
    bound!(snapshots_bytes_max, Bytes, MIB, 64 * GIB),
    bound!(connect_ms, Milliseconds, 10, 5 * MINUTE),
    bound!(upstream_ms, Milliseconds, 10, 60 * MINUTE),
    bound!(upstream_body_ms, Milliseconds, 10, 24 * 60 * MINUTE),
    bound!(handshake_ms, Milliseconds, 10, MINUTE),
    bound!(head_ms, Milliseconds, 10, 10 * MINUTE),
    bound!(idle_ms, Milliseconds, 100, 60 * MINUTE),
    bound!(intent_ms, Milliseconds, 1, MINUTE),
    bound!(intents_max, Count, 4, 1_000_000),
    bound!(record_ms, Milliseconds, 10, 5 * MINUTE),
    bound!(drain_ms, Milliseconds, 0, 10 * MINUTE),
    bound!(shutdown_ms, Milliseconds, 1, 10 * MINUTE),
    bound!(abandoned_ms, Milliseconds, 1, 10 * MINUTE),
    bound!(client_stall_ms, Milliseconds, 100, 60 * MINUTE),
    bound!(client_stall_bytes_min, Bytes, 1, GIB),
    bound!(proxy_header_ms, Milliseconds, 10, MINUTE),
    bound!(connections_max, Count, 1, 1_000_000),
    bound!(client_connections_max, Count, 1, 1_000_000),
    bound!(streams_max, Count, 1, 10_000),
    bound!(connection_requests_max, Count, 1, 1_000_000_000),
    bound!(requests_max, Count, 1, 1_000_000),
    bound!(request_body_bytes_max, Bytes, KIB, 1 << 50),
    bound!(tail_bytes_max, Bytes, MIB, 64 * GIB),
    bound!(page_max, Count, 1, 5_000),
    bound!(query_ms, Milliseconds, 10, 5 * MINUTE),
    bound!(queries_max, Count, 1, 256),
    bound!(admin_connections_max, Count, 1, 65_536),
    bound!(admin_requests_max, Count, 1, 100_000),
    bound!(bearer_ms, Milliseconds, 1_000, 24 * 60 * MINUTE),
    bound!(roles_ms, Milliseconds, 1_000, 5 * MINUTE),
    bound!(spans_max, Count, 1, 1_000_000),
];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_limit_once_and_in_the_order_of_the_type() {
        let debug = format!("{:?}", Limits::default());
        let inside = debug.trim_start_matches("Limits {").trim_end_matches('}');
        let members: Vec<&str> = inside.split(',').filter_map(|part| part.split(':').next()).collect();
        let members: Vec<&str> = members.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
        let table: Vec<&str> = BOUNDS.iter().map(|bound| bound.name).collect();
        assert_eq!(table, members);
    }

    #[test]
    fn every_default_lies_within_its_bounds_and_every_bound_can_be_set() {
        for bound in BOUNDS {
            let mut limits = Limits::default();
            let default = (bound.read)(&limits);
            assert!((bound.range.least..=bound.range.most).contains(&default), "{}", bound.name);
            for value in [bound.range.least, bound.range.most] {
                (bound.set)(&mut limits, value);
                assert_eq!((bound.read)(&limits), value, "{}", bound.name);
            }
        }
    }

    #[test]
    fn sizes_have_units_and_times_have_the_unit_of_their_name() {
        let check = |unit: Unit, text: &str, expected: Option<u64>| {
            assert_eq!(unit.parse(text), expected, "{unit:?} {text}");
        };
        check(Unit::Bytes, "65536", Some(65_536));
        check(Unit::Bytes, "64KiB", Some(65_536));
        check(Unit::Bytes, "1 MiB", Some(1 << 20));
        check(Unit::Bytes, "2GiB", Some(2 << 30));
        check(Unit::Bytes, "64KB", None);
        check(Unit::Bytes, "1.5MiB", None);
        check(Unit::Bytes, "-1", None);
        check(Unit::Bytes, "18446744073709551615KiB", None);
        check(Unit::Bytes, "KiB", None);
        check(Unit::Milliseconds, "300", Some(300));
        check(Unit::Milliseconds, "5s", None);
        check(Unit::Count, "1KiB", None);
        check(Unit::Count, "", None);
    }

    #[test]
    fn a_size_is_written_as_people_write_it() {
        assert_eq!(Unit::Bytes.written(65_536), "64KiB");
        assert_eq!(Unit::Bytes.written(1_000), "1000");
        assert_eq!(Unit::Bytes.written(3 << 30), "3GiB");
        assert_eq!(Unit::Milliseconds.written(65_536), "65536");
    }
}
