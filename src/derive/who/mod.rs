//! Who did it, and how sure that is (RULES section 10, THREATS chapter 2, rule 4); which session showed it,
//! and who may see it.
//!
//! A name in a body or an unchecked token is a claim. It becomes more only when the application was asked,
//! or when it accepted this very credential in this exchange; and when the application refused it, the
//! claim is told but nobody is the actor: a thousand wrong passwords are not the victim's deeds (E54, E55).

pub(super) mod access;
mod first;
mod ground;
mod learned;
pub(super) mod session;

pub(super) use self::first::at_first_sight;

use self::ground::{Ground, ground, weakest};
use super::Step;
use super::case::Case;
use super::document::credential::Kind;
use super::events::text;
use super::read::Purpose;
use super::read::answer::{Decoded, Heard};
use crate::event::{Actor, Assurance, Evidence, Note, NoteCode, Outcome, Scope as Visibility};
use crate::exchange::Exchange;
use crate::rules::expr::{Condition, Expr, Phase, Root, Scope, Verdict};
use crate::rules::model::{ActorWay, Session};
use crate::value::Value;

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
    /// Organization and team of the actor, and of the one on whose behalf, as far as they may decide who sees
    /// the event.
    scopes: (Visibility, Visibility),
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
            evidence_age_s: None,
        }
    }
}

/// Tries the pack's ways in order.
pub(super) fn identify(
    case: &Case<'_>,
    scope: &Scope<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
) -> Who {
    if let Some(given) =
        decoded.given.and_then(|given| serde_json::from_value::<Given>(given.clone().into()).ok())
    {
        let actor = given.actor();
        let scopes = (all_of(&actor), Visibility::default());
        return Who { scopes, ..who(actor, None) };
    }
    let mut doubtful = None;
    for way in &case.pack.actors {
        match try_way(case, scope, exchange, decoded, way) {
            // Another way may know better than logins do (THREATS E59).
            Some(who) if way.is_learned && who.actor.assurance == Assurance::Ambiguous => {
                doubtful = Some((way, who));
            }
            Some(who) => {
                decoded.tell(|| Step::Identified { way: Some(&way.name) });
                return who;
            }
            None => {}
        }
    }
    decoded.tell(|| Step::Identified { way: doubtful.as_ref().map(|(way, _)| way.name.as_str()) });
    doubtful.map_or_else(|| who(unknown(case), None), |(_, who)| who)
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
    if way.is_learned {
        return learned::from_logins(case, exchange, decoded);
    }
    let found = Found::of(case, way, &scope)?;
    let doubt = (verdict == Verdict::Doubt).then(|| format!("{} is in doubt", way.name));
    Some(found.judged(case, &scope, Standing::of(exchange), doubt))
}

/// Whom a way finds, and from what.
struct Found<'w> {
    actor: Option<Actor>,
    members: &'w [(String, Expr)],
    behalf: Option<(Actor, &'w [(String, Expr)])>,
}

impl<'w> Found<'w> {
    fn of(case: &Case<'_>, way: &'w ActorWay, scope: &Scope<'_>) -> Option<Found<'w>> {
        let members = way.actor.as_slice();
        let behalf = way.on_behalf_of.as_deref();
        let behalf = behalf.and_then(|members| Some((person(members, scope)?, members)));
        let Some(actor) = person(members, scope) else {
            // Whoever says when somebody acts for others gets told so, also without a name (THREATS E62).
            let is_said = !matches!(&way.when, Condition::All(all) if all.is_empty());
            return (is_said && behalf.is_some()).then_some(Found { actor: None, members, behalf });
        };
        match (behalf, acting(case, members)) {
            (None, Some(deputy)) => Some(Found { actor: deputy, members, behalf: Some((actor, members)) }),
            (behalf, _) => Some(Found { actor: Some(actor), members, behalf }),
        }
    }

    fn judged(self, case: &Case<'_>, scope: &Scope<'_>, standing: Standing, doubt: Option<String>) -> Who {
        let mut notes = Vec::new();
        let mut refused = None;
        let mut scopes = (Visibility::default(), Visibility::default());
        let judged = |actor: &mut Actor, members: &[(String, Expr)], notes: &mut Vec<Note>| {
            judge(actor, members, case, standing, scope);
            for why in ambiguities(case, members).into_iter().chain(doubt.clone()) {
                actor.assurance = actor.assurance.min(Assurance::Ambiguous);
                let note = Note::with(NoteCode::ActorAmbiguous, why);
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            actor.credential.clone_from(&case.document.shown.hash);
            sight(actor, members)
        };
        let mut behalf = self.behalf.map(|(mut behalf, members)| {
            scopes.1 = judged(&mut behalf, members, &mut notes);
            behalf.credential = None;
            behalf
        });
        let mut actor = match self.actor {
            Some(mut actor) => {
                scopes.0 = judged(&mut actor, self.members, &mut notes);
                actor
            }
            None => {
                notes.push(Note::with(NoteCode::ActorAmbiguous, "who acts here for another is not known"));
                unknown(case)
            }
        };
        if standing == Standing::Refused && actor.assurance <= Assurance::Claimed {
            let claim = behalf.take().unwrap_or_else(|| actor.clone());
            notes.push(Note::with(
                NoteCode::ActorClaimed,
                format!("somebody claiming to be {}", label(&claim)),
            ));
            refused = Some(claim);
            actor = unknown(case);
            scopes = (Visibility::default(), Visibility::default());
        } else if actor.assurance == Assurance::Claimed && actor.evidence == Some(Evidence::Claimed) {
            notes.push(Note::plain(NoteCode::ActorClaimed));
        }
        Who { notes, refused, scopes, ..who(actor, behalf) }
    }
}

/// Who acts for the subject of a token (RFC 8693 section 4.1): the outermost `act`, unless the rule looks there
/// itself. `Some(None)` where the token says that somebody does, and not who.
fn acting(case: &Case<'_>, members: &[(String, Expr)]) -> Option<Option<Actor>> {
    let act = case.document.credential.get("claims")?.get("act")?;
    if ground(members) != Ground::Credential || ground::looks_at(members, &["claims", "act"]) {
        return None;
    }
    let id = act.get("sub").and_then(text).filter(|id| !id.is_empty());
    Some(id.map(|id| Actor { r#type: "unknown".to_owned(), id: Some(id), ..Actor::default() }))
}

/// Why it is not certain that this credential is whose the members say: it can be read as another's.
fn ambiguities(case: &Case<'_>, members: &[(String, Expr)]) -> Option<String> {
    match ground(members) {
        Ground::Answer | Ground::Credential => case.document.shown.ambiguity.clone(),
        Ground::Request | Ground::Header | Ground::Certificate | Ground::Rule => None,
    }
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
    judge(&mut actor, members, case, standing, scope);
    actor.credential.clone_from(&case.document.shown.hash);
    let is_doubtful = members.iter().any(|(_, expr)| expr.doubt(scope).is_some());
    if matches!(case.rule.session, Some(Session::Starts(_))) && outcome == Outcome::Success && !is_doubtful {
        // The rule says that this is a login, and that the application accepted it.
        (actor.assurance, actor.evidence) = (Assurance::Verified, Some(Evidence::Accepted));
    }
    let is_refused = match outcome {
        Outcome::Failure | Outcome::Denied => true,
        Outcome::Success | Outcome::Unknown => standing == Standing::Refused,
    };
    if is_refused && actor.evidence == Some(Evidence::Claimed) {
        let note = Note::with(NoteCode::ActorClaimed, format!("somebody claiming to be {}", label(&actor)));
        return Some(Who { notes: vec![note], refused: Some(actor), ..who(unknown(case), None) });
    }
    let is_claim = actor.evidence == Some(Evidence::Claimed);
    let notes = if is_claim { vec![Note::plain(NoteCode::ActorClaimed)] } else { Vec::new() };
    let scopes = (sight(&actor, members), Visibility::default());
    Some(Who { notes, scopes, ..who(actor, None) })
}

/// Members that make a person; nobody without an id or an address.
pub(super) fn person(members: &[(String, Expr)], scope: &Scope<'_>) -> Option<Actor> {
    let mut actor = Actor { r#type: "unknown".to_owned(), ..Actor::default() };
    for (name, expr) in members {
        let Some(value) = expr.look_up(scope).as_deref().and_then(text) else { continue };
        match name.as_str() {
            "type" => actor.r#type = kind(value, expr),
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

/// One of the known types. No request makes itself the system's (THREATS E65).
fn kind(value: String, expr: &Expr) -> String {
    let is_ours = ground::is_word_of(expr, &value) || weakest(expr) >= Ground::Credential;
    let is_allowed = match value.as_str() {
        "system" | "app" => is_ours,
        other => Actor::TYPES.contains(&other),
    };
    if is_allowed { value } else { "unknown".to_owned() }
}

/// What of the actor may decide who sees the event: what the request says may not (THREATS E63).
fn sight(actor: &Actor, members: &[(String, Expr)]) -> Visibility {
    let is_told = |name: &str| {
        let expr = members.iter().find(|(member, _)| member == name).map(|(_, expr)| weakest(expr));
        match expr {
            Some(Ground::Rule) => true,
            Some(Ground::Answer | Ground::Credential | Ground::Certificate) => {
                actor.assurance >= Assurance::LookedUp
            }
            Some(Ground::Header) => actor.evidence == Some(Evidence::Peer),
            Some(Ground::Request) | None => false,
        }
    };
    Visibility {
        organization: actor.organization.clone().filter(|_| is_told("organization")),
        team: actor.team.clone().filter(|_| is_told("team")),
    }
}

fn all_of(actor: &Actor) -> Visibility {
    Visibility { organization: actor.organization.clone(), team: actor.team.clone() }
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

fn judge(
    actor: &mut Actor,
    members: &[(String, Expr)],
    case: &Case<'_>,
    standing: Standing,
    scope: &Scope<'_>,
) {
    let is_checked = matches!(case.document.shown.kind, Kind::Basic | Kind::Jwt);
    // A public page answers 200 to whoever sends a forged token too (THREATS E54).
    let is_accepted = is_checked && standing == Standing::Accepted && case.rule.is_authenticated;
    let is_trusted = case.document.client.get("trusted") == Some(&Value::Bool(true));
    let (assurance, evidence) = match ground(members) {
        Ground::Answer => (Assurance::LookedUp, Some(Evidence::Application)),
        Ground::Certificate => (Assurance::Verified, Some(Evidence::Certificate)),
        Ground::Credential if is_accepted => (Assurance::Verified, Some(Evidence::Accepted)),
        Ground::Header if is_trusted => (Assurance::LookedUp, Some(Evidence::Peer)),
        Ground::Credential | Ground::Header | Ground::Request => {
            (Assurance::Claimed, Some(Evidence::Claimed))
        }
        // Which program a path belongs to is the rule author's word.
        Ground::Rule => (Assurance::Claimed, None),
    };
    actor.assurance = assurance;
    actor.evidence = evidence;
    if evidence == Some(Evidence::Application) {
        actor.evidence_age_s = age_s(scope);
    }
}

/// The answer's `Age` (RFC 9111 section 5.1): our own memory adds to it, as a cache in between does.
fn age_s(scope: &Scope<'_>) -> Option<u64> {
    scope.root(Root::Answer)?.get("ageS")?.as_u64()
}

fn unknown(case: &Case<'_>) -> Actor {
    let credential = case.document.shown.hash.clone();
    Actor { r#type: "unknown".to_owned(), credential, ..Actor::default() }
}

fn who(actor: Actor, on_behalf_of: Option<Actor>) -> Who {
    let document = document(&actor);
    let behalf_document = on_behalf_of.as_ref().map(self::document);
    let scopes = (Visibility::default(), Visibility::default());
    Who { actor, on_behalf_of, document, behalf_document, notes: Vec::new(), refused: None, scopes }
}

/// `$.actor`.
fn document(actor: &Actor) -> Value {
    let Actor { r#type, id, name, email, role, organization, team, credential, assurance, .. } = actor;
    let texts = [
        ("id", id),
        ("name", name),
        ("email", email),
        ("role", role),
        ("organization", organization),
        ("team", team),
        ("credential", credential),
    ];
    let known = texts.into_iter().filter_map(|(name, text)| Some((name, Value::from(text.as_ref()?))));
    let said = [("type", Value::from(r#type)), ("assurance", assurance.as_str().into())];
    let evidence = actor.evidence.map(|evidence| ("evidence", evidence.as_str().into()));
    let age = actor.evidence_age_s.map(|age_s| ("evidenceAgeS", age_s.into()));
    Value::Object(known.chain(said).chain(evidence).chain(age).collect())
}

fn label(actor: &Actor) -> &str {
    let known = actor.email.as_deref().or(actor.id.as_deref()).or(actor.name.as_deref());
    known.unwrap_or("somebody")
}
