//! The viewer: one page, embedded, that lives on the routes beside it.
//!
//! Its files are served to everybody who names this listener rightly: they hold no record, and a page that asks for a
//! token must come without one. What the page may do is told to the browser in one policy: scripts, styles and
//! connections of this origin alone, nothing inline, no frame around it, and (Trusted Types) no text that becomes
//! markup, so that a value from the traffic stays text even where the page had a mistake.
//!
//! One page may stand in a frame, of the sites that a link names, which `admin.embed` has, too: the timeline that the link shows. It
//! knows no cookie and changes nothing, so that a click that is stolen does nothing either.

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::super::answers::problem::Problem;
use super::super::answers::tags;
use super::super::listener::state::State;

/// `GET /`: the page.
pub(in crate::api) async fn start(headers: HeaderMap) -> Response {
    answer(files::START, &headers)
}

/// `GET /embed?link=ID`: the page for a frame, where any site may have one. A link that is not known stands in none, and is
/// answered as one that names no site.
pub(in crate::api) async fn embed(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if state.inner.embed.is_empty() {
        let detail = "No site may show the timeline in a frame: `admin.embed` names none.";
        return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
    }
    let query = query.unwrap_or_default();
    let id = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "link").map(|(_, id)| id);
    let named = id.map(|id| state.inner.door.tokens.framed_by(&id)).unwrap_or_default();
    // What the operator has taken out since stands in no frame any more.
    let sites: Vec<String> = named.into_iter().filter(|site| state.inner.embed.contains(site)).collect();
    let mut answer = answer(files::EMBED, &headers);
    // Whose frame it may stand in is not for a copy to say.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().remove(ETAG);
    if let Some(policy) = policy_in(&sites)
        && let Ok(policy) = HeaderValue::try_from(policy)
    {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// What the page for a frame may do, and in whose frame; `None` where no site may have one.
fn policy_in(sites: &[String]) -> Option<String> {
    let framed = POLICY.replace("frame-ancestors 'none'", &format!("frame-ancestors {}", sites.join(" ")));
    (!sites.is_empty()).then_some(framed)
}

/// `GET /assets/{path}`: a file of it.
pub(in crate::api) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(&path, &headers)
}

fn answer(path: &str, asked: &HeaderMap) -> Response {
    let Some(file) = FILES.get(path) else {
        return Problem::new(StatusCode::NOT_FOUND, "The viewer has no such file.").into_response();
    };
    let headers = [
        (ETAG, file.tag.clone()),
        // Kept, and asked for again each time: a new program is a new page at once.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (VARY, HeaderValue::from_static("Accept-Encoding")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        // The address of a link may get into a search engine's hands; the page behind it is none to be found.
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
    ];
    if tags::is_known(asked, &file.tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(CONTENT_TYPE, HeaderValue::from_static(file.kind))];
    if takes_gzip(asked) {
        let coding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return (headers, kind, coding, file.packed.clone()).into_response();
    }
    (headers, kind, file.plain).into_response()
}

/// True when a browser takes what was packed beforehand.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("gzip"))
}

struct File {
    kind: &'static str,
    plain: &'static [u8],
    packed: Bytes,
    /// Of the plain bytes. A tag of the packed form would have to differ (RFC 9110 section 8.8.3), so both are weak.
    tag: HeaderValue,
}

impl File {
    fn new(path: &str, plain: &'static [u8]) -> File {
        let digest = Sha256::digest(plain);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::try_from(format!("W/\"{hex}\"")).expect("hexadecimal digits in quotes");
        File { kind: kind(path), plain, packed: packed(plain), tag }
    }
}

fn packed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("memory takes every byte");
    encoder.finish().expect("memory takes every byte").into()
}

/// What a file is, by its ending: with `nosniff` the browser believes nothing else.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}

/// Made when the first of them is asked for, and then kept.
static FILES: LazyLock<BTreeMap<&str, File>> =
    LazyLock::new(|| files::FILES.iter().map(|(path, plain)| (*path, File::new(path, plain))).collect());

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
