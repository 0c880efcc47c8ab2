//! What can be asked.

use std::time::Duration;

use jiff::Timestamp;

use super::Found;

/// Which events. Filters of different kinds must all hold; values of one kind are alternatives. Text is
/// compared without case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// An actor's id, e-mail or name; also the one on whose behalf.
    pub actor: Vec<String>,
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
    /// Client address or network.
    pub ip: Vec<ipnet::IpNet>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Words that must all occur in action, title, message, names, reason, error, changes or details.
    pub words: Vec<String>,
}

/// A question: newest first.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which events.
    pub filter: Filter,
    /// Only below this sequence.
    pub below: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// How long it may take; a page cut by it says where to go on.
    pub time_max: Duration,
}

/// A page of the answer.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events, newest first.
    pub events: Vec<Found>,
    /// Go on below this sequence; `None` at the end.
    pub next: Option<u64>,
    /// True when the time was over before the page was full: `next` tells where to go on.
    pub is_cut: bool,
}
