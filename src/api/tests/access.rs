//! Who gets in, and what the open routes tell.

use super::*;

async fn status(app: &Router, path: &str, headers: &[(&str, &str)]) -> u16 {
    send(app, request("GET", path, headers)).await.status.as_u16()
}

const ROUTES: [&str; 5] = [
    "/audit/v1",
    "/audit/v1/events",
    "/audit/v1/events/00000000-0000-0000-0000-000000000001",
    "/metrics",
    "/nowhere",
];

#[tokio::test]
async fn a_token_protects_everything_but_health_and_the_page() {
    // THREATS Q14
    let app = router(State::new(setup(Memory::with(1), Some(TOKEN))));
    let right = format!("Bearer {TOKEN}");
    for path in ROUTES {
        let right_status = if path == "/nowhere" { 404 } else { 200 };
        let check = async |values: &[&str], expected: u16| {
            let headers: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
            assert_eq!(status(&app, path, &headers).await, expected, "{path} {values:?}");
        };
        check(&[&right], right_status).await;
        check(&[&format!("bearer   {TOKEN} ")], right_status).await;
        check(&[], 401).await;
        check(&["Bearer"], 401).await;
        check(&["Bearer "], 401).await;
        check(&[&format!("Basic {TOKEN}")], 401).await;
        check(&[TOKEN], 401).await;
        check(&[&format!("Bearer {}", &TOKEN[1..])], 401).await;
        check(&[&format!("Bearer {TOKEN}0")], 401).await;
        check(&[&right, &right], 401).await;
        check(&["\u{e4}"], 401).await;
        assert_eq!(status(&app, &format!("{path}?access_token={TOKEN}"), &[]).await, 401, "{path}");
    }
    let refused = get(&app, "/metrics").await;
    assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"earwitness\"");
    assert_eq!(get(&app, "/healthz").await.body, "ok\n");
    assert_eq!(get(&app, "/readyz").await.body, r#"{"status":"ready"}"#);
}

#[tokio::test]
async fn only_names_that_are_ours_are_answered() {
    // THREATS Q09
    let app = open(1);
    for path in ROUTES.into_iter().chain(["/healthz", "/readyz"]) {
        let own = if path == "/nowhere" { 404 } else { 200 };
        let check = async |headers: &[(&str, &str)], expected: u16| {
            assert_eq!(status(&app, path, headers).await, expected, "{path} {headers:?}");
        };
        for host in ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:9090", "[::1]:9090", "127.1.2.3"] {
            check(&[("host", host)], own).await;
        }
        check(&[("host", "audit.example.org:443")], own).await;
        for host in ["evil.test", "evil.test:9090", "localhost.evil.test", "audit.example.org.evil.test"] {
            check(&[("host", host)], 421).await;
        }
        for host in ["10.0.0.1", "0.0.0.0", "me@localhost", "localhost evil", "127.0.0.1.evil.test", "[::2]"]
        {
            check(&[("host", host)], 421).await;
        }
        check(&[("host", "")], 400).await;
        check(&[("host", "localhost"), ("host", "localhost")], 400).await;
        check(&[("origin", "http://localhost:9090")], own).await;
        check(&[("origin", "https://audit.example.org")], own).await;
        check(&[("origin", "http://evil.test")], 403).await;
        check(&[("origin", "null")], 403).await;
    }
    assert_eq!(status(&app, "http://evil.test/audit/v1", &[]).await, 421);
    assert_eq!(status(&app, "http://localhost/audit/v1", &[]).await, 200);
}

#[tokio::test]
async fn a_listener_on_all_addresses_answers_to_addresses_and_not_to_names() {
    let mut setup = setup(Memory::with(1), Some(TOKEN));
    setup.admin.listen = "0.0.0.0:9090".parse().unwrap();
    let app = router(State::new(setup));
    assert_eq!(status(&app, "/healthz", &[("host", "10.1.2.3:8080")]).await, 200);
    assert_eq!(status(&app, "/healthz", &[("host", "evil.test")]).await, 421);
}

#[tokio::test]
async fn only_get_and_head_are_answered_and_bodies_are_refused() {
    let app = open(1);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE"] {
        let answer = send(&app, request(method, "/audit/v1/events", &[])).await;
        assert_eq!(answer.status, 405, "{method}");
        let allowed: Vec<_> = answer.headers.get_all("allow").iter().collect();
        assert_eq!(allowed, ["GET,HEAD"], "{method}");
    }
    let head = send(&app, request("HEAD", "/audit/v1/events", &[])).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    for header in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        let answer = send(&app, request("GET", "/audit/v1", &[header])).await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.headers["connection"], "close");
    }
    // On the one route that reads a body, only reading must come without: of others, rights are looked at first, then methods.
    for (method, expected) in [("GET", 413), ("HEAD", 413), ("TRACE", 403), ("PUT", 403)] {
        let answer = send(&app, request(method, "/audit/v1/erasure", &[("content-length", "5")])).await;
        assert_eq!(answer.status, expected, "{method}");
    }
    assert_eq!(send(&app, request("GET", "/audit/v1", &[("content-length", "0")])).await.status, 200);
}

#[tokio::test]
async fn one_page_lists_the_routes_and_unknown_paths_are_problems() {
    let app = open(1);
    let index = get(&app, "/audit/v1").await;
    assert_eq!(index.headers["content-type"], "text/plain; charset=utf-8");
    for route in ["/audit/v1/events ", "/audit/v1/events/{id}", "/metrics", "/healthz", "/readyz"] {
        assert!(index.body.contains(route), "{}", index.body);
    }
    // THREATS Q17
    for path in ["/v2/bookings", "/audit/v1/events/", "/audit", "//", "/audit/v1/../v1/events"] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
    assert_eq!(get(&app, "/nowhere").await.json()["type"], "about:blank");
}

#[tokio::test]
async fn metrics_are_in_the_format_of_prometheus() {
    let answer = get(&open(1), "/metrics").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(answer.body.contains("# TYPE earwitness_queue_depth gauge"), "{}", answer.body);
}

#[tokio::test]
async fn readiness_follows_journal_and_store_and_tells_details_to_readers_alone() {
    // THREATS O10
    let memory = Memory::with(1);
    let check = async |journal: Result<(), String>, mut expected: Value| {
        expected["retention"] = json!("keeps everything");
        let mut setup = setup(Arc::clone(&memory) as Arc<dyn Reader>, Some(TOKEN));
        setup.readiness = Arc::new(move || readiness(journal.clone()));
        let app = router(State::new(setup));
        let bearer = format!("Bearer {TOKEN}");
        let told = send(&app, request("GET", "/readyz", &[("authorization", &bearer)])).await;
        assert_eq!(told.json(), expected);
        let is_ready = expected["status"] == "ready";
        assert_eq!(told.status, if is_ready { 200 } else { 503 });
        let untold = get(&app, "/readyz").await;
        assert_eq!((untold.status, untold.json()), (told.status, json!({ "status": expected["status"] })));
    };
    let ok = json!({ "status": "ok" });
    check(Ok(()), json!({ "status": "ready", "journal": ok, "store": ok, "rules": 3, "rulesVersion": "a1" }))
        .await;
    let journal = json!({ "status": "failing", "why": "disk full" });
    let not_ready =
        json!({ "status": "not ready", "journal": journal, "store": ok, "rules": 3, "rulesVersion": "a1" });
    check(Err("disk full".to_owned()), not_ready).await;
    let mut setup = setup(Arc::clone(&memory) as Arc<dyn Reader>, None);
    let since = "2026-01-31T08:00:00Z";
    setup.readiness = Arc::new(move || {
        let rules = RulesState { stale_since: since.parse().ok(), ..readiness(Ok(())).rules };
        Readiness { rules, ..readiness(Ok(())) }
    });
    let stale = get(&router(State::new(setup)), "/readyz").await;
    assert_eq!((stale.status.as_u16(), &stale.json()["rulesStaleSince"]), (200, &json!(since)));
    *memory.failure.lock() = Some("gone".to_owned());
    let store = json!({ "status": "failing", "why": "the store cannot be read or written: gone" });
    check(
        Ok(()),
        json!({ "status": "not ready", "journal": ok, "store": store, "rules": 3, "rulesVersion": "a1" }),
    )
    .await;
}

#[tokio::test]
async fn a_thousand_probes_are_one_query() {
    let memory = Memory::with(1);
    let app = router(State::new(setup(Arc::clone(&memory) as Arc<dyn Reader>, Some(TOKEN))));
    for _ in 0..20 {
        assert_eq!(get(&app, "/readyz").await.status, 200);
    }
    assert!(memory.asked.lock().len() < 20, "each probe was a query");
}

#[test]
fn the_documentation_has_every_parameter() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md")).unwrap();
    for (name, _) in
        super::super::log::parameters::FILTERS.iter().chain(super::super::log::parameters::PAGING)
    {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}
