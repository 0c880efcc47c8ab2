//! Which names an expression may use where it stands, so that a typing mistake is found at load and not
//! by a record that silently lacks a field.

use super::compile::Flaw;
use super::scope::{Phase, Root};
use crate::yaml::nearest;

/// Names that an expression may use at the place where it stands; anything else is E09 or E10.
#[derive(Clone, Debug)]
pub struct Names {
    /// The latest phase whose names are known there.
    pub phase: Phase,
    /// `$.answer` and `$.with` exist there.
    pub has_answer: bool,
    /// `$.item` and `$.key` exist there.
    pub has_item: bool,
    /// Named parts of the `match` line; `None` where it depends on the rule (pack-wide expressions).
    pub parts: Option<Vec<String>>,
    /// Names of `vars`, with the phase at which each is known.
    pub vars: Vec<(String, Phase)>,
}

impl Names {
    /// The root of that name, or what is wrong with it.
    pub(super) fn root(&self, name: &str) -> Result<Root, Flaw> {
        Root::parse(name).ok_or_else(|| {
            let flaw = Flaw::word("E09", name, format!("the document has no `{name}`"));
            let known = Root::ALL.into_iter().map(Root::name);
            match nearest(name, known) {
                Some(near) => flaw.cure(format!("did you mean `{near}`?")),
                None => flaw.cure(format!("known are {}", Root::ALL.map(Root::name).join(", "))),
            }
        })
    }

    /// When a root and its first member (`None` for all of it) are known, or why they may not stand here.
    pub(super) fn phase_of(&self, root: Root, first: Option<&str>) -> Result<Phase, Flaw> {
        if let (Some(first), Some(known)) = (first, self.members(root))
            && !known.contains(&first)
        {
            let flaw = Flaw::word("E09", first, format!("`{}` has no `{first}`", root.name()));
            return Err(match nearest(first, known.iter().copied()) {
                Some(near) => flaw.cure(format!("did you mean `{near}`?")),
                None if known.is_empty() => flaw.cure(format!("nothing is named in `{}` here", root.name())),
                None => flaw.cure(format!("known are {}", known.join(", "))),
            });
        }
        let phase = self.earliest(root, first);
        let unknown = |message: String, cure: &str| Err(Flaw::word("E10", root.name(), message).cure(cure));
        let name = root.name();
        match root {
            Root::Answer | Root::With if !self.has_answer => unknown(
                format!("`{name}` is not known here"),
                "it exists only in `select`, `read` and the `ask` ways of `actors`",
            ),
            Root::Item | Root::Key if !self.has_item => {
                unknown(format!("`{name}` is not known here"), "it exists only below `for_each`")
            }
            Root::Answer | Root::With | Root::Item | Root::Key => Ok(phase),
            _ if phase > self.phase => unknown(
                format!("`{name}{}` is not yet known here", dotted(first)),
                match self.phase {
                    Phase::Head => "only the head of the request is known here",
                    Phase::Body | Phase::Answer => "only the request is known here, not the answer",
                },
            ),
            _ => Ok(phase),
        }
    }

    /// The closed list of a root's members, if it has one.
    fn members(&self, root: Root) -> Option<Vec<&str>> {
        let fixed: &[&str] = match root {
            Root::Request => &REQUEST,
            Root::Client => &["ip", "port", "trusted", "certificate"],
            Root::Credential => &["kind", "user", "claims", "verified", "hash"],
            Root::Actor | Root::OnBehalfOf => &PERSON,
            Root::Response => &["status", "headers", "cookies", "body", "format", "bodyState", "stream"],
            Root::Answer => &["status", "headers", "body"],
            Root::Vars => return Some(self.vars.iter().map(|(name, _)| name.as_str()).collect()),
            Root::Path => return self.parts.as_ref().map(|parts| parts.iter().map(String::as_str).collect()),
            Root::Result
            | Root::Before
            | Root::After
            | Root::BeforeState
            | Root::Changes
            | Root::Item
            | Root::Key
            | Root::With => return None,
        };
        Some(fixed.to_vec())
    }

    fn earliest(&self, root: Root, first: Option<&str>) -> Phase {
        match root {
            Root::Path | Root::Client | Root::Credential | Root::With => Phase::Head,
            Root::Request => match first {
                None | Some("body" | "format" | "bodyState") => Phase::Body,
                Some(_) => Phase::Head,
            },
            Root::Vars => {
                let wanted = self.vars.iter().filter(|(name, _)| first.is_none_or(|first| first == name));
                wanted.map(|(_, phase)| *phase).max().unwrap_or(Phase::Head)
            }
            Root::Item => Phase::Body,
            // The actor may have to be asked for; for what is decided before forwarding it is unknown.
            Root::Actor
            | Root::OnBehalfOf
            | Root::Response
            | Root::Result
            | Root::Before
            | Root::After
            | Root::BeforeState
            | Root::Changes
            | Root::Key
            | Root::Answer => Phase::Answer,
        }
    }
}

fn dotted(first: Option<&str>) -> String {
    first.map(|first| format!(".{first}")).unwrap_or_default()
}

const REQUEST: [&str; 13] = [
    "method",
    "path",
    "target",
    "scheme",
    "host",
    "query",
    "headers",
    "cookies",
    "operation",
    "part",
    "body",
    "format",
    "bodyState",
];
const PERSON: [&str; 9] =
    ["type", "id", "name", "email", "role", "organization", "team", "evidence", "assurance"];
