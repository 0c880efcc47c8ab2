//! Which headers rules look at. A browser sends twenty and rules look at two, so no other is decoded,
//! redacted and put into the document.

use http::{HeaderMap, HeaderName};

use crate::rules::expr::{Reach, ReachStep, Root};
use crate::rules::model::{Pack, Rule};
use crate::rules::reaches;
use crate::rules::redact::Redactor;
use crate::value::{Map, Value};

/// What one rule, with its pack, looks at.
#[derive(Debug, Default)]
pub(in crate::derive) struct Sight {
    request: Wanted,
    response: Wanted,
    answer: Wanted,
}

/// Headers of a message.
#[derive(Debug)]
enum Wanted {
    These(Vec<HeaderName>),
    /// Some expression takes them as a whole.
    All,
}

/// Whose headers.
#[derive(Clone, Copy, Debug)]
pub(in crate::derive) enum Side {
    Request,
    Response,
    /// To one of our questions.
    Answer,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted::These(Vec::new())
    }
}

impl Sight {
    pub(in crate::derive) fn of(pack: &Pack, rule: &Rule) -> Sight {
        let mut sight = Sight::default();
        reaches::visit(pack, rule, &mut |reach| sight.add(reach));
        sight
    }

    fn add(&mut self, reach: &Reach) {
        let wanted = match reach.root {
            Root::Request => &mut self.request,
            Root::Response => &mut self.response,
            Root::Answer => &mut self.answer,
            Root::Path
            | Root::Client
            | Root::Credential
            | Root::Vars
            | Root::Actor
            | Root::OnBehalfOf
            | Root::Result
            | Root::Before
            | Root::After
            | Root::BeforeState
            | Root::Changes
            | Root::Item
            | Root::Key
            | Root::With => return,
        };
        match reach.steps.as_slice() {
            [ReachStep::Name(part), ..] if part != "headers" => {}
            [ReachStep::Name(_), ReachStep::Name(name), ..] => wanted.add(name),
            // Whatever else may have any header below it.
            [] | [ReachStep::Name(_) | ReachStep::Index(_) | ReachStep::Any, ..] => *wanted = Wanted::All,
        }
    }

    fn side(&self, side: Side) -> &Wanted {
        match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
            Side::Answer => &self.answer,
        }
    }
}

impl Wanted {
    fn add(&mut self, name: &str) {
        match (self, HeaderName::try_from(name)) {
            (Wanted::These(names), Ok(name)) if !names.contains(&name) => names.push(name),
            // What is no name of a header is none of a message's.
            (Wanted::These(_) | Wanted::All, _) => {}
        }
    }
}

/// Headers by lower-case name, several lines joined by `, `: those that any of these rules looks at.
pub(super) fn seen(sights: &[&Sight], side: Side, redactor: &Redactor<'_>, headers: &HeaderMap) -> Value {
    let mut members = Map::new();
    let mut put = |name: &HeaderName| {
        if headers.contains_key(name) && !members.contains_key(name.as_str()) {
            members.insert(name.as_str().to_owned(), redactor.header(headers, name).into());
        }
    };
    for sight in sights {
        match sight.side(side) {
            Wanted::These(names) => names.iter().for_each(&mut put),
            Wanted::All => headers.keys().for_each(&mut put),
        }
    }
    Value::Object(members)
}
