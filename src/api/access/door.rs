//! From what a request shows to who it is.
//!
//! In this order: a bearer token, of the file, of a provider of identities, or of the configuration; the cookie of a session; and where nobody is asked
//! for either, anybody on this machine. A client that has shown what is not known too often is told to wait before anything of it is looked at, so
//! that guessing is slow and costs us nothing (THREATS Q14). Nobody guesses 256 random bits, so those of our own making and sessions are looked up
//! before that: who guesses must not lock out others at his address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use hmac::Mac;
use jiff::Timestamp;

use crate::config::{Admin, Limits, Secret};
use crate::exchange::network_of;

use super::super::answers::problem::Problem;
use super::super::log::cursor::keyed;
use super::caller::Proof;
use super::oidc::{Provider, Renewal, is_jwt};
use super::rate::Rate;
use super::session::{Sessions, is_ours, is_safe, of_request};
use super::tokens::{Tokens, hash, is_whole};
use super::{Caller, Need};

/// What the configuration says about who comes in.
pub(in crate::api) struct Lock {
    /// Key and keyed hash of the token: comparing hashes takes the same time whatever was sent.
    holder: Option<([u8; 32], [u8; 32])>,
    is_closed: bool,
}

/// What is remembered of those who come; shared by all requests, and outlives a reload.
pub(in crate::api) struct Door {
    pub(in crate::api) tokens: Arc<Tokens>,
    failures: Rate<IpAddr>,
    requests: Rate<String>,
    sessions: Sessions,
    provider: Option<Arc<Provider>>,
    /// For how long a token of the provider's is good.
    bearer_lasts: Duration,
}

impl Lock {
    pub(in crate::api) fn new(admin: &Admin, installation_key: &[u8; 32]) -> Lock {
        let key: [u8; 32] = keyed(installation_key, b"earwitness token 1").finalize().into_bytes().into();
        let hash = |token: &str| keyed(&key, token.as_bytes()).finalize().into_bytes().into();
        let holder = admin.token.as_ref().map(|token| (key, hash(token.expose())));
        Lock { is_closed: admin.is_closed || holder.is_some(), holder }
    }

    fn is_holder(&self, text: &[u8]) -> Option<Caller> {
        let (key, hash) = self.holder.as_ref()?;
        keyed(key, text).verify_slice(hash).is_ok().then(|| Caller::holder(*hash))
    }
}

impl Door {
    pub(in crate::api) fn new(admin: &Admin, limits: &Limits) -> Door {
        let requests = f64::from(limits.admin_requests_max);
        Door {
            tokens: Arc::new(Tokens::new(admin.tokens_file.clone())),
            failures: Rate::new(FAILURES_PER_S, FAILURES_MAX),
            requests: Rate::new(requests, requests * BURST_S),
            sessions: Sessions::default(),
            provider: admin.oidc.clone().map(Provider::new).map(Arc::new),
            bearer_lasts: Duration::from_millis(limits.bearer_ms),
        }
    }

    /// True when nobody comes in without showing something.
    pub(in crate::api) fn is_closed(&self, lock: &Lock) -> bool {
        lock.is_closed || self.tokens.is_there()
    }

    /// Who shows these headers, to a route that needs so much, with that method; `ip` is where he is.
    ///
    /// # Errors
    /// When he shows nothing that is known, and the route is not for strangers. Strangers only read: whoever signs in is
    /// told at once that what he shows is not known.
    pub(in crate::api) fn known(
        &self,
        lock: &Lock,
        need: Need,
        method: &Method,
        headers: &HeaderMap,
        ip: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        match self.caller(lock, headers, ip) {
            Err(_) if need == Need::Nothing && is_safe(method) => Ok(Caller::stranger()),
            known => known,
        }
    }

    /// Lets him in, if he may ask for a route that needs so much.
    ///
    /// # Errors
    /// When he may not.
    pub(in crate::api) fn admit(
        &self,
        caller: &Caller,
        need: Need,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        if caller.session().is_some() {
            is_ours(method, headers).map_err(|why| Problem::new(StatusCode::FORBIDDEN, why.detail()))?;
        }
        need.check(caller)?;
        let is_counted = !matches!(caller.proof(), Proof::None | Proof::Place);
        let counted = caller.id.clone().filter(|_| is_counted);
        if counted.is_none_or(|id| self.requests.take(id, Instant::now())) {
            return Ok(());
        }
        Err(slow("This token asks too often."))
    }

    /// The same caller as he is now; `None` when he may not come in any more. It is neither a request of his nor a use of
    /// his session: for answers that go on for long.
    pub(in crate::api) fn still(&self, lock: &Lock, caller: &Caller) -> Option<Caller> {
        match caller.session() {
            None => self.again(lock, caller),
            Some(key) => self.again(lock, &self.sessions.whose(key, Instant::now())?),
        }
    }

    /// What he showed to sign in, as it stands now.
    fn again(&self, lock: &Lock, caller: &Caller) -> Option<Caller> {
        match caller.proof() {
            Proof::None => Some(caller.clone()),
            Proof::Unheard => None,
            Proof::Place => (!self.is_closed(lock)).then(|| caller.clone()),
            Proof::Holder(hash) => lock.holder.filter(|(_, own)| own == hash).map(|_| Caller::holder(*hash)),
            Proof::Person(until) => (Timestamp::now() < *until).then(|| caller.clone()),
            Proof::Token(hash) => {
                let token = self.tokens.find(hash, Timestamp::now())?;
                let now = Caller::of_token(&token);
                // Without its text nobody can tell whether a link may say something else now.
                (token.link.is_none() || now.may_the_same_as(caller)).then_some(now)
            }
        }
    }

    fn caller(&self, lock: &Lock, headers: &HeaderMap, ip: Option<IpAddr>) -> Result<Caller, Problem> {
        if !self.is_closed(lock) {
            return Ok(Caller::neighbour());
        }
        if !headers.contains_key(AUTHORIZATION)
            && let Some(caller) = self.of_session(lock, headers)
        {
            return Ok(caller);
        }
        let text = bearer(headers)?;
        if let Some(caller) = self.of_token(text) {
            return Ok(caller);
        }
        let (from, now) = (ip.map(network_of), Instant::now());
        if from.is_some_and(|from| !self.failures.has_turn(&from, now)) {
            return Err(slow("Too much that is not known here came from your address."));
        }
        let known = self.of_person(text).or_else(|| lock.is_holder(text).map(Ok));
        known.unwrap_or_else(|| {
            if let Some(from) = from {
                self.failures.take(from, now);
            }
            Err(unauthorized("This token is not known here."))
        })
    }

    /// Who is signed in, as he is now.
    fn of_session(&self, lock: &Lock, headers: &HeaderMap) -> Option<Caller> {
        let (key, caller) = self.sessions.find(of_request(headers)?, Instant::now())?;
        if let Some(now) = self.again(lock, &caller) {
            return Some(now.by_session(key));
        }
        // The guard has just had his provider asked, in vain: what he has shown is good, and may be of use later.
        if self.sessions.due(&key, Timestamp::now()).is_some() {
            return Some(caller.unheard().by_session(key));
        }
        self.sessions.end(&key);
        None
    }

    /// The provider whose word lets people in.
    pub(in crate::api) fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.as_ref()
    }

    /// True unless too much that was of no use came from there.
    pub(in crate::api) fn has_turn(&self, ip: Option<IpAddr>) -> bool {
        ip.is_none_or(|ip| self.failures.has_turn(&network_of(ip), Instant::now()))
    }

    /// Notes that what came from there was of no use.
    pub(in crate::api) fn note_failure(&self, ip: Option<IpAddr>) {
        if let Some(ip) = ip {
            self.failures.take(network_of(ip), Instant::now());
        }
    }

    /// Signs somebody in; the secret of his session.
    pub(in crate::api) fn sign_in(&self, caller: Caller, renewal: Option<Renewal>) -> Option<Secret> {
        let started = self.sessions.start(caller, renewal, Instant::now());
        started.inspect_err(|error| tracing::error!(%error, "no session can be made")).ok()
    }

    /// Who is signed in.
    pub(in crate::api::access) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Signs somebody out.
    pub(in crate::api) fn sign_out(&self, session: &[u8; 32]) {
        self.sessions.end(session);
    }

    /// Gets what is needed to check what this request shows, where that is elsewhere.
    pub(in crate::api) async fn prepare(&self, headers: &HeaderMap) {
        let text = bearer(headers).ok().filter(|text| is_jwt(text));
        if let (Some(provider), Some(text)) = (&self.provider, text) {
            provider.prepare(text).await;
        }
    }

    /// Who shows a token of the provider's, which is good for so long from when it was made: what it says of somebody gets old
    /// (THREATS Q13).
    fn of_person(&self, text: &[u8]) -> Option<Result<Caller, Problem>> {
        let provider = self.provider.as_ref().filter(|_| is_jwt(text))?;
        let mut person = provider.person(text)?;
        let old = person.since.saturating_add(self.bearer_lasts).unwrap_or(person.until);
        if old <= Timestamp::now() {
            return Some(Err(unauthorized(OLD)));
        }
        person.until = person.until.min(old);
        Some(Ok(Caller::of_person(person)))
    }

    fn of_token(&self, text: &[u8]) -> Option<Caller> {
        if !is_whole(text) {
            return None;
        }
        let now = Timestamp::now();
        let token = self.tokens.find(&hash(text), now).filter(|token| token.is_signed_by(text))?;
        self.tokens.used(&token, now);
        Some(Caller::of_token(&token))
    }
}

/// The bearer token of a request (RFC 6750 section 2.1); never from a query, which logs and histories keep.
fn bearer(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(unauthorized("The audit log needs one `Authorization: Bearer …` header."));
    };
    // The scheme's name has no case (RFC 9110 section 11.1).
    match value.as_bytes().split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(token.trim_ascii()),
        Some(_) | None => Err(unauthorized("The audit log takes the `Bearer` scheme alone.")),
    }
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn slow(detail: &'static str) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
}

const SCHEME: &[u8] = b"bearer ";
const OLD: &str = "The provider made this token too long ago for `limits.bearer_ms`: have it make another.";
/// What one client may show in vain: so many at once, and then one every two seconds.
const FAILURES_MAX: f64 = 30.0;
const FAILURES_PER_S: f64 = 0.5;
/// How many seconds' requests may come at once.
const BURST_S: f64 = 10.0;
