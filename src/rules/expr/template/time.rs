//! Times in sentences: RFC 3339 text, seconds or milliseconds since 1970, or Google's
//! `{dateTime|date, timeZone}`. The value's own offset is kept: a reader compares it with the application.

use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use minijinja::Value;
use minijinja::value::ValueKind;

/// Which filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `Jan 10, 2026`.
    Date,
    /// `10:00`.
    Time,
    /// `Jan 10, 2026 10:00 UTC`.
    DateTime,
}

/// The value as such a text; what is no time is missing.
pub(super) fn format(value: &Value, format: Option<&str>, shape: Shape) -> Value {
    let text = moment(value).and_then(|moment| moment.format(format, shape));
    text.map_or(Value::UNDEFINED, Value::from)
}

/// Whether it is a strftime pattern.
pub(super) fn is_format(text: &str) -> bool {
    Moment::Zoned(Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC)).format(Some(text), Shape::DateTime).is_some()
}

/// A point in time as far as the value says it.
enum Moment {
    /// With offset or zone.
    Zoned(Zoned),
    /// Nobody says where.
    Local(DateTime),
    /// A day.
    Day(DateTime),
}

impl Moment {
    fn format(&self, format: Option<&str>, shape: Shape) -> Option<String> {
        let format = match (format, shape, self) {
            (Some(format), _, _) => format,
            (None, Shape::Time, Moment::Day(_)) => return None,
            (None, Shape::Date, _) | (None, Shape::DateTime, Moment::Day(_)) => "%b %-d, %Y",
            (None, Shape::Time, _) => "%H:%M",
            (None, Shape::DateTime, Moment::Local(_)) => "%b %-d, %Y %H:%M",
            (None, Shape::DateTime, Moment::Zoned(zoned)) if zoned.offset() == Offset::UTC => {
                "%b %-d, %Y %H:%M UTC"
            }
            (None, Shape::DateTime, Moment::Zoned(_)) => "%b %-d, %Y %H:%M %:z",
        };
        let parts = match self {
            Moment::Zoned(zoned) => BrokenDownTime::from(zoned),
            Moment::Local(local) => BrokenDownTime::from(*local),
            Moment::Day(day) => BrokenDownTime::from(day.date()),
        };
        parts.to_string(format).ok()
    }
}

fn moment(value: &Value) -> Option<Moment> {
    match value.kind() {
        ValueKind::Number => epoch(i64::try_from(value.clone()).ok().or_else(|| {
            let seconds = f64::try_from(value.clone()).ok()?;
            (seconds.abs() < 1e15).then_some(seconds as i64)
        })?),
        ValueKind::String => text(value.as_str()?, None),
        ValueKind::Map => {
            let member = |name| value.get_attr(name).ok().filter(|found| found.kind() == ValueKind::String);
            let zone = member("timeZone").and_then(|zone| TimeZone::get(zone.as_str()?).ok());
            let found = member("dateTime").or_else(|| member("date"))?;
            text(found.as_str()?, zone)
        }
        _ => None,
    }
}

fn text(text: &str, zone: Option<TimeZone>) -> Option<Moment> {
    let text = text.trim();
    if text.len() >= EPOCH_DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return epoch(text.parse().ok()?);
    }
    let pieces = Pieces::parse(text).ok()?;
    let Some(time) = pieces.time() else {
        return Some(Moment::Day(pieces.date().to_datetime(Time::midnight())));
    };
    let local = pieces.date().to_datetime(time);
    let offset = pieces.offset().map(|offset| match offset {
        PiecesOffset::Numeric(numeric) => numeric.offset(),
        _ => Offset::UTC,
    });
    match (offset, zone) {
        (Some(offset), _) => {
            Some(Moment::Zoned(offset.to_timestamp(local).ok()?.to_zoned(offset.to_time_zone())))
        }
        (None, Some(zone)) => local.to_zoned(zone).ok().map(Moment::Zoned),
        (None, None) => Some(Moment::Local(local)),
    }
}

fn epoch(number: i64) -> Option<Moment> {
    let timestamp = if number.unsigned_abs() >= MILLISECONDS_FROM {
        Timestamp::from_millisecond(number)
    } else {
        Timestamp::from_second(number)
    };
    Some(Moment::Zoned(timestamp.ok()?.to_zoned(TimeZone::UTC)))
}

/// Seconds reach this in the year 5138, milliseconds reached it in 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// Shorter ones are years, days or clock times.
const EPOCH_DIGITS_MIN: usize = 9;
