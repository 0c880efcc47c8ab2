//! `resources`: things that can be read, and the reads themselves.

use std::sync::Arc;

use crate::rules::expr::{Expr, Names, Phase};
use crate::rules::load::keys::Page;
use crate::rules::load::lines::{LineError, parse_path};
use crate::rules::model::{Address, CredentialName, Field, Read, Resource, SegmentPattern};
use crate::yaml::{Key, Node, Span, Yaml};

/// Reads one resource.
pub(in crate::rules::load) fn resource(
    key: &Key,
    node: &Node,
    pack_names: &Names,
    page: &mut Page<'_>,
) -> Option<Resource> {
    let what = format!("resource `{}`", key.text);
    let node = page.mapping(node, &what, &KEYS)?;
    let names = Names { phase: Phase::Body, has_answer: true, has_item: false, ..pack_names.clone() };
    let read = page.required(node, "read", &what).and_then(|node| read(node, &names, page));
    let select = match node.member("select") {
        Some(node) => page.value(node, &names),
        None => whole_answer(key.span, &names, page),
    };
    let kind = node.member("type").map_or(Some(key.text.clone()), |node| page.text(node, "`type`"));
    let id_field = node.member("id").and_then(|node| page.text(node, "`id`"));
    let organization_field = node.member("organization").and_then(|node| page.text(node, "`organization`"));
    let name_field = node.member("name").and_then(|node| page.text(node, "`name`"));
    let fields = node.member("fields").map(|node| fields(node, &names, page)).unwrap_or_default();
    let ignore = node.member("ignore").map(|node| page.texts(node, "`ignore`")).unwrap_or_default();
    let address = node.member("key").and_then(|node| snapshot_key(node, page));
    let is_observed = node.member("remember").is_some_and(|node| flag(node, "`remember`", page));
    if let (true, Some(read), Some(node)) = (is_observed, &read, node.member("remember")) {
        refuse_unobservable(node, read, page);
    }
    let tells_drift = node.member("drift").is_some_and(|node| flag(node, "`drift`", page));
    if let (true, true, Some(node)) = (is_observed, tells_drift, node.member("drift")) {
        let message = "`drift` beside `remember: true`: what users read would hide what changed unseen";
        page.error("E03", node.span, message, "keep one of the two");
    }
    let is_serialized = node.member("serialize").is_some_and(|node| flag(node, "`serialize`", page));
    let name = key.text.clone();
    Some(Resource {
        name,
        read: read?,
        select: select?,
        kind: kind?,
        id_field,
        organization_field,
        name_field,
        fields,
        ignore,
        is_serialized,
        is_remembered: is_observed || tells_drift,
        is_observed,
        tells_drift,
        key: address,
    })
}

/// `membership/{teamId}/{memberId}`: the address under which the thing is remembered.
fn snapshot_key(node: &Node, page: &mut Page<'_>) -> Option<Vec<SegmentPattern>> {
    let text = page.text(node, "`key`")?;
    match parse_path(&format!("/{}", text.trim_start_matches('/')), 0) {
        Ok(segments) => Some(segments),
        Err(error) => {
            page.error("E03", node.span, &error.message, "write it as `membership/{teamId}/{memberId}`");
            None
        }
    }
}

/// What users read can be told from the address alone only where the read is a plain GET of a path.
fn refuse_unobservable(node: &Node, read: &Read, page: &mut Page<'_>) {
    let is_plain = read.method == "GET" && matches!(read.address, Address::Path(_));
    if !is_plain || !read.query.is_empty() {
        let message = "what users read cannot be told from this read's address";
        page.error("E03", node.span, message, "`remember: true` needs a GET of a path, without `query`");
    }
}

/// Reads a question: `GET /x/{id}`, `GET self`, or the long form.
pub(in crate::rules::load) fn read(node: &Node, names: &Names, page: &mut Page<'_>) -> Option<Read> {
    if node.as_text().is_some() {
        let (method, address) = request(node, page)?;
        refuse_unsafe(node, &method, None, page)?;
        return Some(plain(method, address));
    }
    let node = page.mapping(node, "a read", &READ_KEYS)?;
    let line = page.required(node, "request", "a read")?;
    let (method, address) = request(line, page)?;
    refuse_unsafe(line, &method, node.member("safe"), page)?;
    let mut read = plain(method, address);
    if let Some(node) = node.member("query") {
        read.query = page.values(node, "`query`", names);
    }
    if let Some(node) = node.member("headers") {
        read.headers = headers(node, names, page);
    }
    if let Some(node) = node.member("forward") {
        read.forward = page.texts(node, "`forward`").iter().map(|name| name.to_ascii_lowercase()).collect();
        for name in &read.forward {
            refuse_header(name, node.span, page);
        }
    }
    read.body = node.member("body").and_then(|node| page.value(node, names));
    read.credentials = node.member("credentials").and_then(|node| {
        let name = page.text(node, "`credentials`")?;
        Some(CredentialName { name, source: Arc::clone(page.source), span: node.span })
    });
    if let Some(node) = node.member("timeout_ms") {
        read.timeout_ms = page.number(node, "`timeout_ms`", 1, TIMEOUT_MS_MAX)?;
    }
    Some(read)
}

/// The names of the parts of a read's address.
pub(in crate::rules::load) fn parts(read: &Read) -> Vec<&str> {
    let Address::Path(segments) = &read.address else { return Vec::new() };
    let name = |segment| match segment {
        &SegmentPattern::Literal(_) => None,
        SegmentPattern::Part { name, .. } | SegmentPattern::Tail(name) => Some(name.as_str()),
    };
    segments.iter().filter_map(name).collect()
}

fn plain(method: String, address: Address) -> Read {
    Read {
        method,
        address,
        query: Vec::new(),
        headers: Vec::new(),
        forward: Vec::new(),
        body: None,
        credentials: None,
        timeout_ms: TIMEOUT_MS,
    }
}

/// `METHOD /path` or `METHOD self`.
fn request(node: &Node, page: &mut Page<'_>) -> Option<(String, Address)> {
    let text = page.text(node, "a read")?;
    let Some((method, path)) = text.split_once(' ') else {
        page.error("E13", node.span, "a read is a method and a path", "write `GET /x/{id}` or `GET self`");
        return None;
    };
    if path.trim() == "self" {
        return Some((method.to_owned(), Address::Own));
    }
    let at = text.len() - path.trim_start().len();
    match parse_path(path.trim(), at) {
        Ok(segments) => Some((method.to_owned(), Address::Path(segments))),
        Err(error) => {
            let is_query = path.contains('?') && error.message.contains("query");
            let (message, cure) = if is_query {
                (
                    "a read's query does not stand in its path",
                    "write `query: { name: value }` beside `request`",
                )
            } else {
                (error.message.as_str(), error.cure.as_str())
            };
            let error = LineError { message: message.to_owned(), cure: cure.to_owned(), ..error.clone() };
            page.line_error(node, &error);
            None
        }
    }
}

/// A read must not change anything: E19.
fn refuse_unsafe(node: &Node, method: &str, safe: Option<&Node>, page: &mut Page<'_>) -> Option<()> {
    let is_called_safe = safe.is_some_and(|node| flag(node, "`safe`", page));
    if SAFE_METHODS.contains(&method) || (method == "POST" && is_called_safe) {
        return Some(());
    }
    let span = node.span.inside(&page.source.text, 0, method.len());
    let message = format!("a read by {method} could change something");
    let cure = "use GET, HEAD, PROPFIND or REPORT; or POST with `safe: true` beside `request`";
    page.error("E19", span, &message, cure);
    None
}

fn flag(node: &Node, what: &str, page: &mut Page<'_>) -> bool {
    if let Yaml::Bool(value) = node.value {
        return value;
    }
    page.wrong_kind(node, what, "true or false");
    false
}

fn headers(node: &Node, names: &Names, page: &mut Page<'_>) -> Vec<(String, Expr)> {
    for (key, _) in page.members(node, "`headers`").unwrap_or(&[]) {
        refuse_header(&key.text, key.span, page);
    }
    let headers = page.values(node, "`headers`", names);
    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// Framing, the host and the credentials are not a rule author's to set.
fn refuse_header(name: &str, span: Span, page: &mut Page<'_>) {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        page.error("E03", span, &format!("`{name}` is no header name"), "letters, digits and -");
    } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        page.error("E03", span, &format!("a rule cannot set the header `{name}`"), "leave it out");
    }
}

fn fields(node: &Node, names: &Names, page: &mut Page<'_>) -> Vec<Field> {
    let members = page.members(node, "`fields`").unwrap_or(&[]);
    members.iter().filter_map(|(key, node)| field(key, node, names, page)).collect()
}

fn field(key: &Key, node: &Node, names: &Names, page: &mut Page<'_>) -> Option<Field> {
    let name = field_name(key, page)?;
    if node.as_text().is_some() {
        return Some(Field { name, label: page.text(node, "a label"), key: None, values: None });
    }
    let node = page.mapping(node, &format!("field `{}`", key.text), &["label", "key", "values"])?;
    let label = node.member("label").and_then(|node| page.text(node, "`label`"));
    let element_key = node.member("key").and_then(|node| page.text(node, "`key`"));
    let values = node.member("values").and_then(|node| page.value(node, names));
    Some(Field { name, label, key: element_key, values })
}

/// A field is named by members joined by dots, not by a path.
fn field_name(key: &Key, page: &mut Page<'_>) -> Option<String> {
    check_field(&key.text, key.span, page).then(|| key.text.clone())
}

/// True for `start.dateTime`; tells what is wrong with anything else.
pub(in crate::rules::load) fn check_field(text: &str, span: Span, page: &mut Page<'_>) -> bool {
    let is_field = !text.is_empty() && !text.contains(['$', '[', ']', '{', '}']) && !text.contains("..");
    if !is_field {
        let cure = "fields are member names joined by dots: start.dateTime";
        page.error("E03", span, &format!("`{text}` is no field"), cure);
    }
    is_field
}

fn whole_answer(span: Span, names: &Names, page: &mut Page<'_>) -> Option<Expr> {
    page.value(&Node { value: Yaml::Text("$.answer.body".to_owned()), span }, names)
}

const KEYS: [&str; 12] = [
    "read",
    "select",
    "type",
    "id",
    "organization",
    "name",
    "key",
    "fields",
    "ignore",
    "remember",
    "serialize",
    "drift",
];
const READ_KEYS: [&str; 8] =
    ["request", "query", "headers", "forward", "body", "credentials", "timeout_ms", "safe"];
const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "PROPFIND", "REPORT"];
const OWN_HEADERS: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "authorization",
    "cookie",
];
const TIMEOUT_MS: u64 = 300;
const TIMEOUT_MS_MAX: u64 = 10_000;
