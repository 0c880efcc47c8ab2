//! What somebody may do with the audit log: the words in which tokens and the configuration say it.
//!
//! There is no grant for being a member: who has none reads nothing. Who works for two organizations has two.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One thing that somebody may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Reads everything, and changes nothing.
    Auditor,
    /// Sees how Earwitness does and has it load its rules anew; reads no event.
    Operator,
    /// Reads the events of an organization: its owner or administrator.
    Organization(String),
    /// Reads the events of a team: its owner or administrator.
    Team(String),
    /// Reads the events of one thing.
    Target {
        /// Its kind: `booking`.
        r#type: String,
        /// Its identifier.
        id: String,
    },
    /// Reads what one person did.
    Actor(String),
}

impl Grant {
    /// The grant that is written so.
    pub fn parse(text: &str) -> Option<Grant> {
        match (text, text.split_once(':')) {
            ("auditor", _) => Some(Grant::Auditor),
            ("operator", _) => Some(Grant::Operator),
            (_, Some((word, id))) if is_id(id) => match word {
                "organization" => Some(Grant::Organization(id.to_owned())),
                "team" => Some(Grant::Team(id.to_owned())),
                "actor" => Some(Grant::Actor(id.to_owned())),
                "target" => {
                    let (r#type, id) =
                        id.split_once('/').filter(|(r#type, id)| is_id(r#type) && is_id(id))?;
                    Some(Grant::Target { r#type: r#type.to_owned(), id: id.to_owned() })
                }
                _ => None,
            },
            (_, Some(_) | None) => None,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Auditor => formatter.write_str("auditor"),
            Grant::Operator => formatter.write_str("operator"),
            Grant::Organization(id) => write!(formatter, "organization:{id}"),
            Grant::Team(id) => write!(formatter, "team:{id}"),
            Grant::Target { r#type, id } => write!(formatter, "target:{type}/{id}"),
            Grant::Actor(id) => write!(formatter, "actor:{id}"),
        }
    }
}

/// How much of the events that he sees somebody is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Shows {
    /// All that is recorded.
    #[default]
    Records,
    /// What happened, by whom, to what and how it ended: no address, no user agent, no values, nothing of the request.
    Sentences,
}

impl Shows {
    /// True for what is not worth writing down.
    pub fn is_records(&self) -> bool {
        *self == Shows::Records
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains(char::is_control)
}

/// What a grant may be, for messages.
pub const GRANTS: &str = "auditor, operator, organization:ID, team:ID, target:TYPE/ID or actor:ID";
const ID_BYTES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_written() {
        let check = |text: &str, expected: Option<Grant>| {
            assert_eq!(Grant::parse(text), expected, "{text}");
            assert!(expected.is_none_or(|grant| grant.to_string() == text), "{text}");
        };
        check("auditor", Some(Grant::Auditor));
        check("operator", Some(Grant::Operator));
        check("organization:acme", Some(Grant::Organization("acme".to_owned())));
        check("team:a:b/c d", Some(Grant::Team("a:b/c d".to_owned())));
        check("actor:u4", Some(Grant::Actor("u4".to_owned())));
        let target = Grant::Target { r#type: "event".to_owned(), id: "a/b".to_owned() };
        check("target:event/a/b", Some(target));
        for text in
            ["", "Auditor", "auditor:x", "organization", "organization:", "team:", "target:x", "target:/1"]
        {
            check(text, None);
        }
        check("target:x/", None);
        check("member", None);
        check("team:a\nb", None);
        check(&format!("team:{}", "x".repeat(501)), None);
    }
}
