//! Who gets in: checks before any route, the same for all of them.
//!
//! The `Host` allow-list is what keeps a web page that its reader opened elsewhere from reading the log of a
//! listener on loopback (DNS rebinding): the browser connects to us, but names the attacker's host. An
//! address cannot be rebound, so a listener on all addresses takes any address for a host name.
//!
//! The order matters: what says least about us comes first, and nothing is read from the log before the last
//! check.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN,
    REFERRER_POLICY, TRANSFER_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::access::session;
use super::super::access::{CALLBACK, Caller, Door, Lock, Need, Read};
use super::super::answers::coding;
use super::super::answers::origins::{self, Origins};
use super::super::answers::problem::Problem;
use super::super::operators::reload::From as Peer;
use super::super::{ERASURE, RELOAD};
use super::state::{State, busy};
use crate::config::Admin;

/// Who may come in, and by which names.
pub(in crate::api) struct Access {
    listen: IpAddr,
    hosts: Vec<String>,
    origins: Origins,
    pub(in crate::api) lock: Lock,
}

/// How many events are in an answer, where its handler says so.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Shown(pub(in crate::api) usize);

/// Admits a request or answers it, sets the headers that every answer has, and notes who read the log.
pub(in crate::api) async fn guard(Extract(state): Extract<State>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let access = state.inner.access.load_full();
    let (other, is_chosen) = (access.origins.of(&parts.headers), coding::is_chosen(&parts.headers));
    if other.is_some() {
        // What a browser adds by itself is not what such a page shows.
        parts.headers.remove(COOKIE);
    }
    let mut response = answer(&state, &access, parts, body, next).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    access.origins.vary(&mut response);
    if let Some(origin) = other {
        origins::show(&mut response, origin);
    }
    if is_chosen {
        coding::may_shrink(&mut response);
    }
    response
}

/// Admits a request and has it answered, or refuses it.
async fn answer(state: &State, access: &Access, mut parts: Parts, body: Body, next: Next) -> Response {
    if access.is_preflight(&parts) {
        return origins::preflight();
    }
    state.look_at_tokens().await;
    state.inner.door.prepare(&parts.headers).await;
    // The page's files are the same for everybody.
    if Need::of(route(&parts)) != Need::Nothing || parts.uri.path().starts_with(SESSION) {
        session::renew_shown(state, &parts.headers).await;
    }
    match access.admit(&state.inner.door, &parts) {
        Err(refusal) => {
            if refusal.problem.is_refusal() {
                note_try(state, &parts, &refusal.caller);
            }
            refusal.problem.into_response()
        }
        Ok(caller) => {
            if caller.id.is_none() {
                note_try(state, &parts, &caller);
            }
            parts.extensions.insert(caller.clone());
            let asked = Asked::of(&parts);
            let time_max = match parts.uri.path() {
                RELOAD => RELOAD_MAX,
                CALLBACK => SIGN_IN_MAX,
                _ => Duration::from_millis(state.inner.limits.query_ms) + GRACE,
            };
            // A probe waits behind nobody.
            let is_probe = Need::of(route(&parts)) == Need::Nothing;
            let answered = next.run(Request::from_parts(parts, body));
            let answered = async {
                match is_probe {
                    true => answered.await,
                    false => state.in_queue_of(caller.id.as_deref().unwrap_or_default(), answered).await,
                }
            };
            let answer = tokio::time::timeout(time_max, answered).await;
            let answer = answer.unwrap_or_else(|_| busy().into_response());
            // Whatever came of it: who tries one identifier after the other reads, too.
            if let Some(asked) = asked {
                asked.note(state, &caller, answer.extensions().get());
            }
            answer
        }
    }
}

/// Why a request was not admitted, and whose it was as far as that is known.
struct Refusal {
    problem: Problem,
    caller: Caller,
}

impl From<Problem> for Box<Refusal> {
    fn from(problem: Problem) -> Box<Refusal> {
        Box::new(Refusal { problem, caller: Caller::stranger() })
    }
}

/// What is noted of a request whose answer shows the log.
struct Asked {
    path: String,
    query: String,
    ip: Option<IpAddr>,
}

impl Asked {
    fn of(request: &Parts) -> Option<Asked> {
        let route = route(request);
        let (path, query) = (request.uri.path().to_owned(), request.uri.query().unwrap_or("").to_owned());
        Need::of(route).is_told(&request.method, route).then(|| Asked { path, query, ip: ip(request) })
    }

    fn note(&self, state: &State, caller: &Caller, shown: Option<&Shown>) {
        let events = shown.map_or(0, |Shown(count)| *count as u64);
        let Asked { path, query, ip } = self;
        state.note_read(&Read { caller, ip: *ip, path, query, requests: 1, events });
    }
}

/// Notes that somebody has tried what is not his, or has shown what is not known, also where a stranger is answered: a
/// request without anything to show is no try.
fn note_try(state: &State, request: &Parts, caller: &Caller) {
    if caller.id.is_some() || request.headers.contains_key(AUTHORIZATION) {
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or(""));
        state.note_refused(&Read { caller, ip: ip(request), path, query, requests: 1, events: 0 });
    }
}

fn route(request: &Parts) -> Option<&str> {
    request.extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

fn ip(request: &Parts) -> Option<IpAddr> {
    request.extensions.get::<Peer>().map(|Peer(ip)| *ip)
}

impl Access {
    /// The access of a listener.
    pub(in crate::api) fn new(admin: &Admin, installation_key: &[u8; 32]) -> Access {
        let lock = Lock::new(admin, installation_key);
        let origins = Origins::new(&admin.origins);
        Access { listen: admin.listen.ip(), hosts: admin.hosts.clone(), origins, lock }
    }

    fn admit(&self, door: &Door, request: &Parts) -> Result<Caller, Box<Refusal>> {
        self.check_host(request)?;
        self.check_origin(&request.headers)?;
        // Of the one route that reads a body, methods that it does not have are the router's to refuse.
        if route(request) != Some(ERASURE) || matches!(request.method, Method::GET | Method::HEAD) {
            check_body(&request.headers)?;
        }
        let need = Need::of(route(request));
        let caller = door.known(&self.lock, need, &request.method, &request.headers, ip(request))?;
        if self.origins.of(&request.headers).is_some() {
            origins::check(&caller, &request.method)?;
        }
        let admitted = door.admit(&caller, need, &request.method, &request.headers);
        match admitted {
            Ok(()) => Ok(caller),
            Err(problem) => Err(Box::new(Refusal { problem, caller })),
        }
    }

    fn check_host(&self, request: &Parts) -> Result<(), Problem> {
        let mut hosts = request.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            // RFC 9112 section 3.2.
            return Err(Problem::new(StatusCode::BAD_REQUEST, "A request has one Host header."));
        };
        let named = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
        let is_ours = named.is_some_and(|authority| self.is_ours(&authority));
        // An absolute target names the host a second time (RFC 9112 section 3.2.2).
        if is_ours && request.uri.authority().is_none_or(|authority| self.is_ours(authority)) {
            return Ok(());
        }
        let detail = "This listener does not answer to that host name; add it to `admin.hosts` if it should.";
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail))
    }

    /// True when a browser asks whether a page of an origin that is named here may ask, by one of our names.
    fn is_preflight(&self, request: &Parts) -> bool {
        let headers = &request.headers;
        let may_ask = self.origins.of(headers).is_some() && self.check_host(request).is_ok();
        may_ask && origins::is_preflight(&request.method, headers)
    }

    /// No other site's page has business here, whatever the browser lets it see of the answer, unless it is named.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let is_ours = |origin: &HeaderValue| {
            let uri = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
            uri.as_ref().and_then(Uri::authority).is_some_and(|authority| self.is_ours(authority))
        };
        if headers.get_all(ORIGIN).iter().all(is_ours) || self.origins.of(headers).is_some() {
            return Ok(());
        }
        let detail = "Pages of this origin cannot read the audit log; `admin.origins` names those that may.";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Ports are not compared: a mapped port changes them, and rebinding needs a name.
    fn is_ours(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            let is_listed = self.hosts.iter().any(|name| name.parse() == Ok(address));
            return address.is_loopback()
                || address == self.listen.to_canonical()
                || self.listen.is_unspecified()
                || is_listed;
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        name == "localhost" || self.hosts.contains(&name)
    }
}

/// Nothing else takes a body; one that is not read could only be the start of the next request.
fn check_body(headers: &HeaderMap) -> Result<(), Problem> {
    let is_empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0");
    if is_empty && !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Requests to the audit log have no body."))
}

/// Below it people come and go.
const SESSION: &str = "/audit/v1/session";
/// What an answer may take beyond its query.
const RELOAD_MAX: Duration = Duration::from_secs(60);
/// A provider is asked for its addresses, for a token and for its keys.
const SIGN_IN_MAX: Duration = Duration::from_secs(25);
const GRACE: Duration = Duration::from_secs(1);
/// On every answer, unless its handler says otherwise.
const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "private, no-store"),
    (VARY, "Authorization, Cookie"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];
