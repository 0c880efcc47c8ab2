//! What rules say about identity beside `actors`: which exchanges begin and end sessions, and which headers only
//! a trusted peer may set.

use super::expr::{Expr, Reach, ReachStep, Root};
use super::model::RuleSet;

/// What an exchange does to a session, when its result is success.
#[derive(Debug)]
pub enum Session {
    /// From now on this is the session of the event's actor.
    Starts(SessionPlace),
    /// It is nobody's any more.
    Ends,
}

/// Where the answer shows what the client sends from then on.
#[derive(Debug)]
pub enum SessionPlace {
    /// The cookie of this name: the one set, else the one that was sent.
    Cookie(String),
    /// A bearer token in the answer.
    Token(Expr),
}

impl RuleSet {
    /// Headers that an actor is taken from, in lower case.
    pub fn identity_headers(&self) -> Vec<String> {
        let mut names = Vec::new();
        for pack in &self.packs {
            let ways =
                pack.actors.iter().flat_map(|way| way.actor.iter().chain(way.on_behalf_of.iter().flatten()));
            let entries = pack.rules.iter().flat_map(|rule| rule.entries.iter().chain(&rule.otherwise));
            let own = entries.flat_map(|entry| entry.actor.iter().chain(&entry.on_behalf_of).flatten());
            for (_, expr) in ways.chain(own) {
                expr.visit_reaches(&mut |reach| names.extend(header_of(reach)));
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

/// The request header that this reaches for.
fn header_of(reach: &Reach) -> Option<String> {
    match (reach.root, reach.steps.as_slice()) {
        (Root::Request, [ReachStep::Name(part), ReachStep::Name(name), ..]) if part == "headers" => {
            Some(name.to_lowercase())
        }
        _ => None,
    }
}
