//! Times of a calendar object in Google's form, and the names of their zones.
//!
//! A zone's offsets are never computed: which moment a wall clock means is for whoever knows the zone's rules.
//! Only its name is looked up, so that `W. Europe Standard Time` and `Europe/Berlin` compare as equal.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz;
use calcard::icalendar::{
    ICalendar, ICalendarDuration, ICalendarEntry, ICalendarParameterName as Parameter, ICalendarValue,
};

use crate::value::{Map, Value, json};

/// The zones that a calendar object brings along, by its own names for them.
#[derive(Debug, Default)]
pub(super) struct Zones(BTreeMap<String, String>);

impl Zones {
    pub(super) fn of(calendar: &ICalendar) -> Zones {
        let named = calendar.timezones().take(ZONES_MAX).filter_map(|zone| {
            let (own, known) = zone.timezone()?;
            Some((own.to_owned(), known.name()?.into_owned()))
        });
        Zones(named.collect())
    }

    /// The IANA name; where none is known, the object's own.
    fn name(&self, own: &str) -> String {
        if let Some(known) = self.0.get(own) {
            return known.clone();
        }
        let known = Tz::from_str(own).ok().and_then(|zone| zone.name().map(|name| name.into_owned()));
        known.unwrap_or_else(|| own.to_owned())
    }
}

/// `{dateTime, timeZone}` or `{date}`.
pub(super) fn time_of(entry: &ICalendarEntry, zones: &Zones) -> Option<Value> {
    let Some(ICalendarValue::PartialDateTime(time)) = entry.values.first() else {
        let text = entry.values.first().and_then(ICalendarValue::as_text)?;
        return Some(json!({ "dateTime": text }));
    };
    let date = date(time)?;
    let Some(hour) = time.hour else { return Some(json!({ "date": date })) };
    let clock = format!("{hour:02}:{:02}:{:02}", time.minute.unwrap_or(0), time.second.unwrap_or(0));
    let mut members = Map::new();
    members.insert("dateTime", format!("{date}T{clock}{}", offset(time)).into());
    if let Some(zone) = entry.parameter(&Parameter::Tzid).and_then(|zone| zone.as_text()) {
        members.insert("timeZone", zones.name(zone).into());
    }
    Some(Value::Object(members))
}

/// The end that DURATION says (RFC 5545 section 3.6.1), in the start's own words.
pub(super) fn end_by_duration(duration: &ICalendarDuration, start: Option<&Value>) -> Option<Value> {
    let total = jiff::SignedDuration::from_secs(seconds(duration)?);
    let mut end = start?.clone();
    let (member, written) =
        ["dateTime", "date"].iter().find_map(|name| Some((*name, end.get(*name)?.as_str()?)))?;
    // Wall-clock arithmetic: the zone's rules are the calendar's, and need not be known here.
    let shifted = match member {
        "date" => written.parse::<jiff::civil::Date>().ok()?.checked_add(total).ok()?.to_string(),
        _ => {
            let (clock, zone) = match written.strip_suffix('Z') {
                Some(clock) => (clock, "Z"),
                None => (written, ""),
            };
            format!("{}{zone}", clock.parse::<jiff::civil::DateTime>().ok()?.checked_add(total).ok()?)
        }
    };
    end[member] = Value::from(shifted);
    Some(end)
}

pub(super) fn stamp_of(entry: &ICalendarEntry, zones: &Zones) -> Option<Value> {
    time_of(entry, zones).and_then(|time| time.get("dateTime").or(time.get("date")).cloned())
}

fn date(time: &PartialDateTime) -> Option<String> {
    Some(format!("{:04}-{:02}-{:02}", time.year?, time.month?, time.day?))
}

fn offset(time: &PartialDateTime) -> String {
    match (time.tz_hour, time.tz_minute) {
        (None, _) => String::new(),
        (Some(0), None | Some(0)) => "Z".to_owned(),
        (Some(hour), minute) => {
            let sign = if time.tz_minus { '-' } else { '+' };
            format!("{sign}{hour:02}:{:02}", minute.unwrap_or(0))
        }
    }
}

/// `20260110T100000Z`.
pub(super) fn basic(time: &PartialDateTime) -> String {
    let date = date(time).unwrap_or_default().replace('-', "");
    let Some(hour) = time.hour else { return date };
    let zone = if offset(time) == "Z" { "Z" } else { "" };
    format!("{date}T{hour:02}{:02}{:02}{zone}", time.minute.unwrap_or(0), time.second.unwrap_or(0))
}

/// Signed.
pub(super) fn seconds(duration: &ICalendarDuration) -> Option<i64> {
    let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
    let seconds =
        i64::from(duration.hours) * 3600 + i64::from(duration.minutes) * 60 + i64::from(duration.seconds);
    let total = days.checked_mul(86_400)?.checked_add(seconds)?;
    Some(if duration.neg { -total } else { total })
}

/// Zones that one object brings along; calendars of many countries have a few dozen.
const ZONES_MAX: usize = 500;
