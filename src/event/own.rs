//! Events of Earwitness's own: of a reload, a start, a stop, a gap. They stand among the others, so that whoever
//! reads the log sees when and how it was kept. Pure: ids and times are handed in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use jiff::Timestamp;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    Actor, Assurance, BeforeFacts, Certainty, ClientFacts, Event, FORMAT, MatchFacts, MatchedBy, Outcome,
    RequestFacts, RuleFacts, Scope, Sentence, Target,
};
use crate::value::Map;

/// What differs between them.
#[derive(Debug)]
pub struct Own<'a> {
    /// The event's id, and that of the exchange that there is not.
    pub id: Uuid,
    /// When it happened.
    pub time: Timestamp,
    /// The built-in rule: `gap` for `earwitness/gap`.
    pub rule: &'a str,
    /// The event's name.
    pub action: &'a str,
    /// A short heading.
    pub title: &'a str,
    /// The sentence.
    pub text: String,
    /// How it ended.
    pub result: Outcome,
}

/// An event that no request caused.
pub fn event(own: Own<'_>) -> Event {
    let Own { id, time, rule, action, title, text, result } = own;
    Event {
        format: FORMAT,
        id,
        time,
        exchange_id: id,
        action: action.to_owned(),
        r#type: None,
        category: Some("AUDIT".to_owned()),
        title: title.to_owned(),
        message: Sentence::plain(text),
        actor: system("earwitness"),
        on_behalf_of: None,
        target: None,
        links: Vec::new(),
        source: Some(SOURCE.to_owned()),
        api_kind: None,
        result,
        attempted: false,
        error: None,
        reason: None,
        changes: Vec::new(),
        before: BeforeFacts::default(),
        details: Map::new(),
        scope: Scope::default(),
        client: ClientFacts { ip: HERE, peer: None, user_agent: None },
        request: RequestFacts {
            id: id.to_string(),
            trace_id: None,
            method: METHOD.to_owned(),
            url: format!("{SCHEME}{rule}"),
            destination: None,
            operation: None,
            part: None,
        },
        response: None,
        rule: RuleFacts { id: format!("{RULES}{rule}"), version: env!("CARGO_PKG_VERSION").to_owned() },
        r#match: MatchFacts { certainty: Certainty::Certain, by: MatchedBy::Raw, reasons: Vec::new() },
        notes: Vec::new(),
        tags: Vec::new(),
        raw: Map::new(),
    }
}

/// A rule has failed so often that somebody should look.
pub fn rule_failing(rule: &str, count: u32, exchange_id: Uuid, time: Timestamp, id: Uuid) -> Event {
    let (action, title) = ("RULE_FAILING", "A rule fails");
    let text = format!("The rule {rule} has failed {count} times: only the least was recorded each time");
    let own = Own { id, time, rule: "failing", action, title, text, result: Outcome::Failure };
    let target = Target { r#type: "rule".to_owned(), id: Some(rule.to_owned()), ..Target::default() };
    Event { exchange_id, target: Some(target), ..event(own) }
}

/// Something that is not a person, by its name.
pub fn system(id: &str) -> Actor {
    Actor {
        r#type: "system".to_owned(),
        id: Some(id.to_owned()),
        assurance: Assurance::None,
        ..Actor::default()
    }
}

/// True for what Earwitness tells of itself.
pub fn is_own(event: &Event) -> bool {
    event.source.as_deref() == Some(SOURCE) && event.rule.id.starts_with(RULES)
}

/// True for what tells that the log was read: who follows the log reads these too, and that is not told again.
pub fn is_of_reading(event: &Event) -> bool {
    event.rule.id.strip_prefix(RULES) == Some(READ)
}

/// True for our own event of that name, by that built-in rule. Rules cannot make such a one: no request is addressed so.
pub fn tells(event: &Event, action: &str, rule: &str) -> bool {
    is_told(&event.action, &event.request.method, &event.request.url, (action, rule))
}

/// The details of such an event, from its JSON; `None` where it is none.
pub fn details_of<D: DeserializeOwned>(json: &[u8], action: &str, rule: &str) -> Option<D> {
    #[derive(Deserialize)]
    struct Form<D> {
        action: String,
        request: Request,
        details: D,
    }
    #[derive(Deserialize)]
    struct Request {
        method: String,
        url: String,
    }
    // Nearly every event is another one, which is seen without reading it.
    static OWN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(SCHEME));
    OWN.find(json)?;
    let told: Form<D> = serde_json::from_slice(json).ok()?;
    let is_one = is_told(&told.action, &told.request.method, &told.request.url, (action, rule));
    is_one.then_some(told.details)
}

fn is_told(action: &str, method: &str, url: &str, (name, rule): (&str, &str)) -> bool {
    action == name && method == METHOD && url.strip_prefix(SCHEME) == Some(rule)
}

const METHOD: &str = "NONE";
const SCHEME: &str = "earwitness:";

/// The built-in rule of what was read, or not given to read.
pub const READ: &str = "read";
/// The `source` of all of them.
pub const SOURCE: &str = "EARWITNESS";
/// What the ids of built-in rules begin with.
const RULES: &str = "earwitness/";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
