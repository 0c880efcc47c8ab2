//! Requests as they come over the wire, and the calls that are in them.

mod batch;
mod graphql;
mod jsonrpc;
mod soap;
mod trpc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::exchange::CaptureState;
use crate::value::json;

/// A request: its line, its content type (JSON where none is said), its body.
fn request(line: &str, kind: &str, body: &str) -> Request {
    let (method, target) = line.split_once(' ').unwrap();
    let headers = [("content-type", kind), ("authorization", "Bearer outer")];
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        scheme: "http",
        host: "app.example".to_owned(),
        id: "1".to_owned(),
        trace_id: None,
        headers: map(&headers),
        body: capture(body),
    }
}

fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    headers.iter().filter(|(_, value)| !value.is_empty()).map(pair).collect()
}

fn capture(body: &str) -> Capture {
    let state = if body.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    Capture {
        bytes: Bytes::copy_from_slice(body.as_bytes()),
        seen_bytes: body.len() as u64,
        state,
        ..Capture::default()
    }
}

fn opened(kind: EnvelopeKind, request: &Request) -> Opened {
    open(kind, request, Some(&request.body), &[], 1 << 20)
}

/// Operation, target and body of each call, with `?` behind what is in doubt.
fn calls(opened: &Opened) -> Vec<String> {
    let call = |call: &Call| {
        let body = call.body.as_ref().map_or("…".to_owned(), |body| match &body.value {
            Some(value) => value.to_string(),
            None => body.state.as_str().to_owned(),
        });
        let is_whole = |doubt: &Doubtful| doubt.path.is_empty();
        let doubt = if call.body.iter().any(|body| body.doubts.iter().any(is_whole)) { "?" } else { "" };
        format!("{} {body}{doubt}", call.operation.as_deref().unwrap_or("-"))
    };
    opened.calls.iter().map(call).collect()
}

/// Status and body of each call's answer.
fn answers(kind: EnvelopeKind, opened: &Opened, status: u16, body: &Value) -> Vec<String> {
    let headers = map(&[("content-type", "application/json")]);
    let response = Response { status, headers, body: capture(&body.to_string()), stream: None };
    let replies = Replies::new(kind, &opened.calls, &response, &[], 1 << 20);
    let shown = |reply: Reply| {
        format!("{} {}", reply.status, reply.body.value.map_or("-".to_owned(), |value| value.to_string()))
    };
    opened.calls.iter().map(|call| replies.to(call).map_or("?".to_owned(), shown)).collect()
}

fn any_kind() -> impl Strategy<Value = EnvelopeKind> {
    prop::sample::select(EnvelopeKind::ALL.map(|(_, kind)| kind).to_vec())
}

proptest! {
    #[test]
    fn no_bytes_make_a_splitter_panic_or_grow(
        kind in any_kind(),
        target in "/[ -~]{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..400),
        answer in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut request = request(&format!("POST {target}"), "application/json", "x");
        request.body.bytes = Bytes::from(body);
        let opened = opened(kind, &request);
        prop_assert!(opened.calls.len() <= CALLS_MAX && opened.rest.names.len() <= NAMES_MAX);
        let body = Capture { bytes: Bytes::from(answer), seen_bytes: 1, state: CaptureState::Complete, ..Capture::default() };
        let response = Response { status: 200, headers: HeaderMap::new(), body, stream: None };
        let replies = Replies::new(kind, &opened.calls, &response, &[], 1 << 20);
        opened.calls.iter().for_each(|call| drop(replies.to(call)));
    }

    #[test]
    fn no_query_makes_the_graphql_reader_panic(query in "[ -~\\n{}()$@.:\"\\\\u\\[\\]!|&#,]{0,200}") {
        let tricky = format!("mutation {{ a(b: \"{query}\") ...F }} fragment F on M {{ c(d: \"\"\"{query}\"\"\") }} {query}");
        for text in [query, tricky] {
            let request = request("POST /graphql", "application/json", &json!({ "query": text }).to_string());
            opened(EnvelopeKind::GraphQl, &request);
        }
    }
}

#[test]
fn a_body_that_was_cut_leaves_its_calls_over_with_the_reason() {
    for kind in [EnvelopeKind::JsonRpc, EnvelopeKind::GraphQl, EnvelopeKind::Soap] {
        let mut request = request("POST /x", "application/json", r#"{"method":"a"}"#);
        request.body.state = CaptureState::Cut;
        let cut = opened(kind, &request);
        assert_eq!((cut.calls.len(), cut.rest.reasons[0].code), (0, NoteCode::BodyCut), "{kind:?}");
        request.body = capture("no such thing");
        let odd = opened(kind, &request);
        assert_eq!((odd.calls.len(), odd.rest.reasons[0].code), (0, NoteCode::BodyUnparsed), "{kind:?}");
        assert!(open(kind, &request, None, &[], 1 << 20).rest.is_empty(), "{kind:?}: not there yet");
    }
}
