//! Exports: what is asked, what comes, and how they end.

use hyper::service::Service as _;

use super::*;

fn lines(answer: &Answer) -> Vec<Value> {
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_export_has_all_events_however_many_pages_they_are() {
    let app = open(1_203);
    let answer = get(&app, "/audit/v1/export").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let name = answer.headers["content-disposition"].to_str().unwrap();
    assert!(
        name.starts_with("attachment; filename=\"earwitness-20") && name.ends_with("Z.ndjson\""),
        "{name}"
    );
    let lines = lines(&answer);
    assert_eq!(lines.len(), 1_205);
    assert_eq!((&lines[0]["log"]["sequence"], &lines[0]["scope"]), (&json!(1_203), &json!("everything")));
    assert_eq!((&lines[1]["sequence"], &lines[1_203]["sequence"]), (&json!(1_203), &json!(1)));
    assert_eq!((&lines[1_204]["count"], &lines[1_204]["oldest"]["sequence"]), (&json!(1_203), &json!(1)));
}

#[tokio::test]
async fn pages_that_were_cut_by_time_are_gone_on_with() {
    let memory = Memory::with(5);
    *memory.cut_after.lock() = Some(1);
    let app = router(State::new(setup(memory, None)));
    let answer = get(&app, "/audit/v1/export?facts=no&columns=sequence").await;
    let sequences: Vec<_> = lines(&answer).iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn one_event_is_exported_by_its_id_and_one_that_is_not_there_is_a_problem() {
    let app = open(3);
    let id = "00000000-0000-0000-0000-000000000002";
    let answer =
        get(&app, &format!("/audit/v1/export?format=csv&columns=sequence,action&facts=no&id={id}")).await;
    assert_eq!(answer.body, "\"sequence\",\"action\"\r\n\"2\",\"MADE\"\r\n");
    assert_eq!(get(&app, "/audit/v1/export?id=00000000-0000-0000-0000-00000000000f").await.status, 404);
}

#[tokio::test]
async fn nonsense_is_told_by_parameter() {
    let app = open(1);
    let check = async |query: &str, expected: &[&str]| {
        let answer = get(&app, &format!("/audit/v1/export?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let told: Vec<String> = answer.json()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|wrong| {
                assert!(!wrong["accepts"].as_str().unwrap().is_empty(), "{wrong}");
                format!("{} {}", wrong["parameter"].as_str().unwrap(), wrong["detail"].as_str().unwrap())
            })
            .collect();
        assert_eq!(told, expected, "{query}");
    };
    check("format=doc", &["format is none of these"]).await;
    check("format=csv&format=csv", &["format stands twice"]).await;
    check("limit=5", &["limit is for pages: an export has no limit"]).await;
    check("order=oldest&order=x", &["order is for pages: an export is newest first"; 2]).await;
    check("format=xlsx&dialect=sep", &["dialect only csv has dialects"]).await;
    check(
        "columns=a..b&id=x",
        &["id is no id", "columns `a..b` is no path into an event, such as `actor.email`"],
    )
    .await;
    for odd in ["history=booking", "history=/103", "history=booking/"] {
        check(odd, &["history names no thing"]).await;
    }
    check(&format!("history=a/{}", "x".repeat(499)), &["history is too long"]).await;
    check("history=a/1&history=a/2", &["history stands twice"]).await;
    check("format=ocsf&columns=a", &["columns this format has members of its own"]).await;
    check(
        "actr=x&facts=perhaps",
        &["facts is none of these", "actr is not a parameter; did you mean `actor`?"],
    )
    .await;
    let one = "id=00000000-0000-0000-0000-000000000001&action=MADE";
    check(one, &["id names one event: filters say nothing more"]).await;
    let one = "id=00000000-0000-0000-0000-000000000001&history=booking/103";
    check(one, &["id names one event: filters say nothing more"]).await;
}

#[tokio::test]
async fn a_history_as_a_file_says_that_links_may_be_missing() {
    let check = async |count: usize, expected: Value| {
        let app = open(count);
        let answer = get(&app, "/audit/v1/export?history=booking/a%2F7").await;
        let told = lines(&answer).swap_remove(0);
        assert_eq!(told["filter"], json!({ "history": ["booking/a/7"] }));
        assert_eq!(told["cut"], expected, "{count}");
        let sheet = get(&app, "/audit/v1/export?history=booking/a%2F7&format=csv").await;
        assert_eq!(sheet.body.contains("may have had further identifiers"), expected == true, "{count}");
    };
    check(500, Value::Null).await;
    check(501, json!(true)).await;
}

#[tokio::test]
async fn a_reader_who_goes_away_ends_his_export_and_may_begin_another() {
    // Nobody reads what was begun: the second page waits for the first to be taken.
    let app = open(1_600);
    let ask = || TowerToHyperService::new(app.clone()).call(request("GET", "/audit/v1/export", &[]));
    let begun = ask().await.unwrap();
    assert_eq!(begun.status(), 200);
    let second = ask().await.unwrap();
    assert_eq!((second.status().as_u16(), &second.headers()["retry-after"]), (429, &"2".parse().unwrap()));
    drop(begun);
    let again = async {
        while ask().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.expect("the turn is given back");
}

#[tokio::test]
async fn an_export_is_one_request_of_its_reader_however_long_it_is() {
    let mut setup = setup(Memory::with(1_603), Some(TOKEN));
    setup.limits.admin_requests_max = 1;
    let app = router(State::new(setup));
    let bearer = format!("Bearer {TOKEN}");
    let ask = async |path: &str| send(&app, request("GET", path, &[("authorization", &bearer)])).await;
    for _ in 1..10 {
        assert_eq!(ask("/audit/v1").await.status, 200);
    }
    // His last turn for a while.
    let answer = ask("/audit/v1/export").await;
    assert_eq!((answer.status.as_u16(), lines(&answer).len()), (200, 1_605));
    // THREATS Q14: he gets another one a second.
    let mut refused = None;
    for _ in 0..1_000 {
        let answer = ask("/audit/v1").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    assert!(refused.expect("too many").body.contains("asks too often"));
}

// THREATS Q04, X03
#[tokio::test]
async fn an_export_whose_reader_may_not_read_any_more_breaks_off() {
    let state = State::new(setup(Memory::with(1_603), Some(TOKEN)));
    let bearer = format!("Bearer {TOKEN}");
    let asked = request("GET", "/audit/v1/export", &[("authorization", &bearer)]);
    let begun = TowerToHyperService::new(router(state.clone())).call(asked).await.unwrap();
    assert_eq!(begun.status(), 200);
    let admin = setup(Memory::with(0), Some("another-token-of-the-admin")).admin;
    state.admit_by(&admin, &[7; 32]);
    let error = begun.into_body().collect().await.expect_err("the connection is cut");
    assert!(error.to_string().contains("broke off"), "{error}");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_problem_and_no_empty_file() {
    let memory = Memory::with(1);
    *memory.failure.lock() = Some("the disk is gone".to_owned());
    let app = router(State::new(setup(memory, None)));
    assert_eq!(get(&app, "/audit/v1/export").await.status, 500);
}
