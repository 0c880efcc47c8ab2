//! iCalendar (RFC 5545) in Google's field names, so that one list of events serves REST and CalDAV.
//!
//! The master component is the document; its exceptions are `overrides`, keyed by recurrence id.
//! Recurrences are never expanded: a rule of a few characters can stand for billions of dates (THREATS
//! E28). calcard reads what it can of a broken calendar; sizes are bounded before it is asked.

mod component;
mod time;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Kind, ICalendarProperty as Property,
};
use calcard::{Entry, Parser};

use self::component::text_of;
use self::time::Zones;
use super::{Doubtful, Parsed};
use crate::event::NoteCode;
use crate::value::{Map, Value};

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
    let mut doubts = Vec::new();
    let all: Vec<&ICalendarComponent> =
        calendar.components.iter().filter(|component| is_main(&component.component_type)).collect();
    let components = &all[..all.len().min(COMPONENTS_MAX)];
    if components.len() < all.len() {
        doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyCut, "more than 2,000 components"));
    }
    let is_override = |component: &ICalendarComponent| component.has_property(&Property::RecurrenceId);
    let master = components.iter().find(|component| !is_override(component)).or(components.first());
    let Some(master) = master else { return Parsed::default() };
    let zones = Zones::of(calendar);
    let whole = |one: &ICalendarComponent| whole_component(calendar, one, &zones);
    let mut members = whole(master);
    if let Some(method) = calendar.components.first().and_then(|top| text_of(top, &Property::Method)) {
        members.insert("method", Value::from(method));
    }
    let overrides: Vec<Value> = components
        .iter()
        .filter(|component| is_override(component) && !std::ptr::eq(**component, *master))
        .map(|component| Value::Object(whole(component)))
        .collect();
    doubts.extend(rivals(components, &members, &overrides));
    if components.iter().any(|component| component.entries.len() > PROPERTIES_MAX) {
        doubts.push(Doubtful::at(
            Vec::new(),
            NoteCode::BodyAmbiguous,
            "a component with very many properties",
        ));
    }
    if !overrides.is_empty() {
        members.insert("overrides", Value::Array(overrides));
    }
    Parsed { value: Some(Value::Object(members)), doubts, ..Parsed::default() }
}

fn whole_component(calendar: &ICalendar, one: &ICalendarComponent, zones: &Zones) -> Map {
    let mut members = component::members(one, zones);
    let inner = one.component_ids.iter().filter_map(|id| calendar.components.get(usize::try_from(*id).ok()?));
    let alarms = inner.filter(|inner| inner.component_type == Kind::VAlarm).take(ALARMS_MAX);
    if let Some(reminders) = component::reminders(alarms) {
        members.insert("reminders", reminders);
    }
    members
}

/// Components of which only one can count (RFC 4791 section 4.1: one UID, one master, one component for each
/// recurrence id); which one that is, is the application's secret.
fn rivals(components: &[&ICalendarComponent], master: &Map, overrides: &[Value]) -> Vec<Doubtful> {
    let doubt = |detail: String| Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail);
    let mut doubts = Vec::new();
    let is_master = |component: &&&ICalendarComponent| !component.has_property(&Property::RecurrenceId);
    let masters = components.iter().filter(is_master).count();
    if masters > 1 {
        doubts.push(doubt(format!("{masters} components where one is allowed")));
    }
    let uids: BTreeSet<_> = components.iter().filter_map(|one| text_of(one, &Property::Uid)).collect();
    if uids.len() > 1 {
        doubts.push(doubt(format!("{} different UIDs", uids.len())));
    }
    let recurrence = |members: &Value| members.get("recurrenceId").map(Value::to_string);
    let of_master = master.get("recurrenceId").map(Value::to_string);
    let ids: Vec<String> = overrides.iter().filter_map(recurrence).chain(of_master).collect();
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        doubts.push(doubt("two components with one recurrence id".to_owned()));
    }
    doubts
}

fn is_main(kind: &Kind) -> bool {
    matches!(kind, Kind::VEvent | Kind::VTodo | Kind::VJournal | Kind::VFreebusy | Kind::VAvailability)
}

/// Calendar objects of people are a few KiB; the largest exports stay below.
const TEXT_BYTES_MAX: usize = 4 << 20;
const LINES_MAX: usize = 50_000;
/// Each may become a value or a parameter of its own.
const SEPARATORS_MAX: usize = 200_000;
/// Lines of rubbish in front of the calendar.
const ENTRIES_MAX: usize = 100;
/// Exceptions of one recurring event; a daily one of five years has 1,800 dates.
const COMPONENTS_MAX: usize = 2_000;
/// Properties of one component; nobody invites more people.
const PROPERTIES_MAX: usize = 10_000;
const ALARMS_MAX: usize = 20;

#[cfg(test)]
mod tests;
