//! The events of what becomes of access itself, in the log beside all others. They belong to no organization, so that
//! auditors alone see them. Pure.

use jiff::Timestamp;
use uuid::Uuid;

use super::Caller;
use super::reads::Tally;
use super::tokens::{Fate, Token};
use crate::config::Shows;
use crate::event::own::{self, Own};
use crate::event::{Actor, Assurance, Event, Outcome, Target};
use crate::value::{Map, json};

/// Of a token that was made or revoked. Who did it, the file does not tell: whoever can write it. Of a link, it does.
pub(in crate::api) fn of_fate(id: Uuid, now: Timestamp, fate: &Fate) -> Event {
    if let Some(event) = of_link(id, now, fate) {
        return event;
    }
    let (action, title, text, token) = match fate {
        Fate::Made(token) => (
            "TOKEN_CREATED",
            "Token made",
            format!("The token {} was made: {}", named(token), may(token)),
            Some(token),
        ),
        Fate::Revoked(token) => {
            ("TOKEN_REVOKED", "Token revoked", format!("The token {} was revoked", named(token)), Some(token))
        }
        // A link, which has its own words below.
        Fate::Opened(token) => ("LINK_OPENED", "Link opened", named(token), Some(token)),
        Fate::Gone(id) => {
            let text = format!("The token {id} is in the file of the tokens no more");
            ("TOKEN_REMOVED", "Token removed", text, None)
        }
    };
    let own = Own { id, time: now, rule: "token", action, title, text, result: Outcome::Success };
    let target = match fate {
        Fate::Made(token) | Fate::Revoked(token) | Fate::Opened(token) => {
            (token.id.clone(), Some(token.name.clone()))
        }
        Fate::Gone(id) => (id.clone(), None),
    };
    Event {
        category: Some(CATEGORY.to_owned()),
        actor: own::system("earwitness token"),
        target: Some(Target {
            r#type: "token".to_owned(),
            id: Some(target.0),
            name: target.1,
            ..Target::default()
        }),
        details: token.map(details).unwrap_or_default(),
        ..own::event(own)
    }
}

/// Of a link: by whom it was made or revoked stands in the file. Who opens one is known by nothing but the link.
fn of_link(id: Uuid, now: Timestamp, fate: &Fate) -> Option<Event> {
    let (Fate::Made(token) | Fate::Revoked(token) | Fate::Opened(token)) = fate else { return None };
    let link = token.link.as_ref()?;
    let name = named(token);
    let (action, title, text, by) = match fate {
        Fate::Made(_) => {
            let text = format!("The link {name} was made: {}", may(token));
            ("LINK_CREATED", "Link made", text, Some(link.by.as_str()))
        }
        Fate::Revoked(_) => {
            let by = link.revoked_by.as_deref().unwrap_or("earwitness token");
            ("LINK_REVOKED", "Link revoked", format!("The link {name} was revoked"), Some(by))
        }
        Fate::Opened(_) => {
            ("LINK_OPENED", "Link opened", format!("The link {name} was opened for the first time"), None)
        }
        Fate::Gone(_) => return None,
    };
    let own = Own { id, time: now, rule: "link", action, title, text, result: Outcome::Success };
    let actor = match by {
        None => Actor { r#type: "unknown".to_owned(), ..Actor::default() },
        Some(command) if command.starts_with("earwitness ") => own::system(command),
        // The listener has checked who he is before it wrote this down.
        Some(reader) => Actor {
            r#type: "user".to_owned(),
            id: Some(reader.to_owned()),
            assurance: Assurance::Verified,
            ..Actor::default()
        },
    };
    let target = Target {
        r#type: "link".to_owned(),
        id: Some(token.id.clone()),
        name: Some(token.name.clone()),
        ..Target::default()
    };
    let category = Some(CATEGORY.to_owned());
    Some(Event { category, actor, target: Some(target), details: details(token), ..own::event(own) })
}

/// What a token was made for, and until when.
fn details(token: &Token) -> Map {
    let grants: Vec<String> = token.grants.iter().map(ToString::to_string).collect();
    let time = |time: Option<Timestamp>| time.map(|time| json!(time.to_string()));
    let expires = time(token.expires).map(|at| ("expires", at));
    let revoked = time(token.revoked).map(|at| ("revoked", at));
    let made = time(Some(token.created)).map(|at| ("created", at));
    let link = token.link.as_ref();
    let shows = link.filter(|link| link.shows == Shows::Sentences).map(|_| ("shows", json!("sentences")));
    let sites = link.filter(|link| !link.sites.is_empty()).map(|link| ("sites", json!(link.sites.clone())));
    let all = [Some(("grants", json!(grants))), made, expires, revoked, shows, sites].into_iter().flatten();
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Of somebody who signed in or out.
pub(in crate::api) fn of_session(id: Uuid, now: Timestamp, caller: &Caller, turn: Turn) -> Event {
    let who = caller.name.as_deref().unwrap_or_default();
    let (action, title, text) = match turn {
        Turn::In => ("SIGNED_IN", "Signed in", format!("{who} signed in to the audit log")),
        Turn::Out => ("SIGNED_OUT", "Signed out", format!("{who} signed out of the audit log")),
    };
    let own = Own { id, time: now, rule: "session", action, title, text, result: Outcome::Success };
    Event { category: Some(CATEGORY.to_owned()), actor: actor(caller), ..own::event(own) }
}

/// Of what somebody read within a minute, or was refused.
pub(in crate::api) fn of_reads(id: Uuid, tally: &Tally) -> Event {
    let Tally { caller, requests, events, .. } = tally;
    let who = caller.name.as_deref().unwrap_or("Somebody unknown");
    let (action, title, text, result) = if tally.is_refused {
        let text = format!("{who} was refused {requests} times at the audit log");
        ("ACCESS_REFUSED", "Access refused", text, Outcome::Denied)
    } else {
        let text = format!("{who} read the audit log: {requests} requests, {events} events");
        ("LOG_READ", "Log read", text, Outcome::Success)
    };
    let asked = tally.asked.iter().map(|asked| {
        json!({ "path": asked.path, "query": asked.query, "requests": asked.requests, "events": asked.events })
    });
    let details = [
        ("requests", json!(requests)),
        ("events", json!(events)),
        ("asked", asked.collect()),
        ("more", json!(tally.more)),
    ];
    let own = Own { id, time: tally.first, rule: own::READ, action, title, text, result };
    let mut event = Event {
        category: Some(CATEGORY.to_owned()),
        actor: if caller.id.is_some() {
            actor(caller)
        } else {
            Actor { r#type: "unknown".to_owned(), ..Actor::default() }
        },
        details: details.map(|(name, value)| (name.to_owned(), value)).into(),
        ..own::event(own)
    };
    event.client.ip = tally.ip.unwrap_or(event.client.ip);
    event
}

/// Which way somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Turn {
    /// Signs in.
    In,
    /// Signs out.
    Out,
}

/// We have checked what he showed, and know no more of him.
fn actor(caller: &Caller) -> Actor {
    let (id, name) = (caller.id.clone(), caller.name.clone());
    Actor { r#type: "user".to_owned(), id, name, assurance: Assurance::Verified, ..Actor::default() }
}

fn named(token: &Token) -> String {
    format!("{} ({})", token.name, token.id)
}

fn may(token: &Token) -> String {
    token.grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The category of all of them.
const CATEGORY: &str = "ACCESS";
