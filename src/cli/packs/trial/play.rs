//! Plays one test: builds the exchange that it describes and derives its events.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::coverage::{Coverage, Report};
use crate::config::Limits;
use crate::derive::{Answer, Answers, Engine, Given, Purpose, ReadFailure, ReadRequest};
use crate::event::Event;
use crate::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response, trace_id};
use crate::rules::model::{Mode, Rule, RuleSet};
use crate::rules::redact::Key;
use crate::rules::router::{Candidate, HeadView};
use crate::rules::trial::{Trial, TrialBody, TrialFailure, TrialOutcome, TrialResponse};
use crate::value::Value;

/// The engine with the rules under test.
pub(super) struct Stage {
    engine: Engine,
    coverage: Coverage,
}

/// What came of a test.
pub(super) struct Played {
    /// All events, those of shadow rules too, in the order of the rules.
    pub(super) events: Vec<Event>,
    /// How many of them rules in shadow mode would have recorded.
    pub(super) shadowed: usize,
}

impl Stage {
    pub(super) fn new(rules: RuleSet) -> Stage {
        // A key of its own: hashes in tests say only whether two values are equal.
        let engine = Engine::new(rules.into(), Key::new([0; 32]), &Limits::default());
        Stage { engine, coverage: Coverage::default() }
    }

    /// All rules, with the index of their pack.
    pub(super) fn rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        let packs = self.engine.rules().packs.iter().enumerate();
        packs.flat_map(|(index, pack)| pack.rules.iter().map(move |rule| (index, rule)))
    }

    /// What the tests that ran so far have reached.
    pub(super) fn coverage(&self) -> Report {
        self.coverage.report(self.engine.rules())
    }

    /// Runs a test over all rules of its pack; the error is a mistake in the test.
    pub(super) fn run(&self, pack: usize, trial: &Trial) -> Result<Played, String> {
        let request = request(trial)?;
        let client = client(trial);
        let mut candidates = self.engine.rules().candidates(&HeadView {
            method: &request.method,
            target: &request.target,
            host: &request.host,
            headers: &request.headers,
            is_trusted: client.is_trusted,
        });
        candidates.retain(|candidate| candidate.pack == pack);
        let met: Vec<Candidate> = candidates.clone();
        let mut plan = self.engine.plan(candidates, &request, &client);
        if plan.needs_body {
            plan = self.engine.plan_with_body(plan, &request, &client, &request.body);
        }
        let id = |candidate: &Candidate| self.id(candidate);
        let kept: Vec<&str> = plan.candidates.iter().filter_map(id).collect();
        met.iter()
            .filter_map(id)
            .filter(|id| !kept.contains(id))
            .for_each(|id| self.coverage.add_dropped(id));
        let mut answers = answers(trial, &plan.reads)?;
        let exchange = exchange(trial, request, client)?;
        let reads_after = self.engine.reads_after(&plan, &exchange, &answers);
        answers.extend(self::answers(trial, &reads_after)?);
        let verdicts = Some(Rc::clone(&self.coverage.verdicts));
        let given = Given { actor: trial.actor.as_ref(), verdicts, trace: None };
        let derived = self.engine.derive_given(plan, &exchange, &answers, &given, &mut Uuid::now_v7);
        let shadowed = derived.shadowed.len();
        let mut events = derived.events;
        events.extend(derived.shadowed);
        let place = |event: &Event| kept.iter().position(|id| *id == event.rule.id);
        events.sort_by_key(place);
        events.iter().for_each(|event| self.coverage.add_recorded(&event.rule.id));
        Ok(Played { events, shadowed })
    }

    fn id(&self, candidate: &Candidate) -> Option<&str> {
        let rule = self.engine.rules().packs.get(candidate.pack)?.rules.get(candidate.rule)?;
        (rule.mode != Mode::Disabled).then_some(rule.id.as_str())
    }
}

fn client(trial: &Trial) -> Client {
    let ip = trial.client.ip.unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    Client {
        ip,
        port: None,
        peer: ip,
        is_trusted: trial.client.trusted,
        certificate: trial.client.certificate.clone().map(Arc::new),
    }
}

fn request(trial: &Trial) -> Result<Request, String> {
    let mut headers = headers(&trial.request.headers)?;
    let body = body(trial, &trial.request.body, &mut headers)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("app.example");
    Ok(Request {
        method: trial.request.method.clone(),
        target: trial.request.target.clone(),
        scheme: "http",
        host: host.to_owned(),
        id: "test".to_owned(),
        trace_id: trace_id(&headers).map(str::to_owned),
        headers,
        body,
    })
}

fn exchange(trial: &Trial, request: Request, client: Client) -> Result<Exchange, String> {
    let response = trial.response.as_ref().map(|given| response(trial, given)).transpose()?;
    let ending = if response.is_some() { Ending::Complete } else { Ending::UpstreamGone };
    Ok(Exchange {
        id: Uuid::now_v7(),
        received_at: Timestamp::now(),
        client,
        request,
        response,
        ending,
        duration_ms: 0,
    })
}

fn response(trial: &Trial, given: &TrialResponse) -> Result<Response, String> {
    let mut headers = headers(&given.headers)?;
    let body = body(trial, &given.body, &mut headers)?;
    Ok(Response { status: given.status, headers, body, stream: given.stream })
}

/// The answers to these reads. An identity question without one is refused, so that the actor is unknown;
/// any other is the test's mistake.
fn answers(trial: &Trial, reads: &[ReadRequest]) -> Result<Answers, String> {
    let mut answers = Answers::new();
    for read in reads {
        let given = trial.answers.iter().find(|answer| {
            answer.method.eq_ignore_ascii_case(read.method.as_str())
                && is_same_target(&answer.target, &read.target)
        });
        let answer = match given.map(|given| &given.outcome) {
            Some(TrialOutcome::Answered(given)) => {
                let Response { status, headers, body, .. } = response(trial, given)?;
                Answer::Answered { status, headers, body }
            }
            Some(TrialOutcome::Failed(TrialFailure::Timeout)) => Answer::Failed(ReadFailure::Timeout),
            Some(TrialOutcome::Failed(TrialFailure::Refused)) => Answer::Failed(ReadFailure::Refused),
            Some(TrialOutcome::Failed(TrialFailure::TooLarge)) => Answer::Failed(ReadFailure::TooLarge),
            None if read.purpose == Purpose::Identity => Answer::Failed(ReadFailure::Refused),
            None => {
                let line = format!("{} {}", read.method, read.target);
                return Err(format!("the rule reads `{line}`, and the test does not say what is answered"));
            }
        };
        answers.insert(read.key.clone(), answer);
    }
    Ok(answers)
}

/// Targets are compared decoded, and without the query where the test leaves it out.
fn is_same_target(given: &str, asked: &str) -> bool {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let asked = if given.contains('?') { asked } else { asked.split('?').next().unwrap_or(asked) };
    decoded(given) == decoded(asked)
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) = parsed.ok_or_else(|| format!("`{name}: {value}` is no header"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A body as it would come over the wire; a document without a content type is JSON.
fn body(trial: &Trial, given: &TrialBody, headers: &mut HeaderMap) -> Result<Capture, String> {
    let bytes = match given {
        TrialBody::Empty => return Ok(Capture::default()),
        TrialBody::Document(Value::Object(members)) if is_form(headers) => {
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(members.iter().map(|(name, value)| (name, plain(value))))
                .finish()
                .into_bytes()
        }
        TrialBody::Document(document) => {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            document.to_string().into_bytes()
        }
        TrialBody::Text(text) => text.clone().into_bytes(),
        TrialBody::File(name) => {
            let folder =
                std::path::Path::new(&trial.source.name).parent().unwrap_or(std::path::Path::new(""));
            std::fs::read(folder.join(name)).map_err(|error| format!("the file `{name}`: {error}"))?
        }
    };
    let seen_bytes = bytes.len() as u64;
    let state = if bytes.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    Ok(Capture { bytes: Bytes::from(bytes), seen_bytes, state, ..Capture::default() })
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
