//! iCalendar (RFC 5545) in Google's field names, so that one list of events serves REST and CalDAV.
//!
//! The master component is the document; its exceptions are `overrides`, keyed by recurrence id.
//! Recurrences are never expanded: a rule of a few characters can stand for billions of dates (THREATS
//! E28). calcard reads what it can of a broken calendar; sizes are bounded before it is asked.

use std::panic::catch_unwind;

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Kind, ICalendarEntry,
    ICalendarParameterName as Parameter, ICalendarProperty as Property, ICalendarValue,
};
use calcard::{Entry, Parser};
use serde_json::{Map, Value, json};

use super::{Doubtful, Parsed};
use crate::event::NoteCode;

/// Reads a calendar object; no value when there is no component in it.
pub(super) fn parse(text: &str) -> Parsed {
    let lines = text.bytes().filter(|byte| *byte == b'\n' || *byte == b'\r').count();
    let separators = text.bytes().filter(|byte| matches!(byte, b',' | b';' | b':' | b'=')).count();
    if text.len() > TEXT_BYTES_MAX || lines > LINES_MAX || separators > SEPARATORS_MAX {
        return Parsed::default();
    }
    // A foreign parser on hostile input: whatever it trips over must not end the exchange's record.
    match catch_unwind(|| read(text)) {
        Ok(Some(calendar)) => document(&calendar),
        Ok(None) | Err(_) => Parsed::default(),
    }
}

fn read(text: &str) -> Option<ICalendar> {
    let mut parser = Parser::new(text);
    for _ in 0..ENTRIES_MAX {
        match parser.entry() {
            Entry::ICalendar(calendar) => return Some(calendar),
            Entry::Eof | Entry::TooManyComponents => return None,
            _ => {}
        }
    }
    None
}

fn document(calendar: &ICalendar) -> Parsed {
    let components: Vec<&ICalendarComponent> =
        calendar.components.iter().filter(|component| is_main(&component.component_type)).collect();
    let is_override = |component: &ICalendarComponent| component.has_property(&Property::RecurrenceId);
    let master = components.iter().find(|component| !is_override(component)).or(components.first());
    let Some(master) = master else { return Parsed::default() };
    let mut members = component_members(master);
    if let Some(method) = calendar.components.first().and_then(|top| text_of(top, &Property::Method)) {
        members.insert("method".to_owned(), Value::String(method));
    }
    let overrides: Vec<Value> = components
        .iter()
        .filter(|component| is_override(component) && !std::ptr::eq(**component, *master))
        .map(|component| Value::Object(component_members(component)))
        .collect();
    if !overrides.is_empty() {
        members.insert("overrides".to_owned(), Value::Array(overrides));
    }
    let doubts = second_masters(&components, master);
    Parsed { value: Some(Value::Object(members)), doubts, ..Parsed::default() }
}

/// Two masters in one object break RFC 4791 section 4.1; which one counts is the application's secret.
fn second_masters(components: &[&ICalendarComponent], master: &ICalendarComponent) -> Vec<Doubtful> {
    let is_second = |component: &&&ICalendarComponent| {
        !std::ptr::eq(**component, master) && !component.has_property(&Property::RecurrenceId)
    };
    match components.iter().filter(is_second).count() {
        0 => Vec::new(),
        more => vec![Doubtful::at(
            Vec::new(),
            NoteCode::BodyAmbiguous,
            format!("{} components where one is allowed", more + 1),
        )],
    }
}

fn is_main(kind: &Kind) -> bool {
    matches!(kind, Kind::VEvent | Kind::VTodo | Kind::VJournal | Kind::VFreebusy | Kind::VAvailability)
}

fn component_members(component: &ICalendarComponent) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("component".to_owned(), component.component_type.as_str().into());
    for (name, property) in TEXTS {
        if let Some(text) = text_of(component, property) {
            members.insert((*name).to_owned(), Value::String(text));
        }
    }
    for (name, property) in WORDS {
        if let Some(text) = text_of(component, property) {
            members.insert((*name).to_owned(), Value::String(text.to_ascii_lowercase()));
        }
    }
    for (name, property) in TIMES {
        if let Some(time) = component.property(property).and_then(time_of) {
            members.insert((*name).to_owned(), time);
        }
    }
    if !members.contains_key("end")
        && let Some(end) = end_by_duration(component, members.get("start"))
    {
        members.insert("end".to_owned(), end);
    }
    for (name, property) in STAMPS {
        if let Some(stamp) = component.property(property).and_then(stamp_of) {
            members.insert((*name).to_owned(), stamp);
        }
    }
    if let Some(ICalendarValue::Integer(sequence)) = first(component, &Property::Sequence) {
        members.insert("sequence".to_owned(), (*sequence).into());
    }
    lists(component, &mut members);
    members
}

fn lists(component: &ICalendarComponent, members: &mut Map<String, Value>) {
    let of = |property: Property| component.entries.iter().filter(move |entry| entry.name == property);
    let attendees: Vec<Value> = of(Property::Attendee).map(person).collect();
    if !attendees.is_empty() {
        members.insert("attendees".to_owned(), Value::Array(attendees));
    }
    if let Some(organizer) = of(Property::Organizer).next() {
        members.insert("organizer".to_owned(), person(organizer));
    }
    let categories: Vec<Value> = of(Property::Categories)
        .flat_map(|entry| &entry.values)
        .filter_map(ICalendarValue::as_text)
        .map(Value::from)
        .collect();
    if !categories.is_empty() {
        members.insert("categories".to_owned(), Value::Array(categories));
    }
    let recurrence: Vec<Value> =
        component.entries.iter().filter_map(recurrence_line).map(Value::from).collect();
    if !recurrence.is_empty() {
        members.insert("recurrence".to_owned(), Value::Array(recurrence));
    }
}

/// An attendee or organizer, as Google's `attendees[]` has them.
fn person(entry: &ICalendarEntry) -> Value {
    let mut members = Map::new();
    let address = entry.values.first().and_then(ICalendarValue::as_text).unwrap_or_default();
    let bare = match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &address[7..],
        _ => address,
    };
    let parameter = |name: &Parameter| entry.parameter(name).and_then(|value| value.as_text());
    let email = match bare.contains('@') {
        true => bare,
        // Schedulers put an opaque principal into the value and the address into EMAIL (RFC 7986 6.2).
        false => parameter(&Parameter::Email).unwrap_or(bare),
    };
    members.insert("email".to_owned(), email.trim().to_lowercase().into());
    if let Some(name) = parameter(&Parameter::Cn) {
        members.insert("displayName".to_owned(), name.into());
    }
    if entry.name == Property::Attendee {
        let status = parameter(&Parameter::Partstat).unwrap_or("NEEDS-ACTION").to_ascii_uppercase();
        let status = match status.as_str() {
            "NEEDS-ACTION" => "needsAction".to_owned(),
            "IN-PROCESS" => "inProcess".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        members.insert("responseStatus".to_owned(), status.into());
        for (name, word) in [("role", Parameter::Role), ("type", Parameter::Cutype)] {
            if let Some(value) = parameter(&word) {
                members.insert(name.to_owned(), value.to_ascii_lowercase().into());
            }
        }
    }
    Value::Object(members)
}

/// `RRULE:…`, as Google's `recurrence[]` has them.
fn recurrence_line(entry: &ICalendarEntry) -> Option<String> {
    let name = match entry.name {
        Property::Rrule => "RRULE",
        Property::Exrule => "EXRULE",
        Property::Exdate => "EXDATE",
        Property::Rdate => "RDATE",
        _ => return None,
    };
    let zone = entry.parameter(&Parameter::Tzid).and_then(|zone| zone.as_text());
    let zone = zone.map(|zone| format!(";TZID={zone}")).unwrap_or_default();
    let values: Vec<String> = entry
        .values
        .iter()
        .map(|value| match value {
            ICalendarValue::RecurrenceRule(rule) => rule.to_string(),
            ICalendarValue::PartialDateTime(time) => basic(time),
            ICalendarValue::Period(period) => period.to_string(),
            other => other.as_text().unwrap_or_default().to_owned(),
        })
        .collect();
    Some(format!("{name}{zone}:{}", values.join(",")))
}

/// `{dateTime, timeZone}` or `{date}`.
fn time_of(entry: &ICalendarEntry) -> Option<Value> {
    let Some(ICalendarValue::PartialDateTime(time)) = entry.values.first() else {
        let text = entry.values.first().and_then(ICalendarValue::as_text)?;
        return Some(json!({ "dateTime": text }));
    };
    let date = date(time)?;
    let Some(hour) = time.hour else { return Some(json!({ "date": date })) };
    let clock = format!("{hour:02}:{:02}:{:02}", time.minute.unwrap_or(0), time.second.unwrap_or(0));
    let mut members = Map::new();
    members.insert("dateTime".to_owned(), format!("{date}T{clock}{}", offset(time)).into());
    if let Some(zone) = entry.parameter(&Parameter::Tzid).and_then(|zone| zone.as_text()) {
        members.insert("timeZone".to_owned(), zone.into());
    }
    Some(Value::Object(members))
}

/// The end that DURATION says (RFC 5545 section 3.6.1), in the start's own words.
fn end_by_duration(component: &ICalendarComponent, start: Option<&Value>) -> Option<Value> {
    let Some(ICalendarValue::Duration(duration)) = first(component, &Property::Duration) else { return None };
    let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
    let seconds =
        i64::from(duration.hours) * 3600 + i64::from(duration.minutes) * 60 + i64::from(duration.seconds);
    let total = jiff::SignedDuration::from_secs(days.checked_mul(86_400)?.checked_add(seconds)?);
    let total = if duration.neg { -total } else { total };
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
    end[member] = Value::String(shifted);
    Some(end)
}

fn stamp_of(entry: &ICalendarEntry) -> Option<Value> {
    time_of(entry).and_then(|time| time.get("dateTime").or(time.get("date")).cloned())
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
fn basic(time: &PartialDateTime) -> String {
    let date = date(time).unwrap_or_default().replace('-', "");
    let Some(hour) = time.hour else { return date };
    let zone = if offset(time) == "Z" { "Z" } else { "" };
    format!("{date}T{hour:02}{:02}{:02}{zone}", time.minute.unwrap_or(0), time.second.unwrap_or(0))
}

fn first<'a>(component: &'a ICalendarComponent, property: &Property) -> Option<&'a ICalendarValue> {
    component.property(property)?.values.first()
}

fn text_of(component: &ICalendarComponent, property: &Property) -> Option<String> {
    first(component, property)?.as_text().map(str::to_owned)
}

/// Properties that are text, by Google's name.
const TEXTS: &[(&str, &Property)] = &[
    ("summary", &Property::Summary),
    ("description", &Property::Description),
    ("location", &Property::Location),
    ("iCalUID", &Property::Uid),
    ("url", &Property::Url),
];
/// Properties that are one of a few words.
const WORDS: &[(&str, &Property)] =
    &[("status", &Property::Status), ("visibility", &Property::Class), ("transparency", &Property::Transp)];
/// Properties that are a time with a zone.
const TIMES: &[(&str, &Property)] = &[
    ("start", &Property::Dtstart),
    ("end", &Property::Dtend),
    ("due", &Property::Due),
    ("completed", &Property::Completed),
    ("recurrenceId", &Property::RecurrenceId),
];
/// Properties that are a moment.
const STAMPS: &[(&str, &Property)] = &[("created", &Property::Created), ("updated", &Property::LastModified)];
/// Calendar objects of people are a few KiB; the largest exports stay below.
const TEXT_BYTES_MAX: usize = 4 << 20;
const LINES_MAX: usize = 50_000;
/// Each may become a value or a parameter of its own.
const SEPARATORS_MAX: usize = 200_000;
/// Lines of rubbish in front of the calendar.
const ENTRIES_MAX: usize = 100;
