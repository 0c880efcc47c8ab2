//! From an entry that fired to the event that is recorded, with the changes it carries, cut so that it fits.

pub(super) mod carry;
mod letters;
pub(super) mod limits;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::case::Case;
use super::document::split_target;
use super::document::target::{without_parts, without_secrets};
use super::rule::{Draft, Firing, method_note};
use super::thing::{Ended, Situation, name_of};
use super::who::{self, Who, access};
use crate::event::{
    Actor, BeforeState, Certainty, ClientFacts, Event, FORMAT, Link, MatchFacts, MatchedBy, Note, NoteCode,
    Outcome, RequestFacts, ResponseFacts, RuleFacts, Scope as Visibility, Sentence, Target,
};
use crate::exchange::{Ending, Exchange};
use crate::rules::expr::{Expr, Root, Scope};
use crate::rules::model::{Entry, Pack, Rule};
use crate::rules::router::Candidate;
use crate::value::{Map, Value};

/// How the exchange ended, where the rule says nothing. A request that never reached the application did
/// not do anything; without an answer to one that did, nobody can say.
pub(super) fn default_outcome(exchange: &Exchange) -> Outcome {
    match (&exchange.response, exchange.ending) {
        (Some(response), _) => match response.status {
            100..=399 => Outcome::Success,
            401 | 403 => Outcome::Denied,
            _ => Outcome::Failure,
        },
        (None, Ending::UpstreamUnreachable | Ending::Refused) => Outcome::Failure,
        (None, Ending::Denied) => Outcome::Denied,
        (None, Ending::Complete | Ending::ClientGone | Ending::UpstreamGone | Ending::UpstreamTimeout) => {
            Outcome::Unknown
        }
    }
}

/// The outcome that the entry says, else the default.
pub(super) fn outcome(entry: &Entry, scope: &Scope<'_>, exchange: &Exchange) -> Outcome {
    let Some(value) = entry.result.as_ref().and_then(|result| result.look_up(scope)) else {
        return default_outcome(exchange);
    };
    value.as_str().and_then(Outcome::parse).unwrap_or_else(|| {
        scope.log.note(Note::with(NoteCode::RuleFailed, "`result` is none of the four"));
        default_outcome(exchange)
    })
}

/// The event of an entry that fired.
pub(super) fn build(case: &Case<'_>, exchange: &Exchange, firing: &Firing<'_>, id: Uuid) -> Draft {
    let (entry, situation) = (firing.entry, firing.situation);
    let named = entry
        .actor
        .as_ref()
        .and_then(|members| who::named(case, &firing.scope, exchange, members, firing.outcome));
    let who = named.as_ref().unwrap_or(firing.who);
    let scope = firing.scope.with(Root::Actor, &who.document);
    let scope = scope.with_option(Root::OnBehalfOf, who.behalf_document.as_ref());
    let mut event = frame(case.pack, case.rule, case.candidate, exchange, id);
    fill_words(&mut event, entry, &scope, case);
    event.actor = who.actor.clone();
    event.on_behalf_of = match &entry.on_behalf_of {
        Some(members) => who::person(members, &scope),
        None => who.on_behalf_of.clone(),
    };
    let mut missing: Vec<String> = Vec::new();
    event.target = target(case, firing, who, &scope, &mut missing);
    event.links = links(entry, &scope);
    event.result = firing.outcome;
    let carried = carry::fill_changes(&mut event, case, firing, &scope);
    event.attempted = situation.is_attempted && !Ended::of(firing.outcome).is_done();
    event.before = firing.before.facts.clone();
    if event.before.state == BeforeState::Read {
        event.before.consistency = Some(firing.before.validators.against(exchange));
    }
    fill_rest(&mut event, entry, &scope);
    event.scope = access::visibility(case, entry, who, &scope);
    fill_request(&mut event, case, exchange);
    event.request.destination = destination(case, exchange);
    event.client.user_agent = header(exchange, "user-agent").map(|agent| case.redactor.text(&agent));
    if firing.outcome == Outcome::Success {
        missing.extend(situation.missing.iter().map(|field| (*field).to_owned()));
    } else {
        missing.clear();
    }
    let is_certain = firing.reasons.is_empty();
    event.r#match.certainty = if is_certain { Certainty::Certain } else { Certainty::Doubtful };
    event.r#match.reasons = firing.reasons.clone();
    let extra = (!is_certain).then(|| Note::plain(NoteCode::MatchDoubtful));
    let own_id = entry.target.as_ref().and_then(|target| target.id.as_ref());
    let uncertain = own_id.and_then(|id| id.doubt(&scope));
    let uncertain = uncertain.map(|reason| Note::with(NoteCode::TargetUncertain, reason));
    let marks: Vec<Note> = letters::marks(&event).collect();
    event.notes = notes(case, situation, who, &missing, extra.into_iter().chain(uncertain).chain(marks));
    Draft { event, carried, ended: situation.ending, missing }
}

/// The request as it came; of a call out of an envelope the envelope's, and which call it is. Its query is
/// left out then: it may hold the other calls, in which other rules have their secrets.
fn fill_request(event: &mut Event, case: &Case<'_>, exchange: &Exchange) {
    let request = &exchange.request;
    let at = |target: &str| {
        let target = without_parts(target, &case.candidate.parts, &case.parts);
        case.redactor.text(&format!("{}://{}{target}", request.scheme, request.host))
    };
    let query = case.document.request.get("query").unwrap_or(&Value::Null);
    match &case.document.call {
        None => event.request.url = at(&without_secrets(&request.target, query)),
        Some(call) => {
            event.request.method.clone_from(&call.method);
            event.request.url = at(split_target(&call.target).0);
            event.request.operation = call.operation.as_ref().map(|name| case.redactor.text(name));
            event.request.part = call.part;
        }
    }
}

/// The least that is recorded of a rule that matched: what the head says, without query and headers,
/// because nothing has redacted them yet.
pub(super) fn minimal(
    pack: &Pack,
    rule: &Rule,
    candidate: &Candidate,
    exchange: &Exchange,
    id: Uuid,
) -> Event {
    let Exchange { request, .. } = exchange;
    let (path, _) = split_target(&request.target);
    let mut event = frame(pack, rule, candidate, exchange, id);
    event.action.clone_from(&rule.id);
    event.title.clone_from(&rule.id);
    event.message = Sentence::plain(rule.id.as_str());
    event.actor.r#type = "unknown".to_owned();
    event.request.url = format!("{}://{}{path}", request.scheme, request.host);
    event.notes.push(Note::plain(NoteCode::EventMinimal));
    event
}

/// What the exchange says by itself; no words yet, nobody who did it, and no address.
fn frame(pack: &Pack, rule: &Rule, candidate: &Candidate, exchange: &Exchange, id: Uuid) -> Event {
    let client = &exchange.client;
    Event {
        format: FORMAT,
        id,
        time: exchange.received_at,
        exchange_id: exchange.id,
        action: String::new(),
        r#type: None,
        category: None,
        title: String::new(),
        message: Sentence::default(),
        actor: Actor::default(),
        on_behalf_of: None,
        target: None,
        links: Vec::new(),
        source: None,
        api_kind: None,
        result: default_outcome(exchange),
        attempted: false,
        error: None,
        reason: None,
        changes: Vec::new(),
        before: crate::event::BeforeFacts::default(),
        details: Map::new(),
        scope: Visibility::default(),
        client: ClientFacts {
            ip: client.ip,
            peer: (client.peer != client.ip).then_some(client.peer),
            user_agent: None,
        },
        request: RequestFacts {
            id: exchange.request.id.clone(),
            trace_id: exchange.request.trace_id.clone(),
            method: exchange.request.method.clone(),
            url: String::new(),
            // It may hold a query, which nothing has redacted yet.
            destination: None,
            operation: None,
            part: None,
        },
        response: exchange
            .response
            .as_ref()
            .map(|response| ResponseFacts { status: response.status, duration_ms: exchange.duration_ms }),
        rule: RuleFacts { id: rule.id.clone(), version: pack.version.clone() },
        r#match: MatchFacts { certainty: Certainty::Doubtful, by: candidate.by, reasons: Vec::new() },
        notes: Vec::new(),
        tags: Vec::new(),
        raw: Map::new(),
    }
}

/// Where a MOVE or COPY goes (RFC 4918 section 10.3); the method may also stand in a header (THREATS E16).
fn destination(case: &Case<'_>, exchange: &Exchange) -> Option<String> {
    let is_move = |method: &str| method.eq_ignore_ascii_case("MOVE") || method.eq_ignore_ascii_case("COPY");
    let is_met = case.candidate.by == MatchedBy::Destination || is_move(&exchange.request.method);
    header(exchange, "destination").filter(|_| is_met).map(|to| case.redactor.text(&to))
}

fn header(exchange: &Exchange, name: &str) -> Option<String> {
    let value = exchange.request.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn fill_words(event: &mut Event, entry: &Entry, scope: &Scope<'_>, case: &Case<'_>) {
    match entry.action.look_up(scope).as_deref().and_then(text) {
        Some(action) => event.action = action,
        None => {
            event.action.clone_from(&case.rule.id);
            scope.log.note(Note::with(NoteCode::RuleFailed, "`action` has no value"));
        }
    }
    event.title = eval_text(&entry.title, scope).unwrap_or_else(|| event.action.clone());
    let message = entry.message.as_ref().and_then(|message| message.eval_sentence(scope));
    let title = || entry.title.as_ref().and_then(|title| title.eval_sentence(scope));
    event.message = message.or_else(title).unwrap_or_else(|| Sentence::plain(event.action.clone()));
    event.r#type = eval_text(&entry.kind, scope);
    event.category = eval_text(&entry.category, scope);
    event.source = eval_text(&entry.source, scope);
    event.api_kind = eval_text(&entry.api_kind, scope);
    event.error = eval_text(&entry.error, scope);
    event.reason = eval_text(&entry.reason, scope);
    event.tags.clone_from(&entry.tags);
}

fn fill_rest(event: &mut Event, entry: &Entry, scope: &Scope<'_>) {
    for (name, expr) in &entry.details {
        if let Some(value) = expr.eval(scope) {
            event.details.insert(name.as_str(), value);
        }
    }
    for path in &entry.raw {
        let mut found = path.all(scope);
        let value = match found.len() {
            0 => continue,
            1 => found.swap_remove(0),
            _ => Value::Array(found),
        };
        event.raw.insert(path.text.as_str(), value);
    }
}

fn target(
    case: &Case<'_>,
    firing: &Firing<'_>,
    who: &Who,
    scope: &Scope<'_>,
    missing: &mut Vec<String>,
) -> Option<Target> {
    let spec = firing.entry.target.as_ref();
    let resource = case.resource();
    let of = |expr: Option<&Expr>| expr.and_then(|expr| expr.look_up(scope)).as_deref().and_then(text);
    let kind = of(spec.and_then(|spec| spec.kind.as_ref())).or_else(|| Some(resource?.kind.clone()));
    let own_id = spec.and_then(|spec| spec.id.as_ref());
    let id = match own_id {
        Some(_) => of(own_id),
        None => resource.and_then(|_| firing.before.id.clone().or_else(|| case.last_part())),
    };
    let name = match spec.and_then(|spec| spec.name.as_ref()) {
        Some(name) => of(Some(name)),
        None => resource.and_then(|resource| name_of(resource, firing.situation)),
    };
    let is_asked = own_id.is_some() || resource.is_some();
    if is_asked && id.is_none() {
        missing.push("target.id".to_owned());
    }
    if let (None, Some(claim)) = (&kind, &who.refused) {
        // Who was tried is what it was tried on (THREATS E55).
        let id = claim.id.clone().or_else(|| claim.email.clone());
        return Some(Target {
            r#type: claim.r#type.clone(),
            id,
            requested_id: None,
            name: claim.name.clone(),
        });
    }
    let (id, requested_id) = match id {
        Some(id) => spelled(case, firing, id),
        None => (None, None),
    };
    Some(Target { r#type: kind?, id, requested_id, name })
}

/// The identifier as the application says it, and as the request spelled it where that differs: a deed
/// must not hide under another spelling of its target (THREATS E11).
fn spelled(case: &Case<'_>, firing: &Firing<'_>, id: String) -> (Option<String>, Option<String>) {
    let snapshot = firing.situation.before;
    let canonical = ["uid", "id"].iter().filter_map(|name| text(snapshot?.get(*name)?));
    let canonical = canonical.into_iter().find(|own| *own != id && is_other_spelling(own, &id));
    if let Some(own) = canonical {
        return (Some(own), Some(id));
    }
    let (path, _) = split_target(&case.request.target);
    let raw = path.split('/').find(|segment| {
        segment.contains('%')
            && *segment != id
            && percent_decode_str(segment).decode_utf8_lossy() == id.as_str()
    });
    // An escape that is needed is no other spelling.
    let needs_escape = |id: &str| !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~@:".contains(&b));
    let raw = raw.filter(|_| !needs_escape(&id)).map(|segment| case.redactor.text(segment));
    (Some(id), raw)
}

/// `01` and `+1` are 1, `ABC` is `abc`.
pub(super) fn is_other_spelling(own: &str, requested: &str) -> bool {
    let number = |text: &str| text.trim().trim_start_matches('+').parse::<u64>().ok();
    own.eq_ignore_ascii_case(requested.trim()) || (number(own).is_some() && number(own) == number(requested))
}

fn links(entry: &Entry, scope: &Scope<'_>) -> Vec<Link> {
    let of = |expr: &Expr| expr.look_up(scope).as_deref().and_then(text);
    let link = |spec: &crate::rules::model::LinkSpec| {
        Some(Link { rel: of(&spec.rel)?, r#type: of(&spec.kind)?, id: of(&spec.id)? })
    };
    entry.links.iter().filter_map(link).collect()
}

fn notes(
    case: &Case<'_>,
    situation: &Situation,
    who: &Who,
    missing: &[String],
    extra: impl Iterator<Item = Note>,
) -> Vec<Note> {
    let values = missing
        .iter()
        .filter(|field| *field != "before")
        .map(|field| Note::with(NoteCode::ValueMissing, field.clone()));
    let mut notes: Vec<Note> = Vec::new();
    // The router quotes headers and paths.
    let quoted =
        |note: &Note| Note { code: note.code, detail: note.detail.as_ref().map(|d| case.redactor.text(d)) };
    let all = case.candidate.notes.iter().map(quoted).chain(method_note(case.candidate));
    let all = all.chain(case.document.notes.iter().cloned()).chain(who.notes.iter().cloned());
    let all =
        all.chain(situation.notes.iter().cloned()).chain(values).chain(case.log.take_notes()).chain(extra);
    for note in all {
        if notes.len() < NOTES_MAX && !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// The text of an optional value.
fn eval_text(expr: &Option<Expr>, scope: &Scope<'_>) -> Option<String> {
    expr.as_ref()?.look_up(scope).as_deref().and_then(text)
}

/// A value where the event has text; null is nothing there.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// Notes of one event.
const NOTES_MAX: usize = 50;
