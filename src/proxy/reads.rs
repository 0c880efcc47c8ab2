//! Asks the application what rules want to know: snapshots of things, and who a credential belongs to.
//!
//! Reads go over the worker's own pool to the configured application, follow no redirect, take no cookie,
//! and every one has a limit of time and size (THREATS B02 to B08). Answers about identity are remembered
//! for a short time by their key, which holds only a keyed hash of the credential.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{FORWARDED, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, Request};
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Proxy;
use super::body::RequestBody;
use super::brake::{Asker, Brake};
use super::pool::Pool;
use super::tee::{Budget, Copy, End};
use crate::config::Credential;
use crate::derive::{Answer, Answers, Purpose, ReadFailure, ReadKey, ReadRequest};
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
    identities: RefCell<Identities>,
}

/// Answers about identity, and the questions under way.
#[derive(Debug, Default)]
struct Identities {
    known: HashMap<ReadKey, Known>,
    /// Whoever asks the same meanwhile waits for the same answer.
    asked: HashMap<ReadKey, watch::Receiver<Option<Answer>>>,
}

#[derive(Debug)]
struct Known {
    answer: Answer,
    until: Instant,
    used: Instant,
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
            identities: RefCell::default(),
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
            let reader = Rc::clone(self);
            let asker = self.brake.asker(client, &request);
            asking.spawn_local(async move {
                let answer = match read.purpose {
                    Purpose::Identity => reader.identity(&read.key, request, asker, deadline).await,
                    Purpose::Before | Purpose::After => reader.read(request, asker, deadline).await,
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
        key: &ReadKey,
        request: Request<RequestBody>,
        asker: Asker,
        deadline: Instant,
    ) -> Answer {
        if let Some(known) = self.identities.borrow_mut().known(key) {
            return known;
        }
        let asked = self.identities.borrow().asked.get(key).cloned();
        let mut answered = match asked {
            Some(asked) => asked,
            None => self.ask_identity(key.clone(), request, asker, deadline),
        };
        match timeout_at(deadline, answered.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or(Answer::Failed(ReadFailure::Timeout)),
            Ok(Err(_)) | Err(_) => Answer::Failed(ReadFailure::Timeout),
        }
    }

    /// Asks in a task of its own, so that whoever asked first may leave. It ends by `deadline`.
    fn ask_identity(
        self: &Rc<Self>,
        key: ReadKey,
        request: Request<RequestBody>,
        asker: Asker,
        deadline: Instant,
    ) -> watch::Receiver<Option<Answer>> {
        let (answered, answer) = watch::channel(None);
        self.identities.borrow_mut().asked.insert(key.clone(), answer.clone());
        let reader = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let answer = reader.read(request, asker, deadline).await;
            let mut identities = reader.identities.borrow_mut();
            identities.asked.remove(&key);
            identities.remember(key, &answer);
            answered.send_replace(Some(answer));
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
        let (response, mut lease) = self.pool.send(request).await.map_err(|_| ReadFailure::Refused)?;
        lease.heed(response.headers());
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
        head.headers.remove(SET_COOKIE);
        let (body, _share) = copy.finish();
        Ok(Answer::Answered { status: head.status.as_u16(), headers: head.headers, body })
    }
}

impl Identities {
    fn known(&mut self, key: &ReadKey) -> Option<Answer> {
        let now = Instant::now();
        let known = self.known.get_mut(key).filter(|known| known.until > now)?;
        known.used = now;
        Some(known.answer.clone())
    }

    fn remember(&mut self, key: ReadKey, answer: &Answer) {
        let now = Instant::now();
        let keep = match answer {
            // Nobody's name takes so much: asked again rather than kept.
            Answer::Answered { body, .. } if body.bytes.len() > KNOWN_BYTES_MAX => return,
            Answer::Answered { status: 200..=299, .. } => KEEP,
            Answer::Answered { .. } => KEEP_REFUSAL,
            // It may be up again at once.
            Answer::Failed(_) | Answer::Remembered { .. } => return,
        };
        if self.known.len() >= KNOWN_MAX {
            self.forget(now);
        }
        self.known.insert(key, Known { answer: answer.clone(), until: now + keep, used: now });
    }

    /// What is outdated, and if that is not enough the tenth that was not used for longest: seldom, and
    /// simpler than a list in order of use.
    fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| known.until > now);
        if self.known.len() >= KNOWN_MAX {
            let mut used: Vec<_> = self.known.values().map(|known| known.used).collect();
            let (_, oldest, _) = used.select_nth_unstable(KNOWN_MAX / 10);
            let oldest = *oldest;
            self.known.retain(|_, known| known.used > oldest);
        }
    }
}

/// The read as it goes over the wire: what the rule names, and who asks, as the request itself says it.
/// `None` when the target is not path and query: then nothing is asked (THREATS B02).
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
    for (name, _) in &read.headers {
        request.headers_mut().remove(name);
    }
    for (name, value) in &read.headers {
        request.headers_mut().append(name, value.clone());
    }
    Some(request)
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Answered { status: 200..=299, .. } => "answered",
        Answer::Answered { .. } => "other_status",
        Answer::Failed(ReadFailure::Timeout) => "timeout",
        Answer::Failed(ReadFailure::Refused) => "refused",
        Answer::Failed(ReadFailure::TooLarge) => "too_large",
        Answer::Failed(ReadFailure::NotAsked) => "not_asked",
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
const KEEP: Duration = Duration::from_secs(300);
const KEEP_REFUSAL: Duration = Duration::from_secs(30);
const KNOWN_MAX: usize = 10_000;
const KNOWN_BYTES_MAX: usize = 16 << 10;
