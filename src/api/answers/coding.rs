//! Answers made small (gzip), for readers who take that.
//!
//! Who sees how long an answer is, and can have others ask with words of his own choice, learns what stands beside those words
//! (BREACH): an answer repeats of its question what was wrong with it, an export all of it. So nothing is made small that any
//! page may have made a browser ask for: only what was asked for with a token, which no page of another site has, or by our own
//! page, as the browser says.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

/// On an answer that may be made small.
#[derive(Clone, Copy, Debug)]
struct MayShrink;

type Fits = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Makes small what may be.
pub(in crate::api) fn layer() -> CompressionLayer<And<SizeAbove, Fits>> {
    let fits: Fits = |_, _, headers, extensions| extensions.get::<MayShrink>().is_some() && is_text(headers);
    // Readers and probes share one thread: a page must not keep it for long.
    let quality = CompressionLevel::Fastest;
    CompressionLayer::new().quality(quality).compress_when(SizeAbove::new(BYTES_MIN).and(fits))
}

/// True when no page of another site can have had this asked.
pub(in crate::api) fn is_chosen(asked: &HeaderMap) -> bool {
    asked.contains_key(AUTHORIZATION) || asked.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

/// Says that an answer may be made small.
pub(in crate::api) fn may_shrink(answer: &mut Response) {
    answer.extensions_mut().insert(MayShrink);
}

/// True for what is worth it. A tail is not: what is gathered to be made small comes late; nor is a workbook, which is small.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let is_json = kind.starts_with("application/") && (kind.contains("json") || kind.contains("ndjson"));
    is_json || kind.starts_with("text/") && !kind.starts_with("text/event-stream")
}

/// Below, what the coding adds is not worth it.
const BYTES_MIN: u64 = 1_024;
