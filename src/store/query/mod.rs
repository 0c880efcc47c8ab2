//! What can be asked, and what is answered.

mod item;
mod sieve;

pub(crate) use item::Item;
pub(crate) use sieve::Sieve;

use std::time::Duration;

use jiff::Timestamp;

use super::keyword::Keyword;
use super::words::{Clause, Texts, What, folded, is_same};
use super::{Found, Sealed, Visible};
use crate::event::Event;

/// Which events. Filters of different kinds must all hold; values of one kind are alternatives. Text is
/// compared without case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What whoever asks may see at all.
    pub visible: Visible,
    /// One of these things: as target, or linked to.
    pub things: Vec<Thing>,
    /// An actor's id, e-mail or name; also the one on whose behalf. Not those that somebody gave himself.
    pub actor: Vec<String>,
    /// The same of an actor that is only claimed.
    pub claimed_actor: Vec<String>,
    /// Action.
    pub action: Vec<String>,
    /// Type.
    pub kind: Vec<String>,
    /// Category.
    pub category: Vec<String>,
    /// Source.
    pub source: Vec<String>,
    /// Result.
    pub result: Vec<crate::event::Outcome>,
    /// Type of the target.
    pub target_type: Vec<String>,
    /// Identifier of the target, as the application or as the request spelled it, or of a link.
    pub target_id: Vec<String>,
    /// Organization.
    pub organization: Vec<String>,
    /// Team.
    pub team: Vec<String>,
    /// A label of the rule.
    pub tag: Vec<String>,
    /// Id of the rule.
    pub rule: Vec<String>,
    /// Client address or network.
    pub ip: Vec<ipnet::IpNet>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// All of these must hold.
    pub search: Vec<Clause>,
}

impl Filter {
    /// True when an event is one of those asked for. The index only finds what may be; this decides.
    pub fn matches(&self, event: &Event) -> bool {
        self.visible.shows(event)
            && self.is_in_time(event)
            && (self.things.is_empty() || self.things.iter().any(|thing| thing.is_of(event)))
            && (self.result.is_empty() || self.result.contains(&event.result))
            && self.texts().into_iter().all(|(keyword, asked)| any_same(asked, keyword, event))
            && self.is_from_network(event)
            && self.holds_search(event)
    }

    /// True when every event is asked for.
    pub fn is_everything(&self) -> bool {
        *self == Filter::default()
    }

    /// The same without what it asks of a keyword.
    pub fn without(&self, keyword: Keyword) -> Filter {
        let mut filter = self.clone();
        match keyword {
            Keyword::Actor => filter.actor.clear(),
            Keyword::ClaimedActor => filter.claimed_actor.clear(),
            Keyword::Action => filter.action.clear(),
            Keyword::Kind => filter.kind.clear(),
            Keyword::Category => filter.category.clear(),
            Keyword::Source => filter.source.clear(),
            Keyword::Result => filter.result.clear(),
            Keyword::TargetType => filter.target_type.clear(),
            Keyword::TargetId => filter.target_id.clear(),
            Keyword::Organization => filter.organization.clear(),
            Keyword::Team => filter.team.clear(),
            Keyword::Tag => filter.tag.clear(),
            Keyword::Rule => filter.rule.clear(),
        }
        filter
    }

    /// What is asked for by keyword, but for the result.
    pub(super) fn texts(&self) -> [(Keyword, &[String]); 12] {
        [
            (Keyword::Actor, &self.actor),
            (Keyword::ClaimedActor, &self.claimed_actor),
            (Keyword::Action, &self.action),
            (Keyword::Kind, &self.kind),
            (Keyword::Category, &self.category),
            (Keyword::Source, &self.source),
            (Keyword::TargetType, &self.target_type),
            (Keyword::TargetId, &self.target_id),
            (Keyword::Organization, &self.organization),
            (Keyword::Team, &self.team),
            (Keyword::Tag, &self.tag),
            (Keyword::Rule, &self.rule),
        ]
    }

    fn is_in_time(&self, event: &Event) -> bool {
        self.from.is_none_or(|from| event.time >= from) && self.to.is_none_or(|to| event.time < to)
    }

    /// An IPv4 address inside an IPv6 one is the same client.
    fn is_from_network(&self, event: &Event) -> bool {
        let ip = event.client.ip.to_canonical();
        self.ip.is_empty()
            || self.ip.iter().any(|network| network.contains(&ip) || network.contains(&event.client.ip))
    }

    fn holds_search(&self, event: &Event) -> bool {
        let mut texts = None;
        self.search.iter().all(|clause| {
            let holds = match &clause.what {
                What::Words(within, phrase) => {
                    phrase.is_in(texts.get_or_insert_with(|| Texts::of(event)).within(*within))
                }
                What::Value(keyword, value) => {
                    keyword.values(event).into_iter().any(|held| folded(held) == *value)
                }
            };
            holds != clause.is_not
        })
    }
}

/// A thing that events are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its kind: `booking`.
    pub r#type: String,
    /// Its identifier.
    pub id: String,
}

impl Thing {
    /// True when an event is about it, or about something that is linked to it. Spelled as it is, with its case.
    pub fn is_of(&self, event: &Event) -> bool {
        let target = event.target.iter().filter(|target| target.r#type == self.r#type);
        let mut own = target.flat_map(|target| target.id.iter().chain(&target.requested_id));
        let mut linked = event.links.iter().filter(|link| link.r#type == self.r#type);
        own.any(|own| *own == self.id) || linked.any(|link| link.id == self.id)
    }
}

/// Which end of the log comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last recorded.
    #[default]
    Newest,
    /// The first recorded.
    Oldest,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which events.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Only behind this sequence, in that order: below it, or above.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// How long it may take; a page cut by it says where to go on.
    pub time_max: Duration,
}

/// A page of the answer.
#[derive(Clone, Debug)]
pub struct Page<T = Found> {
    /// The events, in the order asked for.
    pub events: Vec<T>,
    /// Go on behind this sequence; `None` at the end.
    pub next: Option<u64>,
    /// True when the time was over before the page was full: `next` tells where to go on.
    pub is_cut: bool,
    /// True when so many events had to be looked at one by one, because no index covers them, that it was slow.
    pub is_scanned: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Page<T> {
        Page { events: Vec::new(), next: None, is_cut: false, is_scanned: false }
    }
}

impl Page {
    /// The same without what its events say.
    pub fn into_entries(self) -> Page<Sealed> {
        let Page { events, next, is_cut, is_scanned } = self;
        Page { events: events.into_iter().map(|found| found.sealed).collect(), next, is_cut, is_scanned }
    }
}

impl Order {
    /// True when `sequence` comes behind `place` in this order.
    pub fn is_behind(self, sequence: u64, place: u64) -> bool {
        match self {
            Order::Newest => sequence < place,
            Order::Oldest => sequence > place,
        }
    }

    /// Before everything in this order.
    pub fn start(self) -> u64 {
        match self {
            Order::Newest => u64::MAX,
            Order::Oldest => 0,
        }
    }

    /// The other one.
    pub fn reversed(self) -> Order {
        match self {
            Order::Newest => Order::Oldest,
            Order::Oldest => Order::Newest,
        }
    }
}

/// True when nothing is asked for, or one of the values is.
fn any_same(asked: &[String], keyword: Keyword, event: &Event) -> bool {
    asked.is_empty()
        || keyword.values(event).into_iter().any(|value| asked.iter().any(|asked| is_same(asked, value)))
}

#[cfg(test)]
mod tests;
