//! One component (VEVENT, VTODO, VJOURNAL, VFREEBUSY) in Google's field names.

use calcard::icalendar::{
    ICalendarComponent, ICalendarEntry, ICalendarParameterName as Parameter, ICalendarProperty as Property,
    ICalendarValue,
};

use super::time::{Zones, basic, end_by_duration, seconds, stamp_of, time_of};
use crate::value::{Map, Value, json};

pub(super) fn members(component: &ICalendarComponent, zones: &Zones) -> Map {
    let mut members = Map::new();
    members.insert("component", component.component_type.as_str().into());
    for (name, property) in TEXTS {
        if let Some(text) = text_of(component, property) {
            members.insert((*name).to_owned(), Value::from(text));
        }
    }
    for (name, property) in WORDS {
        if let Some(text) = text_of(component, property) {
            members.insert((*name).to_owned(), Value::from(text.to_ascii_lowercase()));
        }
    }
    for (name, property) in TIMES {
        if let Some(time) = component.property(property).and_then(|entry| time_of(entry, zones)) {
            members.insert((*name).to_owned(), time);
        }
    }
    if !members.contains_key("end")
        && let Some(ICalendarValue::Duration(duration)) = first(component, &Property::Duration)
        && let Some(end) = end_by_duration(duration, members.get("start"))
    {
        members.insert("end", end);
    }
    for (name, property) in STAMPS {
        if let Some(stamp) = component.property(property).and_then(|entry| stamp_of(entry, zones)) {
            members.insert((*name).to_owned(), stamp);
        }
    }
    if let Some(ICalendarValue::Integer(sequence)) = first(component, &Property::Sequence) {
        members.insert("sequence", (*sequence).into());
    }
    lists(component, &mut members);
    members
}

fn lists(component: &ICalendarComponent, members: &mut Map) {
    let of = |property: Property| component.entries.iter().filter(move |entry| entry.name == property);
    let attendees: Vec<Value> = of(Property::Attendee).map(person).collect();
    if !attendees.is_empty() {
        members.insert("attendees", Value::Array(attendees));
    }
    if let Some(organizer) = of(Property::Organizer).next() {
        members.insert("organizer", person(organizer));
    }
    let categories: Vec<Value> = of(Property::Categories)
        .flat_map(|entry| &entry.values)
        .filter_map(ICalendarValue::as_text)
        .map(Value::from)
        .collect();
    if !categories.is_empty() {
        members.insert("categories", Value::Array(categories));
    }
    let recurrence: Vec<Value> =
        component.entries.iter().filter_map(recurrence_line).map(Value::from).collect();
    if !recurrence.is_empty() {
        members.insert("recurrence", Value::Array(recurrence));
    }
}

/// VALARM components as Google's `reminders`; one at a fixed moment has no place there.
pub(super) fn reminders<'a>(alarms: impl Iterator<Item = &'a ICalendarComponent>) -> Option<Value> {
    let overrides: Vec<Value> = alarms
        .filter_map(|alarm| {
            let Some(ICalendarValue::Duration(before)) = first(alarm, &Property::Trigger) else {
                return None;
            };
            let method = match text_of(alarm, &Property::Action)?.to_ascii_lowercase().as_str() {
                "email" => "email".to_owned(),
                "display" => "popup".to_owned(),
                other => other.to_owned(),
            };
            Some(json!({ "method": method, "minutes": -seconds(before)? / 60 }))
        })
        .collect();
    (!overrides.is_empty()).then(|| json!({ "overrides": overrides }))
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
    members.insert("email", email.trim().to_lowercase().into());
    if let Some(name) = parameter(&Parameter::Cn) {
        members.insert("displayName", name.into());
    }
    if entry.name == Property::Attendee {
        let status = parameter(&Parameter::Partstat).unwrap_or("NEEDS-ACTION").to_ascii_uppercase();
        let status = match status.as_str() {
            "NEEDS-ACTION" => "needsAction".to_owned(),
            "IN-PROCESS" => "inProcess".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        members.insert("responseStatus", status.into());
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

fn first<'a>(component: &'a ICalendarComponent, property: &Property) -> Option<&'a ICalendarValue> {
    component.property(property)?.values.first()
}

pub(super) fn text_of(component: &ICalendarComponent, property: &Property) -> Option<String> {
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
