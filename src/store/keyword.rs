//! Keywords: what an event says in one value that is asked for whole. Filter, grammar, facets and index all
//! take an event's values from here, so that they cannot disagree.

use smallvec::SmallVec;

use crate::event::{Actor, Assurance, Event};

/// One kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keyword {
    /// An actor's id, e-mail or name; also the one on whose behalf. Not those that somebody gave himself.
    Actor,
    /// The same of an actor that is only claimed.
    ClaimedActor,
    /// Action.
    Action,
    /// Type.
    Kind,
    /// Category.
    Category,
    /// Source.
    Source,
    /// Result.
    Result,
    /// Type of the target.
    TargetType,
    /// Identifier of the target, as the application or as the request spelled it, or of a link.
    TargetId,
    /// Organization.
    Organization,
    /// Team.
    Team,
    /// A label of the rule.
    Tag,
    /// Id of the rule.
    Rule,
}

impl Keyword {
    /// All of them.
    pub const ALL: [Keyword; 13] = [
        Keyword::Actor,
        Keyword::ClaimedActor,
        Keyword::Action,
        Keyword::Kind,
        Keyword::Category,
        Keyword::Source,
        Keyword::Result,
        Keyword::TargetType,
        Keyword::TargetId,
        Keyword::Organization,
        Keyword::Team,
        Keyword::Tag,
        Keyword::Rule,
    ];

    /// Those whose values are counted for drop-downs.
    pub const FACETS: [Keyword; 11] = [
        Keyword::Actor,
        Keyword::Action,
        Keyword::Kind,
        Keyword::Category,
        Keyword::Source,
        Keyword::Result,
        Keyword::TargetType,
        Keyword::Team,
        Keyword::Organization,
        Keyword::Tag,
        Keyword::Rule,
    ];

    /// The word used in questions.
    pub fn as_str(self) -> &'static str {
        match self {
            Keyword::Actor => "actor",
            Keyword::ClaimedActor => "claimedActor",
            Keyword::Action => "action",
            Keyword::Kind => "type",
            Keyword::Category => "category",
            Keyword::Source => "source",
            Keyword::Result => "result",
            Keyword::TargetType => "targetType",
            Keyword::TargetId => "targetId",
            Keyword::Organization => "organization",
            Keyword::Team => "team",
            Keyword::Tag => "tag",
            Keyword::Rule => "rule",
        }
    }

    /// The keyword of that name.
    pub fn parse(text: &str) -> Option<Keyword> {
        Keyword::ALL.into_iter().find(|keyword| keyword.as_str().eq_ignore_ascii_case(text))
    }

    /// What an event says of it.
    pub(super) fn values(self, event: &Event) -> SmallVec<[&str; 8]> {
        match self {
            // A guest who calls himself the director is not found among the director's deeds (THREATS E61).
            Keyword::Actor if !is_claimed(event) => names(event),
            Keyword::ClaimedActor if is_claimed(event) => names(event),
            Keyword::Actor | Keyword::ClaimedActor => SmallVec::new(),
            Keyword::Action => std::iter::once(event.action.as_str()).collect(),
            Keyword::Kind => one(&event.r#type),
            Keyword::Category => one(&event.category),
            Keyword::Source => one(&event.source),
            Keyword::Result => std::iter::once(event.result.as_str()).collect(),
            Keyword::TargetType => event.target.iter().map(|target| target.r#type.as_str()).collect(),
            Keyword::TargetId => {
                let target =
                    event.target.iter().flat_map(|target| target.id.iter().chain(&target.requested_id));
                target.chain(event.links.iter().map(|link| &link.id)).map(String::as_str).collect()
            }
            Keyword::Organization => one(&event.scope.organization),
            Keyword::Team => one(&event.scope.team),
            Keyword::Tag => event.tags.iter().map(String::as_str).collect(),
            Keyword::Rule => std::iter::once(event.rule.id.as_str()).collect(),
        }
    }

    /// What an event counts for: of an actor that which tells him apart best, and not the one on whose behalf. Of a
    /// long value the beginning.
    pub(super) fn facet(self, event: &Event) -> SmallVec<[&str; 8]> {
        let mut values = match self {
            Keyword::Actor if is_claimed(event) => SmallVec::new(),
            Keyword::Actor => texts(&event.actor).take(1).collect(),
            keyword => keyword.values(event),
        };
        values.iter_mut().for_each(|value| *value = beginning(value));
        values
    }
}

/// As much of a value as the index has.
pub(super) fn beginning(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]
}

fn one(text: &Option<String>) -> SmallVec<[&str; 8]> {
    text.as_deref().into_iter().collect()
}

fn is_claimed(event: &Event) -> bool {
    event.actor.assurance == Assurance::Claimed
}

fn names(event: &Event) -> SmallVec<[&str; 8]> {
    std::iter::once(&event.actor).chain(&event.on_behalf_of).flat_map(texts).collect()
}

/// What tells an actor apart, the surest first.
pub(super) fn texts(actor: &Actor) -> impl Iterator<Item = &str> {
    actor.id.iter().chain(&actor.email).chain(&actor.name).map(String::as_str)
}

/// Longer values are counted, and found in the index, by how they begin.
pub(super) const VALUE_BYTES_MAX: usize = 300;
