//! The filter: which events are those asked for.

use super::super::fixture::event;
use super::*;
use crate::event::Assurance;

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
fn every_term_of_a_search_must_hold_somewhere() {
    let holds = [
        "resched*",
        "BOOKING",
        "\"moved number 4\"",
        "jördis",
        "JORDIS",
        "example.org",
        "jordis@example.org",
        "u4",
        "boss",
        "b-4",
        "asked-4",
        "review",
        "link-4",
        "illness",
        "NO_ROOM",
        "room",
        "10:00",
        "11:30",
        "4711",
        "begin*",
        "start",
        "salon",
        "kept",
        "-green",
        "-\"salon blue\"",
        "title:moved",
        "reason:ill*",
        "changes:4711",
        "details:\"blue salon\"",
        "raw:kept",
        "-title:salon",
        "action:rescheduled",
        "-action:CANCELLED",
        "actor:\"Jördis Nowak\"",
        "result:success",
        "targetId:link-4",
        "rule:calcom/booking",
    ];
    let asked = |text: &str| Clause::parse_all(text).expect(text);
    for search in holds {
        check(|filter| filter.search = asked(search), true);
    }
    check(|filter| filter.search = holds.iter().flat_map(|search| asked(search)).collect(), true);
    for search in [
        "resched",
        "\"number moved\"",
        "\"moved review\"",
        "salon -blue",
        "salon green",
        "10.1.2.3",
        "title:salon",
        "action:resched",
        "actor:Nowak",
        "-result:success",
        "\"blue sal\"",
    ] {
        check(|filter| filter.search = asked(search), false);
    }
}

#[test]
fn who_reads_of_one_team_asks_for_its_scope() {
    let mut scoped = event(4);
    (scoped.scope.organization, scoped.scope.team) = (Some("Acme".to_owned()), Some("Blue".to_owned()));
    scoped.tags = vec!["gdpr".to_owned()];
    let check = |asked: &dyn Fn(&mut Filter), expected| {
        let mut filter = Filter::default();
        asked(&mut filter);
        assert_eq!((filter.matches(&scoped), filter.matches(&event(4))), (expected, false), "{filter:?}");
    };
    check(&|filter| filter.organization = texts(&["acme"]), true);
    check(&|filter| filter.team = texts(&["x", "BLUE"]), true);
    check(&|filter| filter.tag = texts(&["gdpr"]), true);
    check(&|filter| filter.team = texts(&["acme"]), false);
}
