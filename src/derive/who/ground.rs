//! What a value rests on, as its expression's text says: the client's word, a credential, the application's
//! answer, or the rule's own words.

use crate::rules::expr::{Expr, Reach, ReachStep, Root};

/// What the members of an actor come from, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ground {
    /// The request's body, query or path.
    Request,
    /// A request header.
    Header,
    /// User or claims of the credential.
    Credential,
    /// The application's answer to a question.
    Answer,
    /// The client's certificate, which was verified before the request was read.
    Certificate,
    /// The rule's own words.
    Rule,
}

/// The weakest thing that the identifying members look at.
pub(super) fn ground(members: &[(String, Expr)]) -> Ground {
    identifying(members).map(weakest).min().unwrap_or(Ground::Rule)
}

/// The weakest thing that an expression looks at.
pub(super) fn weakest(expr: &Expr) -> Ground {
    let mut weakest = Ground::Rule;
    expr.visit_reaches(&mut |reach| weakest = weakest.min(of(reach)));
    weakest
}

/// Whether the rule itself has this word to say, whatever it makes its choice by.
pub(super) fn is_word_of(expr: &Expr, word: &str) -> bool {
    match expr {
        Expr::Literal(value) => value.as_str() == Some(word),
        Expr::First(alternatives) => alternatives.iter().any(|one| is_word_of(&one.value, word)),
        Expr::Path(_)
        | Expr::FirstOf(_)
        | Expr::Template(_)
        | Expr::All(_)
        | Expr::Count(_)
        | Expr::Map(_)
        | Expr::List(_) => false,
    }
}

/// Whether the identifying members look at this part of the credential.
pub(super) fn looks_at(members: &[(String, Expr)], names: &[&str]) -> bool {
    let mut found = false;
    for expr in identifying(members) {
        expr.visit_reaches(&mut |reach| {
            let is_there = reach.steps.len() >= names.len()
                && names.iter().zip(&reach.steps).all(|(name, step)| match step {
                    ReachStep::Name(own) => own == name,
                    ReachStep::Index(_) | ReachStep::Any => true,
                });
            found |= reach.root == Root::Credential && is_there;
        });
    }
    found
}

fn identifying(members: &[(String, Expr)]) -> impl Iterator<Item = &Expr> {
    members.iter().filter(|(name, _)| name == "id" || name == "email").map(|(_, expr)| expr)
}

fn of(reach: &Reach) -> Ground {
    let first = match reach.steps.first() {
        Some(ReachStep::Name(name)) => name.as_str(),
        Some(ReachStep::Index(_) | ReachStep::Any) | None => "",
    };
    match reach.root {
        Root::Answer => Ground::Answer,
        Root::Credential => Ground::Credential,
        Root::Client if first == "certificate" => Ground::Certificate,
        Root::Request if first == "headers" => Ground::Header,
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
    }
}
