//! A rule file: its sections, and what can be read from the application.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::person::Way;
use super::rule::{Choices, Defaults, Rule};
use super::trial::{Given, Trial};
use super::value::{OneOrMany, Value};

/// Rules of Earwitness: which requests to record, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// The version of the rule language.
    #[schemars(range(min = 1, max = 1))]
    version: u8,
    /// What people call the application; in `pack.yaml`.
    name: Option<String>,
    /// Only requests to these hosts (`*.example.org` for any subdomain); in `pack.yaml`.
    hosts: Option<Vec<String>>,
    /// What may stand around each route: `/index.php` or `/{locale}` in front, `.json` behind; at most eight.
    aliases: Option<Vec<String>>,
    /// Names for values: `$.vars.name`.
    vars: Option<BTreeMap<String, Value>>,
    /// How bodies are read where the content type does not tell.
    formats: Option<Vec<Format>>,
    /// Things that can be read, by name.
    resources: Option<BTreeMap<String, Resource>>,
    /// The ways to find out who acts, in order.
    actors: Option<Vec<Way>>,
    /// What holds for all rules of this file, or of the pack in `pack.yaml`.
    defaults: Option<Defaults>,
    /// Secrets beside the built-in ones: names, or paths.
    redact: Option<Vec<String>>,
    /// Exact paths that are no secrets after all.
    reveal: Option<Vec<String>>,
    /// Requests that are not audited on purpose.
    exclude: Option<Vec<Match>>,
    /// Requests that may change something although their method says otherwise, such as `GET /jobs/{name}/run`.
    blind_spots: Option<OneOrMany<String>>,
    /// What each test starts from.
    given: Option<Given>,
    /// Mode and guarantee of rules that others wrote, by full id (`calcom/booking.cancelled`); only in a file
    /// that the configuration names by itself.
    overrides: Option<BTreeMap<String, Choices>>,
    /// The rules.
    rules: Option<Vec<Rule>>,
    /// Tests beside the rules, by the rule's id.
    tests: Option<BTreeMap<String, Vec<Trial>>>,
}

/// Which requests.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Match {
    /// `METHOD /path/{part}`, or a list of such lines.
    Lines(OneOrMany<String>),
    /// The long form.
    Long(LongMatch),
}

/// Which requests, in the long form.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct LongMatch {
    /// `METHOD /path/{part}`, or a list of such lines.
    request: OneOrMany<String>,
    /// Only these operations of an envelope.
    operation: Option<OneOrMany<String>>,
}

/// How bodies at a path are read.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Format {
    /// Where.
    at: Match,
    /// `json`, `form`, `text`, `html-form`, `icalendar`, `xml`, `soap` or `webdav`.
    r#as: String,
    /// XML elements that are always lists.
    lists: Option<Vec<String>>,
}

/// A thing that can be read.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Resource {
    /// Where it is read.
    read: Read,
    /// Where in the answer the thing is.
    select: Option<Value>,
    /// What kind of thing it is; its own name if left out.
    r#type: Option<String>,
    /// The field that holds its identifier: an answer with another one is not taken.
    id: Option<String>,
    /// The field that says whose it is: read with a service credential, it is shown to nobody else.
    organization: Option<String>,
    /// The field that people know it by.
    name: Option<String>,
    /// Under which address snapshots are remembered.
    key: Option<String>,
    /// Labels of its fields.
    fields: Option<BTreeMap<String, Field>>,
    /// Fields that are never a change.
    ignore: Option<Vec<String>>,
    /// Also remember what the application's own users read here.
    remember: Option<bool>,
    /// Requests that change it take turns.
    serialize: Option<bool>,
    /// Tell what changed while nobody looked, by what is remembered of it.
    drift: Option<bool>,
}

/// A field of a resource.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Field {
    /// What people call it.
    Label(String),
    /// The long form.
    Long(LongField),
}

/// A field of a resource, in the long form.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LongField {
    /// What people call it.
    label: Option<String>,
    /// The list is compared by this member of its elements.
    key: Option<String>,
    /// A table from value to shown value.
    values: Option<Value>,
}

/// A question to the application.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Read {
    /// `GET /x/{id}`, or `GET self` for the request's own path.
    Line(String),
    /// The long form.
    Long(Box<LongRead>),
}

/// A question to the application, in the long form.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct LongRead {
    /// `GET /x/{id}`, or `GET self` for the request's own path.
    request: String,
    /// Query parameters.
    query: Option<BTreeMap<String, Value>>,
    /// Headers beside the caller's credentials.
    headers: Option<BTreeMap<String, Value>>,
    /// The caller's headers to send along.
    forward: Option<Vec<String>>,
    /// The body.
    body: Option<Value>,
    /// A service credential of the configuration, instead of the caller's.
    credentials: Option<String>,
    /// How long it may take: 300 if it does not say so; `limits.before_ms` of the configuration stands above it.
    #[schemars(range(min = 1, max = 10_000))]
    timeout_ms: Option<u64>,
    /// True for a `POST` that changes nothing.
    safe: Option<bool>,
}
