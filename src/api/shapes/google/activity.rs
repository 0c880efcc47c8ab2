//! An event as an activity of the Reports API.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::event::{Actor, Assurance, Change, Event, Outcome};
use crate::store::{Found, Sealed, hex};
use crate::value;

/// An event, and the parameters that it has in that API.
pub(super) struct Activity<'e> {
    found: &'e Found,
    parameters: Vec<(String, Value)>,
}

impl<'e> Activity<'e> {
    /// The activity of an event.
    pub(super) fn of(found: &'e Found) -> Activity<'e> {
        Activity { found, parameters: parameters(&found.event) }
    }

    /// The value of a parameter, as text; nothing where the activity does not have it.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// As the API answers it.
    pub(super) fn view(&self) -> Value {
        let event = &self.found.event;
        let mut parameters: Vec<Value> =
            self.parameters.iter().map(|(name, value)| parameter(name, value)).collect();
        parameters.extend(changes(&event.changes));
        let mut view = json!({
            "kind": "admin#reports#activity",
            "id": {
                "time": event.time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
                "uniqueQualifier": qualifier(event.id).to_string(),
                "applicationName": "calendar",
            },
            "etag": etag(&self.found.sealed),
            "actor": actor(&event.actor),
            "ipAddress": event.client.ip,
            "events": [{
                "type": event.r#type,
                "name": event.action,
                "parameters": parameters,
                "status": status(event),
            }],
        });
        if let Some(organization) = &event.scope.organization {
            view["ownerDomain"] = json!(organization);
        }
        view
    }
}

/// A number of its own, as that API has one: the random bits of its id. Its place in the log is for auditors (THREATS S15).
fn qualifier(id: Uuid) -> u64 {
    id.as_u64_pair().1 & (u64::MAX >> 2)
}

/// Quoted, as an entity tag.
pub(super) fn etag(sealed: &Sealed) -> String {
    format!("\"{}\"", &hex(&sealed.leaf)[..32])
}

/// That shape has no place for how sure it is who acted, so it names nobody who only says who he is (THREATS E61); what he
/// says stands among the parameters.
fn actor(actor: &Actor) -> Value {
    let mut view = json!({});
    match actor.assurance {
        Assurance::Verified | Assurance::LookedUp => {
            let is_program = matches!(actor.r#type.as_str(), "app" | "system");
            view["callerType"] = json!(if is_program { "KEY" } else { "USER" });
            if is_program && let Some(key) = actor.name.as_ref().or(actor.id.as_ref()) {
                view["key"] = json!(key);
            }
            if let Some(email) = &actor.email {
                view["email"] = json!(email);
            }
            if let Some(id) = &actor.id {
                view["profileId"] = json!(id);
            }
        }
        Assurance::Claimed | Assurance::Ambiguous | Assurance::None => {}
    }
    view
}

/// What the rule keeps by the names of that API, which are the rule's in another spelling; and what every event has.
fn parameters(event: &Event) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = Vec::new();
    let mut put = |name: String, value: Value| {
        if !value.is_null() && all.iter().all(|(known, _)| *known != name) {
            all.push((name, value));
        }
    };
    for (name, value) in &event.details {
        put(snake(name), json!(value));
    }
    if let Some(target) = &event.target {
        put(format!("{}_id", snake(&target.r#type)), json!(target.id));
        put(format!("{}_title", snake(&target.r#type)), json!(target.name));
    }
    put("api_kind".to_owned(), json!(event.api_kind));
    put("user_agent".to_owned(), json!(event.client.user_agent));
    if let Assurance::Claimed | Assurance::Ambiguous = event.actor.assurance {
        put("claimed_actor".to_owned(), json!(event.actor.email.as_ref().or(event.actor.name.as_ref())));
    }
    all
}

/// A parameter in the member that its kind has there.
fn parameter(name: &str, value: &Value) -> Value {
    match value {
        Value::Bool(is) => json!({ "name": name, "boolValue": is }),
        // 64 bits do not fit the numbers of JavaScript.
        Value::Number(number) if number.is_i64() => json!({ "name": name, "intValue": number.to_string() }),
        Value::String(text) => json!({ "name": name, "value": text }),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(text).collect();
            json!({ "name": name, "multiValue": texts })
        }
        Value::Null | Value::Number(_) | Value::Object(_) => json!({ "name": name, "value": text(value) }),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values before and after, which that API has for titles alone.
fn changes(changes: &[Change]) -> Option<Value> {
    let part = |name: &str, value: &Option<value::Value>| {
        value.as_ref().map(|value| json!({ "name": name, "value": text(&json!(value)) }))
    };
    let message = |change: &Change| {
        let field = json!({ "name": "field", "value": change.field });
        let values = [part("old_value", &change.before), part("new_value", &change.after)];
        json!({ "parameter": std::iter::once(field).chain(values.into_iter().flatten()).collect::<Vec<_>>() })
    };
    let all: Vec<Value> = changes.iter().map(message).collect();
    (!all.is_empty()).then(|| json!({ "name": "changes", "multiMessageValue": all }))
}

fn status(event: &Event) -> Value {
    let word = match event.result {
        Outcome::Success => "SUCCEEDED",
        Outcome::Failure | Outcome::Denied => "FAILED",
        Outcome::Unknown => "UNKNOWN_EVENT_STATUS",
    };
    let mut status = json!({ "eventStatus": word });
    if let Some(error) = &event.error {
        status["errorCode"] = json!(error);
    }
    if let Some(response) = &event.response {
        status["httpStatusCode"] = json!(response.status);
    }
    status
}

/// `calendarId` as `calendar_id`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for character in name.chars() {
        if character.is_uppercase() && was_lower {
            out.push('_');
        }
        was_lower = character.is_lowercase() || character.is_ascii_digit();
        out.extend(character.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_in_the_reports_api() {
        for (name, expected) in [
            ("calendarId", "calendar_id"),
            ("granteeEmail", "grantee_email"),
            ("event", "event"),
            ("iCalUID", "i_cal_uid"),
            ("", ""),
        ] {
            assert_eq!(snake(name), expected);
        }
    }
}
