//! Searches of readers: kept, each reader's own, and never more than there may be.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use axum::Router;

use super::*;
use crate::api::tests::{Memory, TOKEN, request, send, setup};
use crate::api::{State, router};

fn app(file: Option<&Path>, token: Option<&str>) -> Router {
    let searches = file.map(Path::to_owned);
    router(State::new(crate::api::Setup { searches, ..setup(Memory::with(1), token) }))
}

async fn ask(app: &Router, method: &str, path: &str) -> (u16, String) {
    let bearer = format!("Bearer {TOKEN}");
    let answer =
        send(app, request(method, &format!("/audit/v1/searches{path}"), &[("authorization", &bearer)])).await;
    (answer.status.as_u16(), answer.body)
}

async fn names(app: &Router) -> Vec<String> {
    let (status, body) = ask(app, "GET", "").await;
    assert_eq!(status, 200, "{body}");
    let view: serde_json::Value = serde_json::from_str(&body).unwrap();
    view["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_search_is_kept_under_its_name_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("searches.json");
    let first = app(Some(&file), Some(TOKEN));
    assert_eq!(ask(&first, "GET", "").await, (200, r#"{"data":[]}"#.to_owned()));
    assert_eq!(ask(&first, "PUT", "/Refusals%20of%20Ben?result=denied&actor=ben&view=table").await.0, 204);
    assert_eq!(ask(&first, "PUT", "/%C3%84%2F%3F?q=a%20b").await.0, 204);
    assert_eq!(ask(&first, "PUT", "/Refusals%20of%20Ben?result=failure").await.0, 204, "it is replaced");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let second = app(Some(&file), Some(TOKEN));
    assert_eq!(names(&second).await, ["Refusals of Ben", "Ä/?"]);
    assert!(ask(&second, "GET", "").await.1.contains(r#""query":"result=failure""#));
    assert_eq!(ask(&second, "DELETE", "/%C3%84%2F%3F").await.0, 204);
    assert_eq!(ask(&second, "DELETE", "/%C3%84%2F%3F").await.0, 404);
    assert_eq!(names(&app(Some(&file), Some(TOKEN))).await, ["Refusals of Ben"]);
}

#[tokio::test]
async fn searches_are_each_readers_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("searches.json");
    assert_eq!(ask(&app(Some(&file), Some(TOKEN)), "PUT", "/Mine?q=secret").await.0, 204);
    // Where nobody needs a token, everybody is another reader than its holder.
    let open = app(Some(&file), None);
    assert!(names(&open).await.is_empty());
    assert_eq!(ask(&open, "DELETE", "/Mine").await.0, 404);
    let stranger = send(&app(Some(&file), Some(TOKEN)), request("GET", "/audit/v1/searches", &[])).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_a_search_is_refused_by_name() {
    let app = app(None, Some(TOKEN));
    let check = async |path: &str, parameter: &str| {
        let (status, body) = ask(&app, "PUT", path).await;
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, problem["parameter"].as_str()), (400, Some(parameter)), "{path} {body}");
        assert!(!problem["accepts"].as_str().unwrap().is_empty());
    };
    check("/%20?q=a", "name").await;
    check("/a%00b?q=a", "name").await;
    check("/%ff?q=a", "name").await;
    check(&format!("/{}?q=a", "x".repeat(81)), "name").await;
    check(&format!("/a?q={}", "x".repeat(4_000)), "query").await;
    assert_eq!(ask(&app, "GET", "?q=a").await.0, 400);
    assert_eq!(ask(&app, "POST", "/a").await.0, 405);
    assert!(names(&app).await.is_empty());
}

#[tokio::test]
async fn there_are_never_more_than_there_may_be() {
    let app = app(None, Some(TOKEN));
    for n in 0..100 {
        assert_eq!(ask(&app, "PUT", &format!("/n{n}?q={n}")).await.0, 204);
    }
    assert_eq!(ask(&app, "PUT", "/one-more?q=a").await.0, 409);
    assert_eq!(ask(&app, "PUT", "/n5?q=again").await.0, 204, "one that is there may change");
    assert_eq!(names(&app).await.len(), 100);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("searches.json");
    for odd in ["{", r#"{"format":9,"readers":{}}"#] {
        std::fs::write(&file, odd).unwrap();
        let app = app(Some(&file), Some(TOKEN));
        assert_eq!(ask(&app, "GET", "").await.0, 500);
        assert_eq!(ask(&app, "PUT", "/a?q=a").await.0, 500);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), odd);
    }
}
