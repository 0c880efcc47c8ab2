//! Spans in the form that collectors take (OTLP, `opentelemetry/proto/trace/v1`): the messages and members that we use,
//! with their numbers, and names from OpenTelemetry's semantic conventions for HTTP. `prost` writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;

use super::Span;

/// The content type of [`encode`].
pub const PROTOBUF: &str = "application/x-protobuf";

/// What a collector is sent for these spans (`ExportTraceServiceRequest`). `instance` tells one installation from
/// another.
pub fn encode(spans: &[Span], instance: &str) -> Vec<u8> {
    let about = [
        ("service.name", "earwitness"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", instance),
    ];
    let resource = Resource { attributes: about.map(|(key, value)| KeyValue::text(key, value)).to_vec() };
    let scope = Scope { name: "earwitness".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let spans = spans.iter().map(SpanMessage::of).collect();
    let of_scope = ScopeSpans { scope: Some(scope), spans };
    let of_resource = ResourceSpans { resource: Some(resource), scope_spans: vec![of_scope] };
    Request { resource_spans: vec![of_resource] }.encode_to_vec()
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Plain", tags = "1, 3, 4")]
    value: Option<Plain>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Plain {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Number(f64),
}

impl SpanMessage {
    fn of(span: &Span) -> SpanMessage {
        let begun = since_epoch(span.begun_at);
        let is_failed = span.status.is_none_or(|status| status >= SERVER_ERROR);
        SpanMessage {
            trace_id: span.trace_id.to_vec(),
            span_id: span.id.to_vec(),
            parent_span_id: span.parent_id.map(Vec::from).unwrap_or_default(),
            name: name_of(span),
            kind: KIND_SERVER,
            start_time_unix_nano: nanoseconds(begun),
            end_time_unix_nano: nanoseconds(begun + span.duration),
            attributes: attributes_of(span),
            status: is_failed.then_some(Status { code: STATUS_ERROR }),
            flags: FLAGS_SAMPLED | if span.parent_id.is_some() { FLAGS_REMOTE_PARENT } else { 0 },
        }
    }
}

/// "`{method} {route}`", with `HTTP` for a method that nobody knows.
fn name_of(span: &Span) -> String {
    let method = span.method.unwrap_or("HTTP");
    match &span.route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

fn attributes_of(span: &Span) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::text("http.request.method", span.method.unwrap_or("_OTHER")),
        KeyValue::text("url.scheme", span.scheme),
    ];
    if let Some(route) = &span.route {
        attributes.push(KeyValue::text("http.route", route));
    }
    match span.status {
        Some(status) => {
            attributes.push(KeyValue::new("http.response.status_code", Plain::Whole(status.into())));
            if status >= SERVER_ERROR {
                attributes.push(KeyValue::text("error.type", &status.to_string()));
            }
        }
        None => attributes.push(KeyValue::text("error.type", "client_gone")),
    }
    if let Some(upstream) = span.upstream {
        // In seconds, like all durations of these conventions.
        attributes.push(KeyValue::new("earwitness.upstream.duration", Plain::Number(upstream.as_secs_f64())));
    }
    attributes
}

impl KeyValue {
    fn new(key: &str, value: Plain) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }

    fn text(key: &str, value: &str) -> KeyValue {
        KeyValue::new(key, Plain::Text(value.to_owned()))
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// `SPAN_KIND_SERVER`.
const KIND_SERVER: i32 = 2;
/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: i32 = 2;
/// The flag of `traceparent`.
const FLAGS_SAMPLED: u32 = 1;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
const FLAGS_REMOTE_PARENT: u32 = 0x300;
const SERVER_ERROR: u16 = 500;

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
    use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

    use super::super::spans::span;
    use super::*;

    fn text(attributes: &[KeyValue]) -> Vec<String> {
        let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(value)) => format!("{}={value}", pair.key),
            Some(Value::IntValue(value)) => format!("{}={value}", pair.key),
            Some(Value::DoubleValue(value)) => format!("{}={value:?}", pair.key),
            other => panic!("{other:?}"),
        };
        attributes.iter().map(text).collect()
    }

    #[test]
    fn a_collector_reads_what_was_meant() {
        let whole = Span {
            parent_id: Some([3; 8]),
            route: Some("/notes/{id}".to_owned()),
            status: Some(502),
            ..span()
        };
        let gone = Span { method: None, status: None, upstream: None, ..span() };
        let bytes = encode(&[whole, gone], "one");
        let request: ExportTraceServiceRequest = Message::decode(bytes.as_slice()).unwrap();
        let [of_resource] = &request.resource_spans[..] else { panic!("{request:?}") };
        let version = format!("service.version={}", env!("CARGO_PKG_VERSION"));
        let about = text(&of_resource.resource.as_ref().unwrap().attributes);
        assert_eq!(about, ["service.name=earwitness", &version, "service.instance.id=one"]);
        let [of_scope] = &of_resource.scope_spans[..] else { panic!("{request:?}") };
        assert_eq!(of_scope.scope.as_ref().unwrap().name, "earwitness");
        let [whole, gone] = &of_scope.spans[..] else { panic!("{request:?}") };
        assert_eq!((&whole.trace_id[..], &whole.span_id[..]), (&[1; 16][..], &[2; 8][..]));
        assert_eq!((&whole.parent_span_id[..], whole.name.as_str()), (&[3; 8][..], "GET /notes/{id}"));
        assert_eq!((whole.kind(), whole.flags), (SpanKind::Server, 0x301));
        assert_eq!(whole.start_time_unix_nano, 7_000_000_000);
        assert_eq!(whole.end_time_unix_nano, 7_005_000_000);
        assert_eq!(whole.status.as_ref().unwrap().code(), StatusCode::Error);
        let expected = [
            "http.request.method=GET",
            "url.scheme=http",
            "http.route=/notes/{id}",
            "http.response.status_code=502",
            "error.type=502",
            "earwitness.upstream.duration=0.003",
        ];
        assert_eq!(text(&whole.attributes), expected);
        assert_eq!((gone.name.as_str(), gone.flags, gone.parent_span_id.len()), ("HTTP", 1, 0));
        let expected = ["http.request.method=_OTHER", "url.scheme=http", "error.type=client_gone"];
        assert_eq!(text(&gone.attributes), expected);
        let fine: ExportTraceServiceRequest = Message::decode(&*encode(&[span()], "one")).unwrap();
        assert_eq!(fine.resource_spans[0].scope_spans[0].spans[0].status, None);
    }
}
