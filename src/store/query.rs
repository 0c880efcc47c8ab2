//! What can be asked.

use std::time::Duration;

use jiff::Timestamp;

use super::words::{Words, folded, is_same};
use super::{Found, Visible};
use crate::event::{Assurance, Event};

/// Which events. Filters of different kinds must all hold; values of one kind are alternatives. Text is
/// compared without case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What whoever asks may see at all.
    pub visible: Visible,
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
    /// Client address or network.
    pub ip: Vec<ipnet::IpNet>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Words that must all occur in action, title, message, names, reason, error, changes or details.
    pub words: Vec<String>,
}

impl Filter {
    /// True when an event is one of those asked for.
    pub fn matches(&self, event: &Event) -> bool {
        self.visible.shows(event)
            && self.is_in_time(event)
            && any_same(&self.action, [event.action.as_str()])
            && any_same(&self.kind, &event.r#type)
            && any_same(&self.category, &event.category)
            && any_same(&self.source, &event.source)
            && (self.result.is_empty() || self.result.contains(&event.result))
            && any_same(&self.target_type, event.target.as_ref().map(|target| &target.r#type))
            && any_same(&self.target_id, target_ids(event))
            && any_same(&self.actor, actor_names(event).filter(|_| !is_claimed(event)))
            && any_same(&self.claimed_actor, actor_names(event).filter(|_| is_claimed(event)))
            && self.is_from_network(event)
            && self.words.iter().all(|word| Words::of(event).hold(&folded(word)))
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

/// True when nothing is asked for, or one of the values is.
fn any_same<T: AsRef<str>>(asked: &[String], values: impl IntoIterator<Item = T>) -> bool {
    asked.is_empty()
        || values.into_iter().any(|value| asked.iter().any(|asked| is_same(asked, value.as_ref())))
}

fn target_ids(event: &Event) -> impl Iterator<Item = &String> {
    let target = event.target.iter().flat_map(|target| target.id.iter().chain(&target.requested_id));
    target.chain(event.links.iter().map(|link| &link.id))
}

/// A guest who calls himself the director is not found among the director's deeds (THREATS E61).
fn is_claimed(event: &Event) -> bool {
    event.actor.assurance == Assurance::Claimed
}

fn actor_names(event: &Event) -> impl Iterator<Item = &String> {
    std::iter::once(&event.actor)
        .chain(&event.on_behalf_of)
        .flat_map(|actor| actor.id.iter().chain(&actor.email).chain(&actor.name))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::event;
    use super::*;

    fn check(asked: impl Fn(&mut Filter), expected: bool) {
        let mut filter = Filter::default();
        asked(&mut filter);
        assert_eq!(filter.matches(&event(4)), expected, "{filter:?}");
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn filters_of_one_kind_are_alternatives_and_case_does_not_matter() {
        check(|_| (), true);
        for (name, expected) in
            [("u4", true), ("U4", true), ("jordis@EXAMPLE.org", true), ("jöRDIS NOWAK", true), ("boss", true)]
        {
            check(|filter| filter.actor = texts(&[name]), expected);
        }
        check(|filter| filter.actor = texts(&["u5"]), false);
        check(|filter| filter.actor = texts(&["u5", "u4"]), true);
        check(|filter| filter.actor = texts(&["Nowak"]), false);
        check(|filter| filter.action = texts(&["rescheduled"]), true);
        check(|filter| filter.kind = texts(&["record_updated"]), true);
        check(|filter| filter.category = texts(&["ACCESS"]), false);
        check(|filter| filter.source = texts(&["api_v1", "api_v2"]), true);
        check(|filter| filter.result = vec![crate::event::Outcome::Success], true);
        check(|filter| filter.result = vec![crate::event::Outcome::Denied], false);
        check(|filter| filter.target_type = texts(&["Booking"]), true);
        for (id, expected) in [("B-4", true), ("asked-4", true), ("link-4", true), ("b-5", false)] {
            check(|filter| filter.target_id = texts(&[id]), expected);
        }
    }

    // THREATS E61
    #[test]
    fn who_only_says_who_he_is_is_found_apart() {
        let mut claimed = event(4);
        claimed.actor.assurance = Assurance::Claimed;
        for name in ["u4", "jordis@example.org", "boss"] {
            let filter = Filter { actor: texts(&[name]), ..Filter::default() };
            assert_eq!((filter.matches(&event(4)), filter.matches(&claimed)), (true, false), "{name}");
            let filter = Filter { claimed_actor: texts(&[name]), ..Filter::default() };
            assert_eq!((filter.matches(&event(4)), filter.matches(&claimed)), (false, true), "{name}");
        }
        assert!(Filter::default().matches(&claimed));
    }

    #[test]
    fn filters_of_different_kinds_must_all_hold() {
        check(|filter| (filter.actor, filter.action) = (texts(&["u4"]), texts(&["RESCHEDULED"])), true);
        check(|filter| (filter.actor, filter.action) = (texts(&["u4"]), texts(&["CANCELLED"])), false);
    }

    #[test]
    fn a_time_begins_inside_and_ends_outside() {
        let time = event(4).time;
        let later = time.checked_add(Duration::from_millis(1)).unwrap();
        check(|filter| filter.from = Some(time), true);
        check(|filter| filter.from = Some(later), false);
        check(|filter| filter.to = Some(time), false);
        check(|filter| filter.to = Some(later), true);
    }

    #[test]
    fn a_network_holds_its_addresses_also_in_their_ipv6_form() {
        for (network, expected) in
            [("10.1.0.0/16", true), ("10.1.2.3/32", true), ("10.2.0.0/16", false), ("::/0", false)]
        {
            check(|filter| filter.ip = vec![network.parse().unwrap()], expected);
        }
        let mut mapped = event(4);
        mapped.client.ip = "::ffff:10.1.2.3".parse().unwrap();
        let filter = Filter { ip: vec!["10.0.0.0/8".parse().unwrap()], ..Filter::default() };
        assert!(filter.matches(&mapped));
    }

    #[test]
    fn every_word_must_occur_somewhere() {
        let words = [
            "resched",
            "BOOKING",
            "moved number 4",
            "JÖRDIS",
            "example.org",
            "u4",
            "boss",
            "b-4",
            "asked-4",
            "review",
            "link-4",
            "illness",
            "NO_ROOM",
            "10:00",
            "11:30",
            "4711",
            "begin",
            "start",
            "salon",
            "kept",
            "",
        ];
        for word in words {
            check(|filter| filter.words = texts(&[word]), true);
        }
        check(|filter| filter.words = texts(&words), true);
        check(|filter| filter.words = texts(&["salon", "green"]), false);
        check(|filter| filter.words = texts(&["10.1.2.3"]), false);
    }
}
