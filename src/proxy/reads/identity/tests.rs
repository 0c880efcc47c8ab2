//! What is kept of answers about identity, and what makes them count no more.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Asking, Identities, Turn};
use crate::derive::{Answer, ReadFailure};
use crate::exchange::Capture;

const SESSION: &str = "session=0123456789abcdef";

fn head(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    lines.iter().map(line).collect()
}

fn says(status: u16, kind: &str) -> Answer {
    Answer::Answered { status, headers: head(&[("content-type", kind)]), body: Capture::default() }
}

fn ask(identities: &Arc<Identities>, key: &str, cookie: &str) -> Option<Asking> {
    match identities.turn(&key.to_owned(), &head(&[("cookie", cookie)])) {
        Turn::Ask(asking) => Some(asking),
        Turn::Known(_) | Turn::Wait(_) | Turn::Full => None,
    }
}

fn knows(identities: &Arc<Identities>, key: &str, cookie: &str) -> bool {
    matches!(identities.turn(&key.to_owned(), &head(&[("cookie", cookie)])), Turn::Known(_))
}

// THREATS E57
#[test]
fn an_answer_counts_until_an_exchange_may_have_made_the_credential_anothers() {
    let none = head(&[]);
    let check = |cookie: &str, status: u16, answer: &HeaderMap, is_known: bool| {
        let identities = Identities::new();
        ask(&identities, "k", SESSION).unwrap().tell(says(200, "application/json"));
        assert!(knows(&identities, "k", SESSION));
        identities.heard(&identities.marks(&head(&[("cookie", cookie)])), status, answer);
        assert_eq!(knows(&identities, "k", SESSION), is_known, "{cookie} {status} {answer:?}");
    };
    let sets = head(&[("set-cookie", "seen=1; Path=/")]);
    check(SESSION, 200, &none, true);
    check(SESSION, 403, &none, true);
    check(SESSION, 401, &none, false);
    check(SESSION, 200, &sets, false);
    // The same session beside another cookie, and another session.
    check(&format!("lang=en; {SESSION}"), 200, &sets, false);
    check("session=fedcba9876543210", 200, &sets, true);
    check("lang=en", 200, &sets, true);
    // Whoever had it before: it was handed out anew.
    check("", 200, &head(&[("set-cookie", &format!("{SESSION}; HttpOnly"))]), false);
}

// THREATS E57
#[test]
fn an_answer_that_was_on_its_way_while_the_credential_changed_hands_is_not_kept() {
    let identities = Identities::new();
    let asking = ask(&identities, "k", SESSION).unwrap();
    identities.forget(&identities.marks(&head(&[("cookie", SESSION)])), &head(&[]));
    let again = ask(&identities, "k", SESSION).expect("nobody waits for what is outdated already");
    asking.tell(says(200, "application/json"));
    assert!(!knows(&identities, "k", SESSION));
    again.tell(says(200, "application/json"));
    assert!(knows(&identities, "k", SESSION));
}

// THREATS B10
#[test]
fn so_many_questions_are_under_way_and_the_rest_is_not_asked() {
    let identities = Identities::new();
    let invented = |number: u32| ask(&identities, &number.to_string(), &format!("session={number:032}"));
    let asking: Vec<_> = (0..100_000).filter_map(invented).collect();
    assert_eq!(asking.len(), 64);
    assert!(matches!(identities.turn(&"0".to_owned(), &head(&[])), Turn::Wait(_)));
    assert!(matches!(identities.turn(&"100000".to_owned(), &head(&[])), Turn::Full));
    drop(asking);
    assert!(invented(100_000).is_some());
}

// THREATS E58
#[test]
fn what_is_no_answer_is_kept_only_if_it_was_one() {
    let check = |answer: Answer, is_kept: bool| {
        let identities = Identities::new();
        let told = format!("{answer:?}");
        ask(&identities, "k", SESSION).unwrap().tell(answer);
        assert_eq!(knows(&identities, "k", SESSION), is_kept, "{told}");
    };
    check(says(200, "application/json"), true);
    check(says(401, "application/json"), true);
    check(says(200, "text/html"), true);
    check(says(302, "text/html"), true);
    check(Answer::Failed(ReadFailure::TooLarge), true);
    check(Answer::Failed(ReadFailure::Timeout), false);
    check(Answer::Failed(ReadFailure::Refused), false);
    let body = Capture { bytes: vec![b'x'; 9 << 10].into(), ..Capture::default() };
    check(Answer::Answered { status: 200, headers: head(&[]), body }, false);
}

#[test]
fn an_answer_tells_its_age_also_that_which_it_had_when_it_came() {
    let identities = Identities::new();
    let headers = head(&[("content-type", "application/json"), ("age", "7")]);
    let old = Answer::Answered { status: 200, headers, body: Capture::default() };
    ask(&identities, "k", SESSION).unwrap().tell(old);
    match identities.turn(&"k".to_owned(), &head(&[("cookie", SESSION)])) {
        Turn::Known(Answer::Answered { headers, .. }) => {
            let age: u64 = headers["age"].to_str().unwrap().parse().unwrap();
            assert!((7..60).contains(&age), "{age}");
        }
        _ => panic!("it is known"),
    }
}
