//! What is served is the page and nothing beside it, to everybody, under a policy that lets it do little.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, Response};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::api::tests::{TOKEN, guarded};

async fn asked(path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let app = TowerToHyperService::new(guarded());
    let answer: Response<_> = app.call(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

fn folder(at: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folder(&path, found);
        } else {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_file_of_the_folder_is_embedded_and_has_a_known_kind() {
    let mut found = BTreeSet::new();
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("web"), &mut found);
    let embedded: BTreeSet<String> = files::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(embedded, found);
    for path in embedded {
        assert_ne!(kind(&path), "application/octet-stream", "{path}");
    }
}

#[tokio::test]
async fn the_page_needs_no_token_and_the_records_do() {
    for path in ["/", "/assets/js/main.js", "/assets/lang/de.json"] {
        let (status, headers, body) = asked(path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert!(!body.is_empty() && !headers.contains_key("content-encoding"), "{path}");
    }
    for path in ["/audit/v1/events", "/audit/v1", "/assets", "/metrics", "//", "/assetsX"] {
        assert_eq!(asked(path, &[]).await.0, 401, "{path}");
    }
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(asked("/audit/v1/events", &[("authorization", &bearer)]).await.0, 200);
}

#[tokio::test]
async fn only_files_of_the_table_are_served() {
    // The folder itself is an address like any other that is none of ours.
    assert_eq!(asked("/assets/", &[]).await.0, 401);
    for path in ["/assets/none.js", "/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/assets/js"] {
        let (status, headers, _) = asked(path, &[]).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(headers["content-type"], "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn a_browser_may_run_nothing_but_the_files_of_the_page() {
    // THREATS Q05, Q10
    for (path, _) in files::FILES {
        let (_, headers, _) = asked(&format!("/assets/{path}"), &[]).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'")
                && policy.contains("require-trusted-types-for 'script'")
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-robots-tag"], "noindex", "{path}");
        assert_eq!(headers["cache-control"], "no-cache", "{path}");
    }
}

// THREATS Q10
#[test]
fn the_page_for_a_frame_stands_in_those_of_the_named_sites_alone() {
    assert_eq!(policy_in(&[]), None);
    let framed = policy_in(&["https://a.example".to_owned(), "https://b.example:8443".to_owned()]).unwrap();
    assert!(framed.contains("; frame-ancestors https://a.example https://b.example:8443; "), "{framed}");
    assert!(framed.starts_with("default-src 'none'; script-src 'self'; "), "{framed}");
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again_and_packed_when_that_is_understood() {
    let (_, headers, plain) = asked("/", &[]).await;
    let tag = headers["etag"].to_str().unwrap().to_owned();
    for given in [tag.clone(), format!("\"other\", {tag}")] {
        let (status, headers, body) = asked("/", &[("if-none-match", &given)]).await;
        assert_eq!((status, body.len()), (304, 0), "{given}");
        assert_eq!(headers["etag"], tag);
    }
    assert_eq!(asked("/", &[("if-none-match", "\"other\"")]).await.0, 200);
    let (_, headers, packed) = asked("/", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(headers["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}

#[tokio::test]
async fn a_page_of_another_host_is_not_served_this_one() {
    // THREATS Q09
    assert_eq!(asked("http://evil.test/", &[]).await.0, 421);
    assert_eq!(asked("/assets/js/main.js", &[("origin", "http://evil.test")]).await.0, 403);
}

#[test]
fn the_page_is_small() {
    let packed: usize = FILES.values().map(|file| file.packed.len()).sum();
    assert!(packed < 150_000, "{packed} bytes");
}

fn text(path: &str) -> &'static str {
    let (_, bytes) = files::FILES.iter().find(|(known, _)| *known == path).unwrap();
    std::str::from_utf8(bytes).unwrap()
}

fn ending_in(ending: &str) -> impl Iterator<Item = &'static str> {
    files::FILES.iter().map(|(path, _)| *path).filter(move |path| path.ends_with(ending))
}

#[test]
fn no_script_makes_markup_or_code_from_text() {
    // THREATS Q05: the policy refuses it, too; here it is told to whoever writes it.
    let ways = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "setHTML",
        "srcdoc",
        "document.write",
        "DOMParser",
        "createContextualFragment",
        "eval(",
        "new Function",
        "javascript:",
        "setAttribute('on",
        "style=",
        "http://",
        "https://",
    ];
    for path in ending_in(".js").chain([files::START]) {
        for way in ways {
            // The name of a vocabulary is no address.
            let text = text(path).replace("'http://www.w3.org/2000/svg'", "");
            assert!(!text.contains(way), "{path} has {way}");
        }
    }
}

#[test]
fn a_script_is_short_and_says_what_it_is_for() {
    for path in ending_in(".js") {
        assert!(text(path).starts_with("// "), "{path}");
        assert!(text(path).lines().count() < 400, "{path}");
    }
}

#[test]
fn every_note_is_said_in_words() {
    let notes = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notes.md")).unwrap();
    let codes = notes.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let codes: Vec<&str> = codes.collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(text("lang/en.json").contains(&format!("\"note.{code}\"")), "{code}");
    }
}

#[test]
fn the_languages_have_the_same_words_and_all_that_the_page_says() {
    let words = |path: &str| -> BTreeSet<String> {
        let file: BTreeMap<String, serde_json::Value> = serde_json::from_str(text(path)).unwrap();
        file.into_keys().collect()
    };
    let english = words("lang/en.json");
    for path in ending_in(".json") {
        assert_eq!(words(path), english, "{path}");
    }
    for path in ending_in(".js") {
        for (at, call) in text(path).match_indices("t('").chain(text(path).match_indices("parts('")) {
            let is_call =
                !text(path)[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.');
            let key = text(path)[at + call.len()..].split('\'').next().unwrap();
            assert!(!is_call || english.contains(key), "{path} says {key}");
        }
    }
}
