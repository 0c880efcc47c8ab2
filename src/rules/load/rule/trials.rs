//! `tests` of a rule and `given` of a file: their shape.

use std::sync::Arc;

use crate::exchange::{Certificate, Stream};
use crate::rules::load::keys::Page;
use crate::rules::trial::{
    Trial, TrialAnswer, TrialBody, TrialClient, TrialFailure, TrialOutcome, TrialRequest, TrialResponse,
};
use crate::yaml::{Key, Node, Source, Span, Yaml};

/// What tests start from: the file's `given`, then the pack's.
pub(in crate::rules::load) struct Given<'a> {
    /// The file of the tests themselves.
    pub(in crate::rules::load) source: &'a Arc<Source>,
    /// The nearest first.
    pub(in crate::rules::load) layers: Vec<(&'a Node, &'a Arc<Source>)>,
}

/// Reads the tests of a rule.
pub(in crate::rules::load) fn trials(node: &Node, given: &Given<'_>, page: &mut Page<'_>) -> Vec<Trial> {
    let items = page.list(node, "`tests`");
    items.iter().filter_map(|item| trial(item, given, page)).collect()
}

/// Checks a `given` by itself, so that it is right even where no test uses it.
pub(in crate::rules::load) fn check_given(node: &Node, page: &mut Page<'_>) {
    let Some(node) = page.mapping(node, "`given`", &GIVEN) else { return };
    if let Some(request) = node.member("request") {
        page.mapping(request, "`request`", &REQUEST);
    }
    if let Some(answers) = node.member("answers") {
        self::answers(answers, page);
    }
    if let Some(client) = node.member("client") {
        self::client(client, page);
    }
}

fn trial(node: &Node, given: &Given<'_>, page: &mut Page<'_>) -> Option<Trial> {
    let node = page.mapping(node, "a test", &KEYS)?;
    let name = page.required(node, "name", "a test").and_then(|node| page.text(node, "`name`"));
    let expect = node.member("expect").map(|node| {
        let span = Span { start: node.span.start, end: node.end(&page.source.text) };
        (span, expect(node, page))
    });
    if expect.is_none() {
        let message = "this test does not say what it expects";
        let cure = "add `expect: […]`, or let `earwitness test --update` write it";
        page.problems.warning("W3", page.source, node.span, message).cure(cure);
    }
    let own = (node, given.source);
    let layers: Vec<(&Node, &Arc<Source>)> =
        std::iter::once(own).chain(given.layers.iter().copied()).collect();
    let nearest = |key: &str| layers.iter().find_map(|(node, source)| Some((node.member(key)?, *source)));
    let request = request(node, &layers, page);
    let client = nearest("client").map(|(node, source)| client(node, &mut page.of(source)));
    let response = node.member("response").and_then(|node| response(node, page));
    let mut known: Vec<TrialAnswer> = Vec::new();
    for (node, source) in &layers {
        let Some(node) = node.member("answers") else { continue };
        for answer in answers(node, &mut page.of(source)) {
            let is_same =
                |other: &TrialAnswer| other.method == answer.method && other.target == answer.target;
            if !known.iter().any(is_same) {
                known.push(answer);
            }
        }
    }
    Some(Trial {
        name: name?,
        source: Arc::clone(page.source),
        span: node.span,
        end: node.end(&page.source.text),
        request: request?,
        client: client.unwrap_or_default(),
        actor: nearest("actor").map(|(node, _)| node.to_json().into()),
        answers: known,
        response,
        expect: expect.as_ref().map(|(_, events)| events.clone()),
        expect_span: expect.map(|(span, _)| span),
    })
}

fn request(test: &Node, layers: &[(&Node, &Arc<Source>)], page: &mut Page<'_>) -> Option<TrialRequest> {
    let mut found: Vec<(&Node, &Arc<Source>)> = Vec::new();
    for (node, source) in layers {
        if let Some(request) = node.member("request") {
            page.of(source).mapping(request, "`request`", &REQUEST)?;
            found.push((request, source));
        }
    }
    let nearest = |key: &str| found.iter().find_map(|(node, source)| Some((node.member(key)?, *source)));
    let Some((line, source)) = nearest("line") else {
        page.missing(test.span, "request: { line: METHOD /path }", "a test");
        return None;
    };
    let (method, target) = request_line(line, &mut page.of(source))?;
    let headers =
        nearest("headers").map(|(node, source)| headers(node, &mut page.of(source))).unwrap_or_default();
    let body = match (nearest("body"), nearest("file")) {
        (None, Some((node, source))) => file(node, &mut page.of(source))?,
        (Some((node, _)), _) => body(node),
        (None, None) => TrialBody::Empty,
    };
    Some(TrialRequest { method, target, headers, body })
}

fn request_line(node: &Node, page: &mut Page<'_>) -> Option<(String, String)> {
    let text = page.text(node, "a request line")?;
    let line = text.split_once(' ').filter(|(method, target)| {
        target.starts_with('/')
            && !target.contains(' ')
            && http::Method::from_bytes(method.as_bytes()).is_ok()
    });
    if line.is_none() {
        page.error("E03", node.span, &format!("`{text}` is no request line"), "write `METHOD /path?query`");
    }
    line.map(|(method, target)| (method.to_owned(), target.to_owned()))
}

fn answers(node: &Node, page: &mut Page<'_>) -> Vec<TrialAnswer> {
    let members = page.members(node, "`answers`").unwrap_or(&[]);
    members.iter().filter_map(|(key, node)| answer(key, node, page)).collect()
}

fn answer(key: &Key, node: &Node, page: &mut Page<'_>) -> Option<TrialAnswer> {
    let line = Node { value: Yaml::Text(key.text.clone()), span: key.span };
    let (method, target) = request_line(&line, page)?;
    let outcome = match node.member("fail") {
        Some(fail) => {
            page.mapping(node, "an answer that fails", &["fail"])?;
            page.word(fail, "`fail`", &FAILURES).map(TrialOutcome::Failed)
        }
        None => response(node, page).map(TrialOutcome::Answered),
    };
    let (source, span) = (Arc::clone(page.source), key.span);
    Some(TrialAnswer { method, target, source, span, outcome: outcome? })
}

fn response(node: &Node, page: &mut Page<'_>) -> Option<TrialResponse> {
    let node = page.mapping(node, "an answer", &["status", "headers", "body", "file", "stream"])?;
    let status = match node.member("status") {
        Some(node) => page.number(node, "`status`", 100, 599)?,
        None => 200,
    };
    let headers = node.member("headers").map(|node| headers(node, page)).unwrap_or_default();
    let body = match (node.member("body"), node.member("file")) {
        (None, Some(node)) => file(node, page)?,
        (Some(node), _) => body(node),
        (None, None) => TrialBody::Empty,
    };
    let stream = node.member("stream").and_then(|node| stream(node, page));
    Some(TrialResponse { status: u16::try_from(status).unwrap_or(200), headers, body, stream })
}

fn stream(node: &Node, page: &mut Page<'_>) -> Option<Stream> {
    let node = page.mapping(node, "`stream`", &STREAM)?;
    let is_closed =
        page.required(node, "state", "`stream`").and_then(|node| page.word(node, "`state`", &STATES))?;
    let mut count = |key: &str| {
        let node = node.member(key);
        node.map_or(Some(0), |node| page.number(node, &format!("`{key}`"), 0, u64::MAX))
    };
    let (bytes_in, bytes_out, duration_ms) = (count("bytesIn")?, count("bytesOut")?, count("durationMs")?);
    Some(if is_closed { Stream::Closed { bytes_in, bytes_out, duration_ms } } else { Stream::Opened })
}

fn headers(node: &Node, page: &mut Page<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (key, node) in page.members(node, "`headers`").unwrap_or(&[]) {
        if http::HeaderName::from_bytes(key.text.as_bytes()).is_err() {
            page.error(
                "E03",
                key.span,
                &format!("`{}` is no header name", key.text),
                "letters, digits and -",
            );
            continue;
        }
        for value in page.one_or_many(node) {
            match &value.value {
                Yaml::Text(text) => headers.push((key.text.clone(), text.clone())),
                Yaml::Number(number) => headers.push((key.text.clone(), number.to_string())),
                Yaml::Bool(value) => headers.push((key.text.clone(), value.to_string())),
                Yaml::Null | Yaml::List(_) | Yaml::Map(_) => {
                    page.wrong_kind(value, "a header's value", "text")
                }
            }
        }
    }
    headers
}

fn body(node: &Node) -> TrialBody {
    match &node.value {
        Yaml::Text(text) => TrialBody::Text(text.clone()),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => {
            TrialBody::Document(node.to_json().into())
        }
    }
}

/// A file beside the rule file: a name, never a way out of the folder.
fn file(node: &Node, page: &mut Page<'_>) -> Option<TrialBody> {
    let name = page.text(node, "`file`")?;
    let is_inside =
        !name.starts_with('/') && !name.contains('\\') && name.split('/').all(|part| part != "..");
    if !is_inside {
        page.error(
            "E03",
            node.span,
            "a test's file lies in the pack's folder",
            "write its name, without `..`",
        );
        return None;
    }
    Some(TrialBody::File(name))
}

fn client(node: &Node, page: &mut Page<'_>) -> TrialClient {
    let mut client = TrialClient::default();
    let Some(node) = page.mapping(node, "`client`", &["ip", "trusted", "certificate"]) else { return client };
    if let Some(node) = node.member("ip") {
        let text = page.text(node, "`ip`");
        client.ip = text.as_ref().and_then(|text| text.parse().ok());
        if text.is_some() && client.ip.is_none() {
            page.error("E03", node.span, "this is no IP address", "write one such as 192.0.2.7");
        }
    }
    if let Some(node) = node.member("trusted") {
        match node.value {
            Yaml::Bool(value) => client.trusted = value,
            Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
                page.wrong_kind(node, "`trusted`", "true or false");
            }
        }
    }
    client.certificate = node.member("certificate").and_then(|node| certificate(node, page));
    client
}

fn certificate(node: &Node, page: &mut Page<'_>) -> Option<Certificate> {
    let node = page.mapping(node, "`certificate`", &["subject", "issuer", "name", "email"])?;
    let subject =
        page.required(node, "subject", "a certificate").and_then(|node| page.text(node, "`subject`"));
    let issuer = page.required(node, "issuer", "a certificate").and_then(|node| page.text(node, "`issuer`"));
    let name = node.member("name").and_then(|node| page.text(node, "`name`"));
    let email = node.member("email").and_then(|node| page.text(node, "`email`"));
    Some(Certificate { subject: subject?, issuer: issuer?, name, email, key_hash: String::new() })
}

fn expect(node: &Node, page: &mut Page<'_>) -> Vec<Node> {
    let items = page.list(node, "`expect`");
    for item in items {
        page.members(item, "an expected event");
    }
    items.to_vec()
}

const KEYS: [&str; 7] = ["name", "request", "client", "actor", "answers", "response", "expect"];
const GIVEN: [&str; 4] = ["request", "answers", "client", "actor"];
const REQUEST: [&str; 4] = ["line", "headers", "body", "file"];
const STREAM: [&str; 4] = ["state", "bytesIn", "bytesOut", "durationMs"];
/// Whether it is closed.
const STATES: [(&str, bool); 2] = [("opened", false), ("closed", true)];
const FAILURES: [(&str, TrialFailure); 3] = [
    ("timeout", TrialFailure::Timeout),
    ("refused", TrialFailure::Refused),
    ("too_large", TrialFailure::TooLarge),
];
