//! OCSF 1.3, class API Activity (6003), one a line (docs/exports.md has the table).
//!
//! That class fits every event alike: each is a call of an application's interface by somebody, on something. What OCSF has no
//! place for is kept whole under `unmapped`.

use serde_json::{Value, json};

use super::facts::Facts;
use crate::event::{Actor, Event, Outcome};

/// Appends an event as a line.
///
/// # Errors
/// When it is no event.
pub(super) fn push(text: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let event: Event = serde_json::from_str(text)?;
    let sequence = serde_json::from_str(text).ok().and_then(|place: super::Place| place.sequence);
    let mut mapped = mapped(&event, sequence);
    let whole: Value = serde_json::from_str(text)?;
    put(&mut mapped, "unmapped", Some(json!({ "earwitness": whole })));
    serde_json::to_writer(&mut *out, &mapped)?;
    out.push(b'\n');
    Ok(())
}

/// The facts of the export as an event of their own, after all others: the base event of OCSF, which has no class.
pub(super) fn end(facts: &Facts) -> String {
    let facts_of = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "activity_id": 99, "activity_name": "Export", "category_uid": 0, "class_uid": 0, "type_uid": 99,
        "severity_id": 1, "time": facts.made.as_millisecond(), "message": facts.sentence(),
        "metadata": metadata(),
        "unmapped": { "start": facts_of(&facts.start()), "end": facts_of(&facts.end()) },
    })
    .to_string()
}

fn mapped(event: &Event, sequence: Option<u64>) -> Value {
    let activity = Activity::of(event);
    let (status_id, status) = match event.result {
        Outcome::Success => (1, "Success"),
        Outcome::Failure | Outcome::Denied => (2, "Failure"),
        Outcome::Unknown => (0, "Unknown"),
    };
    let mut mapped = json!({
        "activity_id": activity.id(),
        "activity_name": activity.name(),
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "type_uid": CLASS * 100 + activity.id(),
        "severity_id": 1,
        "severity": "Informational",
        "time": event.time.as_millisecond(),
        "message": event.message.text,
        "status_id": status_id,
        "status": status,
        "metadata": metadata(),
        "api": { "operation": event.action, "request": { "uid": event.request.id } },
        "actor": { "user": user(&event.actor) },
        "src_endpoint": { "ip": event.client.ip },
        "http_request": { "http_method": event.request.method, "url": { "url_string": event.request.url } },
    });
    let metadata = &mut mapped["metadata"];
    put(metadata, "uid", Some(json!(event.id)));
    put(metadata, "correlation_uid", Some(json!(event.exchange_id)));
    put(metadata, "event_code", Some(json!(event.action)));
    put(metadata, "sequence", sequence.map(Value::from));
    put(metadata, "log_name", event.category.as_deref().map(Value::from));
    put(metadata, "labels", (!event.tags.is_empty()).then(|| json!(event.tags)));
    put(&mut mapped["api"], "service", event.source.as_ref().map(|source| json!({ "name": source })));
    put(&mut mapped["http_request"], "user_agent", event.client.user_agent.as_deref().map(Value::from));
    let response = event.response.as_ref();
    put(&mut mapped, "http_response", response.map(|answer| json!({ "code": answer.status })));
    put(&mut mapped, "duration", response.map(|answer| json!(answer.duration_ms)));
    put(&mut mapped, "status_detail", detail(event).map(Value::from));
    put(&mut mapped, "resources", resources(event));
    mapped
}

fn metadata() -> Value {
    json!({
        "version": "1.3.0",
        "product": { "name": "Earwitness", "vendor_name": "Earwitness", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// A user has a name or an identifier, always: nobody is `unknown`.
fn user(actor: &Actor) -> Value {
    let (type_id, kind) = match actor.r#type.as_str() {
        "user" | "guest" | "attendee" => (1, "User"),
        "system" | "app" => (3, "System"),
        _ => (0, "Unknown"),
    };
    let mut user = json!({ "name": name_of(actor), "type_id": type_id, "type": kind });
    put(&mut user, "uid", actor.id.as_deref().map(Value::from));
    put(&mut user, "email_addr", actor.email.as_deref().map(Value::from));
    put(&mut user, "credential_uid", actor.credential.as_deref().map(Value::from));
    put(&mut user, "org", actor.organization.as_ref().map(|name| json!({ "name": name })));
    put(&mut user, "groups", actor.role.as_ref().map(|role| json!([{ "name": role }])));
    user
}

fn name_of(actor: &Actor) -> &str {
    [&actor.name, &actor.email, &actor.id].into_iter().flatten().next().map_or("unknown", String::as_str)
}

fn resources(event: &Event) -> Option<Value> {
    let target = event.target.as_ref()?;
    let mut resource = json!({ "type": target.r#type });
    put(&mut resource, "uid", target.id.as_deref().map(Value::from));
    put(&mut resource, "name", target.name.as_deref().map(Value::from));
    Some(json!([resource]))
}

fn detail(event: &Event) -> Option<&str> {
    match event.result {
        Outcome::Denied => Some(event.error.as_deref().unwrap_or("denied")),
        Outcome::Success | Outcome::Failure | Outcome::Unknown => event.error.as_deref(),
    }
}

fn put(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(name.to_owned(), value);
    }
}

/// What was done, in the words of the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Create,
    Read,
    Update,
    Delete,
    Other,
}

impl Activity {
    /// By the pack's type (`RECORD_CREATED`, `Update`), else by what the method means.
    fn of(event: &Event) -> Activity {
        let kind = event.r#type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let words = [
            ("creat", Activity::Create),
            ("delet", Activity::Delete),
            ("updat", Activity::Update),
            ("modif", Activity::Update),
        ];
        let by_type = words.into_iter().find(|(word, _)| kind.contains(word)).map(|(_, activity)| activity);
        by_type.unwrap_or_else(|| match event.request.method.to_ascii_uppercase().as_str() {
            "DELETE" => Activity::Delete,
            "PUT" | "PATCH" => Activity::Update,
            "GET" | "HEAD" => Activity::Read,
            _ => Activity::Other,
        })
    }

    fn id(self) -> u32 {
        match self {
            Activity::Create => 1,
            Activity::Read => 2,
            Activity::Update => 3,
            Activity::Delete => 4,
            Activity::Other => 99,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Activity::Create => "Create",
            Activity::Read => "Read",
            Activity::Update => "Update",
            Activity::Delete => "Delete",
            Activity::Other => "Other",
        }
    }
}

const CLASS: u32 = 6_003;
