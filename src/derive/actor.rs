//! Who did it, and how sure that is (RULES section 10, THREATS chapter 2, rule 4).
//!
//! A name in a body or an unchecked token is a claim. It becomes more only when the application was asked,
//! or when it accepted this very credential in this exchange; and when the application refused it, the
//! claim is told but nobody is the actor: a thousand wrong passwords are not the victim's deeds (E54, E55).

use serde_json::{Map, Value};

use super::case::Case;
use super::document::credential::Kind;
use super::events::text;
use super::read::Purpose;
use super::read::answer::{Decoded, Heard};
use crate::event::{Actor, Assurance, Evidence, Note, NoteCode, Outcome};
use crate::exchange::Exchange;
use crate::rules::expr::{Expr, Phase, ReachStep, Root, Scope, Verdict};
use crate::rules::model::ActorWay;

/// Who did it, as the event and as the document have it.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) actor: Actor,
    pub(super) on_behalf_of: Option<Actor>,
    pub(super) document: Value,
    pub(super) behalf_document: Option<Value>,
    pub(super) notes: Vec<Note>,
    /// Who the request says it was, where the application refused to believe it.
    pub(super) refused: Option<Actor>,
}

/// An actor that a rule's test states.
#[derive(serde::Deserialize)]
struct Given {
    r#type: Option<String>,
    id: Option<Value>,
    name: Option<String>,
    email: Option<String>,
    role: Option<String>,
    organization: Option<Value>,
    team: Option<Value>,
}

impl Given {
    fn actor(self) -> Actor {
        Actor {
            r#type: self.r#type.unwrap_or_else(|| "user".to_owned()),
            id: self.id.as_ref().and_then(text),
            name: self.name,
            email: self.email,
            role: self.role,
            organization: self.organization.as_ref().and_then(text),
            team: self.team.as_ref().and_then(text),
            credential: None,
            assurance: Assurance::LookedUp,
            evidence: Some(Evidence::Application),
        }
    }
}

/// What the members of an actor come from, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ground {
    /// The request's body, query or path.
    Request,
    /// A request header.
    Header,
    /// User or claims of the credential.
    Credential,
    /// The application's answer to a question.
    Answer,
    /// The rule's own words.
    Rule,
}

/// Tries the pack's ways in order.
pub(super) fn identify(
    case: &Case<'_>,
    scope: &Scope<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
) -> Who {
    if let Some(given) = decoded.given.and_then(|given| serde_json::from_value::<Given>(given.clone()).ok()) {
        return who(given.actor(), None, Vec::new(), None);
    }
    let found = case.pack.actors.iter().find_map(|way| try_way(case, scope, exchange, decoded, way));
    found.unwrap_or_else(|| who(unknown(case), None, Vec::new(), None))
}

fn try_way(
    case: &Case<'_>,
    scope: &Scope<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
    way: &ActorWay,
) -> Option<Who> {
    let mut scope = *scope;
    if let Some(read) = &way.ask {
        // What can be told without the answer is tested first: no question for nothing.
        if !way.when.may_hold(&scope, Phase::Answer) {
            return None;
        }
        let asked = case.asking(scope, Purpose::Identity).build(read).ok()?;
        let Heard::Found(found, _) = decoded.hear(&asked) else { return None };
        scope = scope.with(Root::Answer, found);
    }
    let verdict = way.when.test(&scope);
    if verdict == Verdict::No {
        return None;
    }
    let mut actor = person(&way.actor, &scope)?;
    let on_behalf_of = way.on_behalf_of.as_ref().and_then(|members| person(members, &scope));
    let accepted = Standing::of(exchange);
    let mut notes = Vec::new();
    let mut refused = None;
    judge(&mut actor, &way.actor, case, accepted);
    if verdict == Verdict::Doubt {
        actor.assurance = actor.assurance.min(Assurance::Ambiguous);
        notes.push(Note::with(NoteCode::ActorAmbiguous, format!("{} is in doubt", way.name)));
    }
    if accepted == Standing::Refused && actor.assurance <= Assurance::Claimed {
        notes.push(Note::with(NoteCode::ActorClaimed, format!("somebody claiming to be {}", label(&actor))));
        refused = Some(std::mem::replace(&mut actor, unknown(case)));
    } else if actor.assurance == Assurance::Claimed && actor.evidence == Some(Evidence::Claimed) {
        notes.push(Note::plain(NoteCode::ActorClaimed));
    }
    actor.credential.clone_from(&case.document.shown.hash);
    Some(who(actor, on_behalf_of, notes, refused))
}

/// The actor that an entry names itself, in place of the one found.
pub(super) fn named(
    case: &Case<'_>,
    scope: &Scope<'_>,
    exchange: &Exchange,
    members: &[(String, Expr)],
    outcome: Outcome,
) -> Option<Who> {
    let mut actor = person(members, scope)?;
    let standing = Standing::of(exchange);
    judge(&mut actor, members, case, standing);
    actor.credential.clone_from(&case.document.shown.hash);
    let is_refused = match outcome {
        Outcome::Failure | Outcome::Denied => true,
        Outcome::Success | Outcome::Unknown => standing == Standing::Refused,
    };
    if is_refused && actor.evidence == Some(Evidence::Claimed) {
        let note = Note::with(NoteCode::ActorClaimed, format!("somebody claiming to be {}", label(&actor)));
        return Some(who(unknown(case), None, vec![note], Some(actor)));
    }
    let is_claim = actor.evidence == Some(Evidence::Claimed);
    let notes = if is_claim { vec![Note::plain(NoteCode::ActorClaimed)] } else { Vec::new() };
    Some(who(actor, None, notes, None))
}

/// Members that make a person; nobody without an id or an address.
pub(super) fn person(members: &[(String, Expr)], scope: &Scope<'_>) -> Option<Actor> {
    let mut actor = Actor { r#type: "unknown".to_owned(), ..Actor::default() };
    for (name, expr) in members {
        let Some(value) = expr.look_up(scope).as_deref().and_then(text) else { continue };
        match name.as_str() {
            "type" => actor.r#type = value,
            "id" => actor.id = Some(value),
            "name" => actor.name = Some(value),
            "email" => actor.email = Some(value),
            "role" => actor.role = Some(value),
            "organization" => actor.organization = Some(value),
            "team" => actor.team = Some(value),
            _ => {}
        }
    }
    let is_somebody = |member: &Option<String>| member.as_ref().is_some_and(|text| !text.is_empty());
    (is_somebody(&actor.id) || is_somebody(&actor.email)).then_some(actor)
}

/// What the application made of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Accepted,
    Refused,
    Unknown,
}

impl Standing {
    fn of(exchange: &Exchange) -> Standing {
        match exchange.response.as_ref().map(|response| response.status) {
            Some(200..=399) => Standing::Accepted,
            Some(401) => Standing::Refused,
            Some(_) | None => Standing::Unknown,
        }
    }
}

fn judge(actor: &mut Actor, members: &[(String, Expr)], case: &Case<'_>, standing: Standing) {
    let is_checked = matches!(case.document.shown.kind, Kind::Basic | Kind::Jwt);
    let is_trusted = case.document.client.get("trusted") == Some(&Value::Bool(true));
    let (assurance, evidence) = match ground(members) {
        Ground::Answer => (Assurance::LookedUp, Some(Evidence::Application)),
        Ground::Credential if is_checked && standing == Standing::Accepted => {
            (Assurance::Verified, Some(Evidence::Accepted))
        }
        Ground::Header if is_trusted => (Assurance::LookedUp, Some(Evidence::Peer)),
        Ground::Credential | Ground::Header | Ground::Request => {
            (Assurance::Claimed, Some(Evidence::Claimed))
        }
        // Which program a path belongs to is the rule author's word.
        Ground::Rule => (Assurance::Claimed, None),
    };
    actor.assurance = assurance;
    actor.evidence = evidence;
}

/// The weakest thing that the identifying members look at.
fn ground(members: &[(String, Expr)]) -> Ground {
    let mut weakest = Ground::Rule;
    for (_, expr) in members.iter().filter(|(name, _)| name == "id" || name == "email") {
        expr.visit_reaches(&mut |reach| {
            let is_header = reach.steps.first() == Some(&ReachStep::Name("headers".to_owned()));
            weakest = weakest.min(match reach.root {
                Root::Answer => Ground::Answer,
                Root::Credential => Ground::Credential,
                Root::Request if is_header => Ground::Header,
                Root::Request
                | Root::Path
                | Root::Client
                | Root::Vars
                | Root::Actor
                | Root::OnBehalfOf
                | Root::Response
                | Root::Result
                | Root::Before
                | Root::After
                | Root::BeforeState
                | Root::Changes
                | Root::Item
                | Root::Key
                | Root::With => Ground::Request,
            });
        });
    }
    weakest
}

fn unknown(case: &Case<'_>) -> Actor {
    let credential = case.document.shown.hash.clone();
    Actor { r#type: "unknown".to_owned(), credential, ..Actor::default() }
}

fn who(actor: Actor, on_behalf_of: Option<Actor>, notes: Vec<Note>, refused: Option<Actor>) -> Who {
    let document = document(&actor);
    let behalf_document = on_behalf_of.as_ref().map(self::document);
    Who { actor, on_behalf_of, document, behalf_document, notes, refused }
}

/// `$.actor`.
fn document(actor: &Actor) -> Value {
    match serde_json::to_value(actor) {
        Ok(value) => value,
        Err(_) => Value::Object(Map::new()),
    }
}

fn label(actor: &Actor) -> &str {
    let known = actor.email.as_deref().or(actor.id.as_deref()).or(actor.name.as_deref());
    known.unwrap_or("somebody")
}
