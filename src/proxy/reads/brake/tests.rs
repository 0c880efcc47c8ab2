//! Storms, silence and refusals.

use http::HeaderValue;

use super::*;
use crate::exchange::Capture;

fn brake(change: impl Fn(&mut Limits)) -> Arc<Brake> {
    let mut limits = Limits::default();
    change(&mut limits);
    Brake::new(&limits, &Metrics::new())
}

fn question(brake: &Brake, client: u8, credential: &str, path: &str) -> Asker {
    let mut question = Request::new(());
    *question.uri_mut() = path.parse().unwrap();
    if !credential.is_empty() {
        question.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(credential).unwrap());
    }
    brake.asker(IpAddr::from([192, 0, 2, client]), &question)
}

fn answered(status: u16, retry_after: &str) -> Answer {
    let mut headers = HeaderMap::new();
    if !retry_after.is_empty() {
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
    }
    Answer::Answered { status, headers, body: Capture::default() }
}

/// Asks and hears; the error is why it was not asked.
fn ask(brake: &Brake, asker: Asker, answer: &Answer, now: Instant) -> Result<(), ReadFailure> {
    brake.admit(asker, now).map(|pass| pass.heard(answer, now))
}

#[test]
fn a_storm_of_refused_credentials_hardly_reaches_the_application() {
    // THREATS B06: 1,000 a second for twenty seconds, each with another credential.
    let brake = brake(|_| {});
    let begun = Instant::now();
    let known = question(&brake, 1, "Bearer good", "/me");
    ask(&brake, known, &answered(200, ""), begun).unwrap();
    let mut asked = 0;
    for n in 0..20_000_u64 {
        let now = begun + Duration::from_millis(n);
        let asker = question(&brake, 1, &format!("Bearer {n}"), "/things/7");
        asked += u64::from(ask(&brake, asker, &answered(401, ""), now).is_ok());
    }
    assert!(asked < 200, "{asked} of 20,000");
    // Who is known from the same address is asked for all the same, and so is everybody elsewhere.
    let end = begun + Duration::from_secs(20);
    let elsewhere = question(&brake, 1, "Bearer good", "/things/8");
    assert_eq!(ask(&brake, elsewhere, &answered(200, ""), end), Ok(()));
    assert_eq!(ask(&brake, question(&brake, 2, "Bearer new", "/x"), &answered(200, ""), end), Ok(()));
}

#[test]
fn a_credential_that_was_refused_is_not_shown_at_that_place_for_a_while() {
    let brake = brake(|_| {});
    let now = Instant::now();
    let at = |path: &str| question(&brake, 1, "Bearer a", path);
    assert_eq!(ask(&brake, at("/v2/things/1"), &answered(401, ""), now), Ok(()));
    assert_eq!(ask(&brake, at("/v2/things/2"), &answered(200, ""), now), Err(ReadFailure::NotAccepted));
    assert_eq!(ask(&brake, at("/api/session"), &answered(200, ""), now), Ok(()));
    assert_eq!(ask(&brake, at("/v2/things/2"), &answered(200, ""), now + REFUSED), Ok(()));
    let nobody = question(&brake, 1, "", "/v2/things/1");
    assert_eq!(ask(&brake, nobody, &answered(401, ""), now), Ok(()));
    assert_eq!(ask(&brake, nobody, &answered(200, ""), now), Ok(()));
}

#[test]
fn who_is_asking_too_much_waits_alone() {
    let brake = brake(|_| {});
    let now = Instant::now();
    let asker = question(&brake, 1, "Bearer a", "/x/1");
    assert_eq!(ask(&brake, asker, &answered(429, "7"), now), Ok(()));
    assert_eq!(
        ask(&brake, asker, &answered(200, ""), now + Duration::from_secs(6)),
        Err(ReadFailure::Paused)
    );
    assert_eq!(ask(&brake, question(&brake, 1, "Bearer b", "/x/1"), &answered(200, ""), now), Ok(()));
    assert_eq!(ask(&brake, asker, &answered(200, ""), now + Duration::from_secs(7)), Ok(()));
}

#[test]
fn an_application_that_does_not_answer_is_left_alone_and_tried_once_in_a_while() {
    let brake = brake(|_| {});
    let now = Instant::now();
    let asker = question(&brake, 1, "", "/x");
    let silent = Answer::Failed(ReadFailure::Timeout);
    for _ in 0..FAILURES_MAX {
        assert_eq!(ask(&brake, asker, &silent, now), Ok(()));
    }
    assert_eq!(brake.metrics.reads_paused.get(), 1);
    assert_eq!(ask(&brake, asker, &silent, now), Err(ReadFailure::Paused));
    let later = now + OPEN_FIRST;
    let probe = brake.admit(asker, later).unwrap();
    assert_eq!(ask(&brake, asker, &silent, later), Err(ReadFailure::Paused), "one probe at a time");
    drop(probe);
    assert_eq!(ask(&brake, asker, &silent, later), Ok(()), "a probe that was dropped proves nothing");
    assert_eq!(ask(&brake, asker, &silent, later + OPEN_FIRST), Err(ReadFailure::Paused), "twice as long");
    let last = later + OPEN_FIRST * 2;
    assert_eq!(ask(&brake, asker, &answered(200, ""), last), Ok(()));
    assert_eq!(ask(&brake, asker, &answered(200, ""), last), Ok(()));
    assert_eq!(brake.metrics.reads_paused.get(), 0);
    assert_eq!(ask(&brake, asker, &answered(503, "3"), last), Ok(()));
    assert_eq!(ask(&brake, asker, &answered(200, ""), last + OPEN_FIRST), Err(ReadFailure::Paused));
    assert_eq!(ask(&brake, asker, &answered(200, ""), last + Duration::from_secs(3)), Ok(()));
}

#[test]
fn reads_have_a_limit_in_all_and_one_for_each_client() {
    let brake = brake(|limits| (limits.reads_max, limits.client_reads_max) = (2, 3));
    let now = Instant::now();
    let asker = |client| question(&brake, client, "", "/x");
    let first = brake.admit(asker(1), now).unwrap();
    let second = brake.admit(asker(1), now).unwrap();
    assert_eq!(brake.admit(asker(1), now).err(), Some(ReadFailure::Overloaded));
    drop((first, second));
    assert!(brake.admit(asker(1), now).is_ok());
    assert_eq!(brake.admit(asker(1), now).err(), Some(ReadFailure::OverBudget));
    assert!(brake.admit(asker(2), now).is_ok());
    assert!(brake.admit(asker(1), now + Duration::from_secs(1)).is_ok());
}
