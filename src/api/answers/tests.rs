//! Other origins, tags and codings, as a client sees them.

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::io::Read as _;

use super::super::tests::{Memory, TOKEN, request, setup};
use super::super::{State, router};

const DESK: &str = "https://desk.example.org";
const EVENT: &str = "/audit/v1/events/00000000-0000-0000-0000-000000000001";

fn state(token: Option<&str>, origins: &[&str]) -> State {
    let mut setup = setup(Memory::with(700), token);
    setup.admin.origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    State::new(setup)
}

async fn send(state: &State, request: Request<Body>) -> Response {
    TowerToHyperService::new(router(state.clone())).call(request).await.unwrap()
}

fn header(answer: &Response, name: &str) -> Vec<String> {
    answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

// THREATS Q09
#[tokio::test]
async fn pages_of_the_origins_that_are_named_read_with_a_token_and_no_others_do() {
    let state = state(Some(TOKEN), &[DESK, "http://localhost:3000"]);
    let bearer = bearer();
    let check = async |headers: &[(&str, &str)], status: u16, allowed: &[&str]| {
        let answer = send(&state, request("GET", "/audit/v1/events", headers)).await;
        assert_eq!(answer.status(), status, "{headers:?}");
        assert_eq!(header(&answer, "access-control-allow-origin"), allowed, "{headers:?}");
        assert!(header(&answer, "vary").contains(&"Origin".to_owned()), "{headers:?}");
        assert!(header(&answer, "access-control-allow-credentials").is_empty(), "{headers:?}");
    };
    let token = ("authorization", bearer.as_str());
    check(&[token, ("origin", DESK)], 200, &[DESK]).await;
    check(&[token, ("origin", "http://localhost:3000")], 200, &["http://localhost:3000"]).await;
    check(&[("origin", DESK)], 401, &[DESK]).await;
    check(&[("origin", DESK), ("cookie", "__Host-earwitness=0")], 401, &[DESK]).await;
    // Our own page is no other one.
    check(&[token, ("origin", "http://localhost:9090")], 200, &[]).await;
    check(&[token, ("origin", "http://localhost:3000"), ("host", "localhost:3000")], 200, &[]).await;
    for origin in [
        "https://desk.example.org:444",
        "http://desk.example.org",
        "https://desk.example.org.evil.test",
        "null",
        "*",
        "https://evil.test",
    ] {
        check(&[token, ("origin", origin)], 403, &[]).await;
    }
    check(&[token, ("origin", DESK), ("origin", DESK)], 403, &[]).await;
    check(&[token, ("origin", DESK), ("host", "evil.test")], 421, &[DESK]).await;
}

#[tokio::test]
async fn a_browser_may_ask_first_without_a_token() {
    let check = async |state: &State, origin: &str, more: (&str, &str), status: u16| {
        let asked = request("OPTIONS", "/audit/v1/events", &[("origin", origin), more]);
        let answer = send(state, asked).await;
        assert_eq!(answer.status(), status, "{origin} {more:?}");
        answer
    };
    let (named, wants) = (state(Some(TOKEN), &[DESK]), ("access-control-request-method", "GET"));
    let told = check(&named, DESK, wants, 204).await;
    assert_eq!(header(&told, "access-control-allow-origin"), [DESK]);
    assert_eq!(header(&told, "access-control-allow-methods"), ["GET, HEAD"]);
    assert!(header(&told, "access-control-allow-headers")[0].contains("Authorization"));
    check(&named, DESK, ("x", "y"), 401).await;
    check(&named, "https://evil.test", wants, 403).await;
    check(&state(Some(TOKEN), &[]), DESK, wants, 403).await;
    let asked = request("OPTIONS", "/audit/v1/events", &[("origin", DESK), wants, ("host", "evil.test")]);
    assert_eq!(send(&named, asked).await.status(), 421);
}

// THREATS Q07
#[tokio::test]
async fn pages_of_other_origins_change_nothing_and_use_neither_cookie_nor_place() {
    let (state, open) = (state(Some(TOKEN), &[DESK]), state(None, &[DESK]));
    let bearer = bearer();
    let token = ("authorization", bearer.as_str());
    for (method, path) in [
        ("POST", "/audit/v1/session"),
        ("POST", "/audit/v1/reload"),
        ("PUT", "/audit/v1/searches/a"),
        ("DELETE", "/audit/v1/searches/a"),
    ] {
        let answer = send(&state, request(method, path, &[token, ("origin", DESK)])).await;
        assert_eq!(answer.status(), 403, "{method} {path}");
    }
    let signed_in = send(&state, request("POST", "/audit/v1/session", &[token])).await;
    let cookie = header(&signed_in, "set-cookie")[0].split(';').next().unwrap().to_owned();
    let by_cookie = async |origin: &str| {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        send(&state, request("GET", "/audit/v1/events", &headers)).await.status()
    };
    assert_eq!(
        (by_cookie("http://localhost:9090").await.as_u16(), by_cookie(DESK).await.as_u16()),
        (200, 401)
    );
    let beside = send(&open, request("GET", "/audit/v1/events", &[("origin", DESK)])).await;
    assert_eq!(beside.status(), 401, "who is on this machine is not its pages");
    assert_eq!(send(&open, request("GET", "/audit/v1/events", &[])).await.status(), 200);
}

// THREATS Q16
#[tokio::test]
async fn who_has_an_answer_that_stays_is_told_so_and_nobody_else_is() {
    let state = state(Some(TOKEN), &[]);
    let bearer = bearer();
    let token = ("authorization", bearer.as_str());
    for path in [EVENT, "/openapi.json"] {
        let first = send(&state, request("GET", path, &[token])).await;
        let tag = header(&first, "etag").remove(0);
        assert!(first.status() == 200 && tag.starts_with("W/\""), "{tag}");
        let check = async |known: &str, status: u16| {
            let answer = send(&state, request("GET", path, &[token, ("if-none-match", known)])).await;
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "etag")),
                (status, vec![tag.clone()]),
                "{known}"
            );
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.is_empty(), status == 304, "{known}");
        };
        check(&tag, 304).await;
        check(&format!("\"other\", {}", tag.trim_start_matches("W/")), 304).await;
        check("*", 304).await;
        check("W/\"other\"", 200).await;
        let stranger = send(&state, request("GET", path, &[("if-none-match", &tag)])).await;
        assert_eq!((stranger.status().as_u16(), header(&stranger, "etag")), (401, vec![]));
        // The same log, the same bytes, another reader.
        let mut open = setup(Memory::with(700), None);
        open.admin.origins = Vec::new();
        let other = send(&State::new(open), request("GET", path, &[("if-none-match", &tag)])).await;
        assert_eq!(other.status(), 200);
        assert_ne!(header(&other, "etag"), [tag.as_str()]);
    }
    let absent = "/audit/v1/events/00000000-0000-0000-0000-00000000ffff";
    let absent = send(&state, request("GET", absent, &[token, ("if-none-match", "*")])).await;
    assert_eq!((absent.status().as_u16(), header(&absent, "etag")), (404, vec![]));
}

/// An answer to its end, and whether it came as it is. An export may have to wait for the end of the one before.
async fn whole(state: &State, path: &str, headers: &[(&str, &str)]) -> (bool, Vec<u8>) {
    let answer = loop {
        let answer = send(state, request("GET", path, headers)).await;
        if answer.status() != 429 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.status(), 200, "{path}");
    let is_plain = header(&answer, "content-encoding").is_empty();
    (is_plain, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn long_answers_come_small_to_those_who_take_that_and_chose_what_they_asked() {
    let state = state(Some(TOKEN), &[]);
    let bearer = bearer();
    let signed_in = send(&state, request("POST", "/audit/v1/session", &[("authorization", &bearer)])).await;
    let cookie = header(&signed_in, "set-cookie")[0].split(';').next().unwrap().to_owned();
    let (token, takes) = (("authorization", bearer.as_str()), ("accept-encoding", "br, gzip"));
    let check = async |path: &str, headers: &[(&str, &str)], expected: bool| {
        let (is_plain, plain) = whole(&state, path, &[token]).await;
        assert!(is_plain, "{path}");
        let (is_plain, body) = whole(&state, path, headers).await;
        assert_eq!(!is_plain, expected, "{path} {headers:?}");
        let text = if is_plain { String::from_utf8(body).unwrap() } else { unpacked(&body) };
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&text), lines(std::str::from_utf8(&plain).unwrap()), "{path}");
    };
    for path in
        ["/audit/v1/events?limit=100", "/audit/v1/export", "/audit/v1/export?format=csv", "/openapi.json"]
    {
        check(path, &[token, takes], true).await;
        check(path, &[token], false).await;
        check(path, &[token, ("accept-encoding", "gzip;q=0")], false).await;
        // Our own page, and one that makes a browser follow a link of its own choice.
        let ours = ("sec-fetch-site", "same-origin");
        check(path, &[("cookie", &cookie), ours, takes], true).await;
        check(path, &[("cookie", &cookie), ("sec-fetch-site", "cross-site"), takes], false).await;
        check(path, &[("cookie", &cookie), takes], false).await;
    }
    check("/audit/v1/events?limit=1", &[token, takes], false).await;
    check("/audit/v1/session", &[token, takes], false).await;
    let tail = send(&state, request("GET", "/audit/v1/tail", &[token, takes])).await;
    assert!(tail.status() == 200 && header(&tail, "content-encoding").is_empty());
}

// THREATS X03
#[tokio::test]
async fn an_export_that_breaks_off_does_so_also_when_it_is_small() {
    let mut setup = setup(Memory::with(2_603), Some(TOKEN));
    let (bearer, another) =
        (bearer(), super::super::tests::setup(Memory::with(0), Some("another-token-of-the-admin")));
    setup.limits.page_max = 100;
    let state = State::new(setup);
    let headers = [("authorization", bearer.as_str()), ("accept-encoding", "gzip")];
    let begun = send(&state, request("GET", "/audit/v1/export", &headers)).await;
    assert_eq!(header(&begun, "content-encoding"), ["gzip"]);
    state.admit_by(&another.admin, &[7; 32]);
    assert!(begun.into_body().collect().await.is_err(), "the connection is cut");
}
