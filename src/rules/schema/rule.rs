//! A rule, and what its entries and `defaults` may hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::file::Match;
use super::person::Person;
use super::trial::Trial;
use super::value::{Condition, Value};

/// Which request to record, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Rule {
    /// Small letters, digits, `.` and `_`: `booking.cancelled`.
    id: String,
    /// Which requests.
    r#match: Match,
    #[schemars(flatten)]
    choices: Choices,
    /// The application refuses these requests without a good credential.
    authenticated: Option<bool>,
    /// What becomes of a request for a WebSocket, which passes else.
    websocket: Option<WebSocket>,
    /// What a success does to the caller's session.
    session: Option<Session>,
    /// Names for values: `$.vars.name`.
    vars: Option<BTreeMap<String, Value>>,
    /// The resource to read before the request is passed on.
    before: Option<Before>,
    /// The thing afterwards: a value, `{ merged: value }`, or `read`.
    after: Option<Value>,
    /// Several events; each entry has what a rule has below `match`.
    events: Option<Vec<Entry>>,
    /// The event when no entry fired, or `none`.
    otherwise: Option<Otherwise>,
    /// Secrets beside the pack's: names, or paths.
    redact: Option<Vec<String>>,
    /// Requests with answers, and the events to expect.
    tests: Option<Vec<Trial>>,
    #[schemars(flatten)]
    own: Own,
    #[schemars(flatten)]
    inherited: Inherited,
}

/// What to record.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Entry {
    #[schemars(flatten)]
    own: Own,
    #[schemars(flatten)]
    inherited: Inherited,
}

/// What holds for all rules of a file or pack.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Defaults {
    #[schemars(flatten)]
    choices: Choices,
    /// The application refuses these requests without a good credential.
    authenticated: Option<bool>,
    #[schemars(flatten)]
    inherited: Inherited,
}

/// Whether and how it is recorded.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Choices {
    /// Whether it records.
    mode: Option<Mode>,
    /// Whether the caller waits for the record.
    guarantee: Option<Guarantee>,
    /// What happens when nothing can be recorded.
    on_failure: Option<OnFailure>,
}

/// What a success does to the caller's session.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Session {
    /// `ends`.
    Ends(Ends),
    /// From then on it is the actor's.
    Starts(Starts),
}

/// It is nobody's any more.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Ends {
    /// A logout.
    Ends,
}

/// From then on it is the actor's.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Starts {
    /// Where the answer shows it.
    starts: SessionPlace,
}

/// Where the answer shows what the client sends from then on; one of the two.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SessionPlace {
    /// The name of a cookie.
    cookie: Option<String>,
    /// A bearer token.
    token: Option<Value>,
}

/// What becomes of a request for a WebSocket.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum WebSocket {
    /// It is answered 403, and recorded.
    Refuse,
}

/// Whether a rule records.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Mode {
    /// It does.
    Record,
    /// It is evaluated and counted, not recorded.
    Shadow,
    /// It is not even looked at.
    Disabled,
}

/// Whether the caller waits for the record.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Guarantee {
    /// The end of the answer is held until the record is on disk.
    Durable,
    /// Recorded soon, never waited for.
    Buffered,
}

/// What happens when nothing can be recorded.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum OnFailure {
    /// The application keeps working.
    Allow,
    /// Requests are refused.
    Refuse,
}

/// What an entry or a rule may say, and `defaults` may not.
#[derive(JsonSchema)]
struct Own {
    /// The event's name: `BOOKING_CANCELLED`.
    action: Option<Value>,
    /// Which differences to keep: a list of fields, or a name with `label`, `before`, `after` each.
    changes: Option<Changes>,
    /// Which of the requests.
    when: Option<Condition>,
    /// One event for each: a path, a value, or names with such.
    for_each: Option<Value>,
}

/// What stands on an entry, else on its rule, else in `defaults`.
#[derive(JsonSchema)]
struct Inherited {
    /// A short heading.
    title: Option<Value>,
    /// The sentence.
    message: Option<Value>,
    /// Kind of record.
    r#type: Option<Value>,
    /// Category.
    category: Option<Value>,
    /// The interface that was used: `WEB`, `API_V2`, `CALDAV`.
    source: Option<Value>,
    /// Kind of programming interface.
    api_kind: Option<Value>,
    /// What it was done to.
    target: Option<Target>,
    /// Other things that it concerns.
    links: Option<Vec<Link>>,
    /// Who acts, in place of what `actors` found.
    actor: Option<Person>,
    /// In whose name.
    on_behalf_of: Option<Person>,
    /// `success`, `failure`, `denied` or `unknown`.
    result: Option<Value>,
    /// The error's code.
    error: Option<Value>,
    /// The reason that somebody gave.
    reason: Option<Value>,
    /// Everything that has no field of its own.
    details: Option<BTreeMap<String, Value>>,
    /// Who may see it.
    scope: Option<Scope>,
    /// Parts of the document to keep whole.
    raw: Option<Vec<String>>,
    /// Labels.
    tags: Option<Vec<String>>,
    /// Where the application describes this, for whoever reads the rule.
    docs: Option<String>,
}

/// What it was done to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Target {
    /// Kind of thing; the resource's with `before`.
    r#type: Option<Value>,
    /// Identifier; the last part of the resource's address with `before`.
    id: Option<Value>,
    /// What people call it.
    name: Option<Value>,
}

/// Another thing that the event concerns.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Link {
    /// How it is related.
    rel: Value,
    /// Kind of thing.
    r#type: Value,
    /// Identifier; without it the link is left out.
    id: Value,
}

/// Who may see it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Scope {
    /// The organization's identifier.
    organization: Option<Value>,
    /// The team's identifier.
    team: Option<Value>,
}

/// Which differences an entry keeps.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Changes {
    /// These fields.
    Fields(Vec<String>),
    /// These, computed, by field.
    Computed(BTreeMap<String, Change>),
}

/// A difference whose sides have other names.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Change {
    /// What people call the field.
    label: Option<Value>,
    /// The value before.
    before: Option<Value>,
    /// The value after.
    after: Option<Value>,
}

/// The resource to read first.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Before {
    /// Its name.
    Name(String),
    /// The long form.
    Long(LongBefore),
}

/// The resource to read first, in the long form.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LongBefore {
    /// The resource's name.
    read: String,
    /// Parts of its address that are not in `match`.
    with: Option<BTreeMap<String, Value>>,
    /// From where: `application`.
    from: Option<String>,
}

/// The event when no entry fired.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Otherwise {
    /// `none`: nothing is recorded then, on purpose.
    None(String),
    /// This event.
    Entry(Box<Entry>),
}
