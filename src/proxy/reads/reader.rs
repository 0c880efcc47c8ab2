//! Asks the application what rules want to know: snapshots of things, and who a credential belongs to.
//!
//! Reads go over the worker's own pool to the configured application, follow no redirect, take no cookie,
//! and every one has a limit of time and size (THREATS B02 to B08). Who somebody is, is asked once at a time
//! and remembered for a short while ([`super::identity`]).

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, FORWARDED, HOST, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::brake::{Asker, Brake};
use super::identity::{Asking, Identities, Turn};
use crate::config::Credential;
use crate::derive::{Answer, Answers, Purpose, ReadFailure, ReadRequest};
use crate::proxy::Proxy;
use crate::proxy::bodies::{Budget, Copy, End, RequestBody};
use crate::proxy::wire::forwarding::READ_MARK;
use crate::proxy::wire::{Pool, is_bound};
use crate::telemetry::Metrics;

/// One worker's reader.
#[derive(Debug)]
pub(crate) struct Reader {
    pool: Rc<Pool>,
    budget: Arc<Budget>,
    brake: Arc<Brake>,
    metrics: Arc<Metrics>,
    answer_bytes_max: usize,
    /// What is shown instead of the caller's own, by name.
    credentials: Vec<Credential>,
    identities: Arc<Identities>,
}

impl Reader {
    pub(crate) fn new(pool: &Rc<Pool>, proxy: &Proxy) -> Rc<Reader> {
        Rc::new(Reader {
            pool: Rc::clone(pool),
            budget: Arc::clone(&proxy.budget),
            brake: Arc::clone(&proxy.brake),
            metrics: Arc::clone(&proxy.metrics),
            answer_bytes_max: proxy.config.limits.capture_bytes_max,
            credentials: proxy.config.credentials.clone(),
            identities: Arc::clone(&proxy.identities),
        })
    }

    /// Asks all of them at once, each key once, and waits until `deadline` at most. `head` is the request
    /// on whose behalf they are asked, as forwarded. Dropped halfway, it stops asking.
    pub(crate) async fn ask(
        self: &Rc<Self>,
        reads: Vec<ReadRequest>,
        client: IpAddr,
        head: &HeaderMap,
        deadline: Instant,
        answers: &mut Answers,
    ) {
        let mut asking = JoinSet::new();
        for read in reads {
            if answers.contains_key(&read.key) {
                continue;
            }
            let Some(request) = request(&read, head).and_then(|request| self.sign(request, &read)) else {
                answers.insert(read.key, Answer::Failed(ReadFailure::NotAsked));
                continue;
            };
            // Stands if nothing better comes; also keeps a second read of the same key from being asked.
            answers.insert(read.key.clone(), Answer::Failed(ReadFailure::Timeout));
            let deadline = deadline.min(Instant::now() + Duration::from_millis(read.timeout_ms));
            let turn = match read.purpose {
                Purpose::Identity => Some(self.identities.turn(&read.key, head)),
                Purpose::Before | Purpose::After => None,
            };
            let reader = Rc::clone(self);
            let asker = self.brake.asker(client, &request);
            asking.spawn_local(async move {
                let answer = match turn {
                    Some(turn) => reader.identity(turn, request, asker, deadline).await,
                    None => reader.read(request, asker, deadline).await,
                };
                (read.key, answer)
            });
        }
        while let Some(asked) = asking.join_next().await {
            match asked {
                Ok((key, answer)) => {
                    self.metrics.reads.with_label_values(&[outcome(&answer)]).inc();
                    answers.insert(key, answer);
                }
                Err(error) => tracing::error!(%error, "a read ended early"),
            }
        }
    }

    /// The question with the service credential that it asks for; `None` where there is no such, or where it
    /// must not go (THREATS B05): then nothing is asked.
    fn sign(&self, mut request: Request<RequestBody>, read: &ReadRequest) -> Option<Request<RequestBody>> {
        let Some(name) = &read.credentials else { return Some(request) };
        let known = self.credentials.iter().find(|known| known.name == *name)?;
        if !known.reaches(request.uri().path()) {
            return None;
        }
        request.headers_mut().insert(&known.header, known.value()?);
        Some(request)
    }

    async fn identity(
        self: &Rc<Self>,
        turn: Turn,
        request: Request<RequestBody>,
        asker: Asker,
        deadline: Instant,
    ) -> Answer {
        let mut answered = match turn {
            Turn::Known(answer) => return answer,
            Turn::Full => return Answer::Failed(ReadFailure::Overloaded),
            Turn::Wait(answered) => answered,
            Turn::Ask(asking) => self.ask_identity(asking, request, asker, deadline),
        };
        match timeout_at(deadline, answered.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or(Answer::Failed(ReadFailure::Timeout)),
            Ok(Err(_)) | Err(_) => Answer::Failed(ReadFailure::Timeout),
        }
    }

    /// Asks in a task of its own, so that whoever asked first may leave. It ends by `deadline`.
    fn ask_identity(
        self: &Rc<Self>,
        asking: Asking,
        request: Request<RequestBody>,
        asker: Asker,
        deadline: Instant,
    ) -> watch::Receiver<Option<Answer>> {
        let answer = asking.answer();
        let reader = Rc::clone(self);
        tokio::task::spawn_local(async move {
            asking.tell(reader.read(request, asker, deadline).await);
        });
        answer
    }

    async fn read(&self, request: Request<RequestBody>, asker: Asker, deadline: Instant) -> Answer {
        let pass = match self.brake.admit(asker, Instant::now()) {
            Ok(pass) => pass,
            Err(failure) => return Answer::Failed(failure),
        };
        let answer = match timeout_at(deadline, self.read_whole(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => Answer::Failed(failure),
            Err(_) => Answer::Failed(ReadFailure::Timeout),
        };
        pass.heard(&answer, Instant::now());
        answer
    }

    async fn read_whole(&self, request: Request<RequestBody>) -> Result<Answer, ReadFailure> {
        let (response, lease) = self.pool.send(request, None).await.map_err(|_| ReadFailure::Refused)?;
        let (mut head, mut frames) = response.into_parts();
        let mut copy = Copy::new(self.answer_bytes_max, &self.budget, OURSELVES);
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|_| ReadFailure::Refused)?;
            if let Some(data) = frame.data_ref() {
                copy.push(data);
            }
            if copy.is_cut() {
                // The connection is dropped with the rest of the answer.
                return Err(ReadFailure::TooLarge);
            }
        }
        lease.give_back();
        copy.end(End::Proper);
        // Nobody has asked for it: it is neither the caller's nor to be looked at (THREATS B07).
        if head.headers.remove(SET_COOKIE).is_some() {
            self.metrics.reads_cookies_dropped.inc();
        }
        let (body, _share) = copy.finish();
        Ok(Answer::Answered { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// The read as it goes over the wire: what the rule names, and who asks, as the request itself says it.
/// `None` when the target is not path and query (THREATS B02), or when who asks would have to be proved to a
/// connection: such a proof is good once, and it is the caller's (E35). Then nothing is asked.
fn request(read: &ReadRequest, head: &HeaderMap) -> Option<Request<RequestBody>> {
    let mut request =
        Request::new(RequestBody::Whole(Some(read.body.clone()).filter(|body| !body.is_empty())));
    *request.method_mut() = read.method.clone();
    *request.uri_mut() =
        Some(&read.target).filter(|target| target.starts_with('/') && !target.contains('#'))?.parse().ok()?;
    for name in [HOST, FORWARDED].into_iter().chain(FORWARDING) {
        if let Some(value) = head.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    request.headers_mut().insert(USER_AGENT, AGENT);
    request.headers_mut().insert(CACHE_CONTROL, FRESH);
    request.headers_mut().insert(READ_MARK, mark(read.purpose));
    for (name, _) in &read.headers {
        request.headers_mut().remove(name);
    }
    for (name, value) in &read.headers {
        request.headers_mut().append(name, value.clone());
    }
    (!is_bound(request.headers())).then_some(request)
}

/// What a read is for, as the application is told. The mark means nothing to us when it comes back.
fn mark(purpose: Purpose) -> HeaderValue {
    HeaderValue::from_static(match purpose {
        Purpose::Before => "before",
        Purpose::Identity => "identity",
        Purpose::After => "after",
    })
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Answered { status: 200..=299, .. } => "answered",
        Answer::Answered { .. } => "other_status",
        Answer::Failed(ReadFailure::Timeout) => "timeout",
        Answer::Failed(ReadFailure::Refused) => "refused",
        Answer::Failed(ReadFailure::TooLarge) => "too_large",
        Answer::Failed(ReadFailure::NotAsked) | Answer::Logins(_) => "not_asked",
        Answer::Failed(ReadFailure::Overloaded) => "overloaded",
        Answer::Failed(ReadFailure::OverBudget) => "over_budget",
        Answer::Failed(ReadFailure::Paused) => "paused",
        Answer::Failed(ReadFailure::NotAccepted) => "not_accepted",
        Answer::Failed(ReadFailure::NotRemembered) => "not_remembered",
        Answer::Remembered { .. } => "remembered",
    }
}

const FORWARDING: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-request-id"),
];
/// Whose share of the copies our own reads hold: nobody's address.
const OURSELVES: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// The application should be able to tell our questions from its users' in its own logs.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("earwitness/", env!("CARGO_PKG_VERSION")));
/// What a cache in between remembers is not how the thing is now (THREATS E58).
const FRESH: HeaderValue = HeaderValue::from_static("no-cache");
