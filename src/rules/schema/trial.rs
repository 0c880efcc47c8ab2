//! Tests of rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value as Any;

use super::value::OneOrMany;

/// A request with its answers, and the events to expect.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Trial {
    /// What it shows, as a sentence.
    name: String,
    /// The request.
    request: Option<Request>,
    /// From where it comes.
    client: Option<Client>,
    /// Who acts, in place of what `actors` would find.
    actor: Option<BTreeMap<String, Any>>,
    /// What the application says to reads, by `METHOD /path`.
    answers: Option<BTreeMap<String, Answer>>,
    /// What the application answers to the request; no answer comes if left out.
    response: Option<Response>,
    /// The events, in order; each lists the members that matter. `[]`: nothing is recorded.
    expect: Option<Vec<BTreeMap<String, Any>>>,
}

/// What each test starts from.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Given {
    /// The request.
    request: Option<Request>,
    /// What the application says to reads, by `METHOD /path`.
    answers: Option<BTreeMap<String, Answer>>,
    /// From where it comes.
    client: Option<Client>,
    /// Who acts.
    actor: Option<BTreeMap<String, Any>>,
}

/// A request of a test.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Request {
    /// `METHOD /path?query`.
    line: Option<String>,
    /// Headers.
    headers: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// The body: a mapping or list (JSON, or a form by its content type), or text.
    body: Option<Any>,
    /// A file beside the rule file that holds the body.
    file: Option<String>,
}

/// A header's value.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

/// From where a request comes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Client {
    /// Its address.
    ip: Option<String>,
    /// True for a peer that the configuration trusts.
    trusted: Option<bool>,
    /// What its certificate says.
    certificate: Option<Certificate>,
}

/// What a client's certificate says.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Certificate {
    /// Whom it names, in full: `CN=Ada,O=Example`.
    subject: String,
    /// Who issued it, in full.
    issuer: String,
    /// The subject's common name.
    name: Option<String>,
    /// The subject's e-mail address.
    email: Option<String>,
}

/// What the application says to a read.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Answer {
    /// No answer.
    Failed(Failed),
    /// An answer.
    Answered(Response),
}

/// A read without an answer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Failed {
    /// Why.
    fail: Failure,
}

/// Why a read gives nothing.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Failure {
    /// No answer in time.
    Timeout,
    /// No connection.
    Refused,
    /// An answer that is too large.
    TooLarge,
}

/// An answer of the application.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Response {
    /// 200 if left out.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// Headers.
    headers: Option<BTreeMap<String, OneOrMany<Scalar>>>,
    /// The body: a mapping or list (JSON, or a form by its content type), or text.
    body: Option<Any>,
    /// A file beside the rule file that holds the body.
    file: Option<String>,
    /// How far a WebSocket or event stream has come.
    stream: Option<Stream>,
}

/// How far a stream has come.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
struct Stream {
    /// Whether it has ended.
    state: StreamState,
    /// From the client.
    bytes_in: Option<u64>,
    /// To the client.
    bytes_out: Option<u64>,
    /// Since it opened.
    duration_ms: Option<u64>,
}

/// Whether a stream has ended.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum StreamState {
    /// Its answer's head is there.
    Opened,
    /// It is over.
    Closed,
}
