//! Pages of events: what is asked, what comes, and that nothing is skipped or repeated.

use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::Notify;

use super::*;

fn sequences(answer: &Answer) -> Vec<u64> {
    let page = answer.json();
    page["data"].as_array().unwrap().iter().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

fn cursor(answer: &Answer) -> Option<String> {
    let page = answer.json();
    let pagination = &page["pagination"];
    let cursor = pagination["nextCursor"].as_str().map(str::to_owned);
    assert_eq!(pagination["hasMore"].as_bool(), Some(cursor.is_some()), "{page}");
    cursor
}

#[tokio::test]
async fn an_event_leaves_as_it_was_stored_with_its_place_in_the_tree() {
    let app = open(2);
    let one = get(&app, "/audit/v1/events/00000000-0000-0000-0000-000000000002").await;
    assert_eq!(
        (one.status.as_u16(), &one.headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let stored = found(2, "MADE").sealed.json;
    let place = format!(r#"{{"sequence":2,"leaf":"{}","salt":"{}","#, "02".repeat(32), "02".repeat(16));
    assert_eq!(one.body, place + std::str::from_utf8(&stored[1..]).unwrap());
    let page = get(&app, "/audit/v1/events").await;
    assert_eq!(page.json()["data"][0], one.json());
    assert_eq!(
        page.json()["pagination"],
        json!({ "nextCursor": null, "previousCursor": null, "hasMore": false })
    );
}

#[tokio::test]
async fn an_event_that_is_not_there_is_a_problem() {
    // THREATS Q01
    let app = open(1);
    let absent = get(&app, "/audit/v1/events/00000000-0000-0000-0000-00000000000f").await;
    assert_eq!(absent.status, 404);
    for id in ["1", "no-uuid", "%ff", "%00", "..%2f"] {
        let answer = get(&app, &format!("/audit/v1/events/{id}")).await;
        assert_eq!((answer.status, answer.body), (absent.status, absent.body.clone()), "{id}");
    }
}

#[tokio::test]
async fn has_more_is_exact_on_the_last_page() {
    let check = async |count: usize, limit: usize, pages: &[usize]| {
        let app = open(count);
        let mut path = format!("/audit/v1/events?limit={limit}");
        for (index, length) in pages.iter().enumerate() {
            let answer = get(&app, &path).await;
            assert_eq!(sequences(&answer).len(), *length, "{count} {limit}");
            let cursor = cursor(&answer);
            assert_eq!(cursor.is_some(), index + 1 < pages.len(), "{count} {limit} {index}");
            path = format!("/audit/v1/events?limit={limit}&cursor={}", cursor.unwrap_or_default());
        }
    };
    check(0, 2, &[0]).await;
    check(1, 2, &[1]).await;
    check(2, 2, &[2]).await;
    check(3, 2, &[2, 1]).await;
    check(4, 2, &[2, 2]).await;
    check(50, 50, &[50]).await;
    check(501, 500, &[500, 1]).await;
}

#[tokio::test]
async fn the_filters_and_one_more_than_the_page_are_asked_of_the_log() {
    let memory = Memory::with(3);
    let app = router(State::new(setup(Arc::clone(&memory) as Arc<dyn Reader>, None)));
    get(&app, "/audit/v1/events").await;
    get(&app, "/audit/v1/events?limit=7&actor=a&from=2026-01-01&to=2026-02-01&q=x%20y").await;
    let asked = memory.asked.lock();
    assert_eq!((asked[0].limit, asked[0].after), (51, None));
    assert_eq!(asked[1].limit, 8);
    assert_eq!(asked[1].filter.actor, ["a"]);
    assert_eq!(asked[1].filter.search.len(), 2);
    assert!(asked[1].time_max <= Duration::from_secs(5));
}

#[tokio::test]
async fn a_wrong_query_is_told_whole() {
    let answer = get(&open(1), "/audit/v1/events?limit=x&actr=%22&from=2026-01-02&to=2026-01-01").await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:problem-type:earwitness:parameters");
    assert_eq!(problem["detail"], "`actr` is not a parameter; did you mean `actor`?");
    assert_eq!((&problem["parameter"], &problem["status"]), (&json!("actr"), &json!(400)));
    assert!(problem["accepts"].is_string() && problem["title"].is_string());
    let names: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["parameter"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["actr", "to", "limit"]);
}

#[tokio::test]
async fn a_cursor_is_good_only_as_it_was_given() {
    // THREATS Q03
    let app = open(9);
    let cursor = cursor(&get(&app, "/audit/v1/events?limit=2&actor=a&actor=b").await);
    let cursor = cursor.unwrap();
    let check = async |query: &str, expected: u16| {
        let answer = get(&app, &format!("/audit/v1/events?{query}")).await;
        assert_eq!(answer.status, expected, "{query} {}", answer.body);
    };
    check(&format!("cursor={cursor}&actor=b&actor=a&limit=5"), 200).await;
    check(&format!("cursor={cursor}&actor=a"), 400).await;
    check(&format!("cursor={cursor}"), 400).await;
    check(&format!("cursor={cursor}&actor=a&actor=b&result=denied"), 400).await;
    check(&format!("cursor=B{}&actor=a&actor=b", &cursor[1..]), 400).await;
    check("cursor=", 400).await;
    // Another process of the same installation: a restart.
    let restarted = open(9);
    let path = format!("/audit/v1/events?cursor={cursor}&actor=a&actor=b");
    assert_eq!(get(&restarted, &path).await.status, 200);
}

#[tokio::test]
async fn a_page_cut_by_time_says_so_and_can_be_continued() {
    let memory = Memory::with(4);
    let app = router(State::new(setup(Arc::clone(&memory) as Arc<dyn Reader>, None)));
    *memory.cut_after.lock() = Some(1);
    let answer = get(&app, "/audit/v1/events?limit=3").await;
    assert_eq!(answer.json()["pagination"]["isCut"], true);
    assert_eq!(sequences(&answer), [4]);
    // Nothing found before the time was over, and no place known: the page begins where it was to begin.
    *memory.cut_after.lock() = Some(0);
    let path = format!("/audit/v1/events?limit=3&cursor={}", cursor(&answer).unwrap());
    let answer = get(&app, &path).await;
    assert_eq!(sequences(&answer), [0; 0]);
    *memory.cut_after.lock() = None;
    let answer = get(&app, &format!("/audit/v1/events?limit=3&cursor={}", cursor(&answer).unwrap())).await;
    assert_eq!(sequences(&answer), [3, 2, 1]);
    assert_eq!(cursor(&answer), None);
    assert!(answer.json()["pagination"]["previousCursor"].is_string());
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_problem_without_its_inner_words() {
    let memory = Memory::with(1);
    *memory.failure.lock() = Some("/var/lib/secret/path".to_owned());
    let app = router(State::new(setup(memory, None)));
    for path in ["/audit/v1/events", "/audit/v1/events/00000000-0000-0000-0000-000000000001"] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, 500);
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
}

/// A log whose queries wait until they may go on.
struct Slow {
    entered: Arc<Notify>,
    gate: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Reader for Slow {
    fn query(&self, _: &Query) -> Result<Page, StoreError> {
        self.entered.notify_one();
        let _ = self.gate.lock().recv_timeout(Duration::from_secs(10));
        Ok(Page::default())
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        Ok(Counts::of(tally))
    }

    fn get(&self, _: Uuid) -> Result<Option<Found>, StoreError> {
        Ok(None)
    }

    fn newest(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn queries_beyond_the_limit_wait_their_turn_and_then_give_up() {
    // THREATS Q15
    let (open_gate, gate) = std::sync::mpsc::channel();
    let entered = Arc::new(Notify::new());
    let mut setup = setup(Arc::new(Slow { entered: Arc::clone(&entered), gate: Mutex::new(gate) }), None);
    setup.limits.queries_max = 1;
    setup.limits.query_ms = 50;
    let metrics = Arc::clone(&setup.metrics);
    let app = router(State::new(setup));
    let first = tokio::spawn({
        let app = app.clone();
        async move { get(&app, "/audit/v1/events").await.status }
    });
    entered.notified().await;
    let refused = get(&app, "/audit/v1/events").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(get(&app, "/readyz").await.json()["store"]["status"], "busy");
    assert_eq!(get(&app, "/healthz").await.status, 200);
    assert!(metrics.render().contains(r#"earwitness_limits_hit_total{limit="queries_max"}"#));
    drop(open_gate);
    assert_eq!(first.await.unwrap(), 200);
}

// THREATS Q15
#[tokio::test]
async fn one_reader_leaves_a_turn_for_the_others() {
    let mut setup = setup(Memory::with(1), None);
    (setup.limits.queries_max, setup.limits.query_ms) = (2, 60_000);
    let state = State::new(setup);
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let ask = |reader: &'static str| {
        let (state, gate, entered) = (state.clone(), Arc::clone(&gate), entered.clone());
        tokio::spawn(async move {
            let work = move |_: &dyn Reader, _: Duration| {
                entered.send(reader).unwrap();
                let _ = gate.lock().recv();
                Ok(())
            };
            state.in_queue_of(reader, state.ask(work)).await
        })
    };
    let asked = [ask("ada"), ask("ada"), ask("bo")];
    let mut first = [entries.recv().await.unwrap(), entries.recv().await.unwrap()];
    first.sort_unstable();
    assert_eq!(first, ["ada", "bo"]);
    drop(open_gate);
    for asked in asked {
        assert!(asked.await.unwrap().is_ok());
    }
    assert_eq!(entries.recv().await, Some("ada"));
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_given_up() {
    let (open_gate, gate) = std::sync::mpsc::channel();
    let mut setup = setup(Arc::new(Slow { entered: Arc::default(), gate: Mutex::new(gate) }), None);
    setup.limits.query_ms = 10;
    let answer = get(&router(State::new(setup)), "/audit/v1/events").await;
    assert_eq!(answer.status, 503);
    drop(open_gate);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pages_never_skip_or_repeat_while_events_arrive(
        before in proptest::collection::vec(any::<bool>(), 0..40),
        steps in proptest::collection::vec((1_usize..6, proptest::collection::vec(any::<bool>(), 0..4)), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let memory = Memory::with(0);
        let add = |is_wanted: &bool| memory.add(if *is_wanted { "WANTED" } else { "OTHER" });
        before.iter().for_each(add);
        let mut expected: Vec<u64> = Vec::new();
        for (sequence, _) in (1..).zip(&before).filter(|(_, is_wanted)| **is_wanted) {
            expected.insert(0, sequence);
        }
        let app = router(State::new(setup(Arc::clone(&memory) as Arc<dyn Reader>, None)));
        let mut seen = Vec::new();
        let mut next = Some(String::new());
        for (limit, arriving) in steps.iter().cycle() {
            let Some(cursor_part) = next else { break };
            let path = format!("/audit/v1/events?action=WANTED&limit={limit}{cursor_part}");
            let answer = runtime.block_on(get(&app, &path));
            seen.extend(sequences(&answer));
            next = cursor(&answer).map(|cursor| format!("&cursor={cursor}"));
            arriving.iter().for_each(add);
        }
        prop_assert_eq!(seen, expected);
    }
}
