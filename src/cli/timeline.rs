//! Events as a timeline that a person reads on a terminal.

use std::fmt::{self, Display, Formatter};

use jiff::tz::TimeZone;

use super::terminal::visible;
use crate::event::{Actor, Assurance, Certainty, Change, Event};
use crate::value::Value;

/// One event as a few lines: when, what, who, where, which changes.
pub struct Timeline<'a>(pub &'a Event);

impl Display for Timeline<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let event = self.0;
        let time = event.time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
        writeln!(out, "{time}  {:<8} {}", event.result.as_str(), visible(&event.message.text))?;
        write!(out, "{INDENT}{} by {}", visible(&event.action), person(&event.actor))?;
        if let Some(principal) = &event.on_behalf_of {
            write!(out, ", acting for {}", person(principal))?;
        }
        write!(out, ", from {}", event.client.ip)?;
        if let Some(source) = &event.source {
            write!(out, " through {}", visible(source))?;
        }
        writeln!(out)?;
        if let Some(target) = &event.target {
            let id = target.id.as_deref().unwrap_or("?");
            let name = target.name.as_deref().map(|name| format!(" “{}”", visible(name))).unwrap_or_default();
            writeln!(out, "{INDENT}{} {}{name}", visible(&target.r#type), visible(id))?;
        }
        for change in &event.changes {
            writeln!(out, "{INDENT}{}", change_line(change))?;
        }
        if let Some(reason) = &event.reason {
            writeln!(out, "{INDENT}reason: {}", visible(reason))?;
        }
        if let Some(error) = &event.error {
            writeln!(out, "{INDENT}error: {}", visible(error))?;
        }
        if event.r#match.certainty == Certainty::Doubtful {
            let reasons = event.r#match.reasons.join("; ");
            writeln!(out, "{INDENT}doubtful: {}", visible(&reasons))?;
        }
        Ok(())
    }
}

fn person(actor: &Actor) -> String {
    let name = actor.name.as_deref().or(actor.email.as_deref()).or(actor.id.as_deref());
    let shown = match name {
        Some(name) => visible(name).into_owned(),
        None => "somebody unknown".to_owned(),
    };
    match actor.assurance {
        Assurance::Verified | Assurance::LookedUp | Assurance::None => shown,
        Assurance::Claimed => format!("{shown} (claimed)"),
        Assurance::Ambiguous => format!("{shown} (ambiguous)"),
    }
}

fn change_line(change: &Change) -> String {
    let label = change.label.as_deref().unwrap_or(&change.field);
    // One element of a list: `Attendees[a@x.org]`.
    let element = change.field.find('[').map_or("", |at| &change.field[at..]);
    let element = if label == change.field { "" } else { element };
    let before = change.before.as_ref().map_or_else(|| "(none)".to_owned(), shown);
    let after = change.after.as_ref().map_or_else(|| "(none)".to_owned(), shown);
    format!("{}{}: {before} → {after}", visible(label), visible(element))
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    let cut: String = text.chars().take(VALUE_CHARACTERS_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", visible(&cut))
}

const INDENT: &str = "                   ";
const VALUE_CHARACTERS_MAX: usize = 80;
