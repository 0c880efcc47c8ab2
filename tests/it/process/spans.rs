//! Spans, as a collector gets them: for whoever follows a request through several programs (OTLP).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message as _;

use super::{Process, request};
use crate::rig::{App, eventually, value_of};

const RULES: &str =
    "version: 1\nrules:\n  - { id: note.added, match: 'POST /notes/{id}', action: NOTE_ADDED }\n";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const CANARY: &str = "c4n4ryb1rd";

/// A collector that takes everything.
struct Collector {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn start() -> Collector {
        Collector::that_answers(&[])
    }

    /// The same, giving these answers first.
    fn that_answers(first: &[&str]) -> Collector {
        let mut answers: Vec<String> = first.iter().rev().map(|answer| (*answer).to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (bodies, heads) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (taken, read) = (Arc::clone(&bodies), Arc::clone(&heads));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let answer = answers.pop();
                let is_taken = answer.is_none();
                let answer = answer.unwrap_or_else(|| "200 OK".to_owned());
                let (head, body) = take(&mut socket.unwrap(), &answer);
                read.lock().push(head);
                is_taken.then(|| taken.lock().push(body));
            }
        });
        Collector { address, bodies, heads }
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in self.bodies.lock().iter() {
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            let of_scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            spans.extend(of_scopes.flat_map(|scope| scope.spans));
        }
        spans
    }

    /// Everything that came, to be searched.
    fn text(&self) -> String {
        self.bodies.lock().iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    }
}

/// Reads one request to its end and answers it.
fn take(socket: &mut TcpStream, answer: &str) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert_eq!(value_of(&head, "content-type"), Some("application/x-protobuf"));
    let mut body = vec![0; value_of(&head, "content-length").unwrap().parse().unwrap()];
    socket.read_exact(&mut body).unwrap();
    socket.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).unwrap();
    (head, body)
}

fn before(app: &App, collector: SocketAddr, more: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    fs::write(folder.path().join("rules/notes/notes.yaml"), RULES).unwrap();
    let telemetry = format!("telemetry: {{ otlp: 'http://{collector}/v1/traces'{more} }}\n");
    let process = Process::start_as(folder.path(), app.address, "rules", &telemetry);
    (folder, process)
}

/// The `traceparent` that the application got.
fn parent_seen(process: &Process, line: &str, headers: &str) -> String {
    let (status, echo) = request(process.proxy, &format!("{line} HTTP/1.1"), headers, "").unwrap();
    assert_eq!(status, 200, "{echo}");
    value_of(&echo, "traceparent").unwrap().to_owned()
}

/// `(trace, span, flags)` of a `traceparent`.
fn parts(parent: &str) -> (&str, &str, &str) {
    assert!(parent.len() == 55 && parent.starts_with("00-"), "{parent}");
    (&parent[3..35], &parent[36..52], &parent[53..])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(value) => value.clone(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
        other => panic!("{other:?}"),
    })
}

/// The span with that id.
fn find<'a>(spans: &'a [Span], id: &str) -> &'a Span {
    spans.iter().find(|span| hex(&span.span_id) == id).unwrap_or_else(|| panic!("no {id} in {spans:?}"))
}

#[test]
fn a_span_goes_on_where_the_client_was_and_the_application_goes_on_from_it() {
    let (app, collector) = (App::echoing(), Collector::start());
    let (_folder, process) = before(&app, collector.address, "");
    let sampled = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=b\r\n");
    let passed = parent_seen(&process, "GET /elsewhere", &sampled);
    let audited = parent_seen(&process, "POST /notes/1", &sampled);
    let begun = parent_seen(&process, "GET /elsewhere", "");
    let unwanted = format!("00-{TRACE}-{PARENT}-00");
    let kept = parent_seen(&process, "POST /notes/1", &format!("traceparent: {unwanted}\r\n"));
    assert_eq!(kept, unwanted, "whoever sent it collects nothing, so it stays as it is");
    let events = process.events();
    assert_eq!(process.terminate(), Some(0));

    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "{spans:?}");
    for (seen, name, route) in
        [(&passed, "GET", None), (&audited, "POST /notes/{id}", Some("/notes/{id}".to_owned()))]
    {
        let (trace, id, flags) = parts(seen);
        assert_eq!((trace, flags), (TRACE, "01"));
        let span = find(&spans, id);
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
        assert_eq!((span.name.as_str(), attribute(span, "http.route")), (name, route));
        assert_eq!(attribute(span, "http.response.status_code").as_deref(), Some("200"));
        let upstream: f64 = attribute(span, "earwitness.upstream.duration").unwrap().parse().unwrap();
        let whole = span.end_time_unix_nano - span.start_time_unix_nano;
        assert!(0.0 < upstream && upstream * 1e9 <= whole as f64, "{upstream} s of {whole} ns");
    }
    let (trace, id, flags) = parts(&begun);
    let root = find(&spans, id);
    assert_eq!((hex(&root.trace_id).as_str(), flags, root.parent_span_id.len()), (trace, "01", 0));
    assert_eq!(events[0]["request"]["traceId"], TRACE);
}

// THREATS O06
#[test]
fn a_span_holds_nothing_that_could_be_a_secret_and_tells_how_a_request_ended() {
    let app = App::scripted(|wire| {
        let request = wire.next_request().unwrap_or_default();
        if request.contains("slow") {
            // For as long as anybody waits for an answer.
            wire.read_to_end();
        } else if !request.contains("gone") {
            wire.try_send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let collector = Collector::start();
    let (_folder, process) = before(&app, collector.address, "");
    let headers =
        format!("x-api-key: {CANARY}\r\nauthorization: Bearer {CANARY}\r\ntracestate: a={CANARY}\r\n");
    for line in [
        format!("GET /reset/{CANARY}?token={CANARY} HTTP/1.1"),
        format!("POST /notes/{CANARY} HTTP/1.1"),
        format!("POST /notes/gone?{CANARY} HTTP/1.1"),
        format!("{CANARY} /x HTTP/1.1"),
    ] {
        request(process.proxy, &line, &headers, CANARY).unwrap();
    }
    for line in ["GET /slow", "POST /notes/slow"] {
        let mut leaving = TcpStream::connect(process.proxy).unwrap();
        leaving
            .write_all(format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .unwrap();
        eventually("the application has it", || app.requests().iter().any(|request| request.contains(line)));
    }
    eventually("it is over", || process.metric("earwitness_requests_in_flight") == 0);
    assert_eq!(process.terminate(), Some(0));

    let spans = collector.spans();
    let mut told: Vec<(String, Option<String>, Option<String>)> = spans
        .iter()
        .map(|span| {
            let about = |key| attribute(span, key);
            (span.name.clone(), about("http.response.status_code"), about("error.type"))
        })
        .collect();
    told.sort();
    let check = |index: usize, name: &str, status: Option<&str>, error: Option<&str>| {
        let found = (told[index].0.as_str(), told[index].1.as_deref(), told[index].2.as_deref());
        assert_eq!(found, (name, status, error), "{told:?}");
    };
    check(0, "GET", None, Some("client_gone"));
    check(1, "GET", Some("404"), None);
    check(2, "HTTP", Some("404"), None);
    check(3, "POST /notes/{id}", None, Some("client_gone"));
    check(4, "POST /notes/{id}", Some("404"), None);
    check(5, "POST /notes/{id}", Some("502"), Some("502"));
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(!collector.text().contains(CANARY), "{spans:?}");
}

#[test]
fn a_share_of_none_begins_no_span_and_still_goes_on_with_those_of_others() {
    let (app, collector) = (App::echoing(), Collector::start());
    let (_folder, process) = before(&app, collector.address, ", sample_ratio: 0");
    for line in ["GET /elsewhere", "POST /notes/1"] {
        assert_eq!(parts(&parent_seen(&process, line, "")).2, "00");
    }
    let sampled = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    let (trace, id) = (TRACE.to_owned(), parent_seen(&process, "GET /elsewhere", &sampled));
    assert_eq!(process.terminate(), Some(0));
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(hex(&find(&spans, parts(&id).1).trace_id), trace);
}

#[test]
fn a_collector_that_has_no_time_is_asked_again_and_gets_the_headers_it_wants() {
    let busy = "503 Service Unavailable\r\nretry-after: 0";
    let (app, collector) =
        (App::echoing(), Collector::that_answers(&[busy, "429 Too Many\r\nRetry-After: 0", busy]));
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("headers");
    fs::write(&file, format!("authorization: Bearer {CANARY}\n")).unwrap();
    let (_folder, process) =
        before(&app, collector.address, &format!(", headers_file: '{}'", file.display()));
    parent_seen(&process, "POST /notes/1", "");
    eventually("the span is sent", || process.metric("earwitness_spans_total{outcome=\"sent\"}") == 1);
    assert_eq!((collector.spans().len(), collector.heads.lock().len()), (1, 4));
    let wanted = format!("Bearer {CANARY}");
    assert!(collector.heads.lock().iter().all(|head| value_of(head, "authorization") == Some(&wanted)));
    assert_eq!(process.metric("earwitness_spans_total{outcome=\"failed\"}"), 0);
}

#[test]
fn nobody_waits_for_a_collector_that_is_away_or_silent() {
    let app = App::echoing();
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_folder, process) = before(&app, nowhere, "");
    parent_seen(&process, "POST /notes/1", "");
    let failed = "earwitness_spans_total{outcome=\"failed\"}";
    eventually("it is counted", || process.metric(failed) == 1);

    // It accepts, in its queue, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_folder, process) = before(&app, silent.local_addr().unwrap(), " }\nlimits: { spans_max: 1");
    let dropped = "earwitness_spans_total{outcome=\"dropped\"}";
    eventually("some are dropped", || {
        parent_seen(&process, "POST /notes/1", "");
        process.metric(dropped) > 0
    });
    assert_eq!(process.metric("earwitness_requests_in_flight"), 0);
}
