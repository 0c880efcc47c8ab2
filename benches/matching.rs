//! What it costs to find the rules of a request: ten rules and a thousand should cost the same.

use std::net::Ipv4Addr;

use divan::{AllocProfiler, Bencher};
use earwitness::blind::{Answered, Blind, Seen};
use earwitness::rules::expr::Condition;
use earwitness::rules::model::{Guarantee, MatchLine, Mode, Pack, Rule, RuleSet};
use earwitness::rules::router::HeadView;
use earwitness::yaml::{Source, Span};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

/// Shows that a clean path that no rule fits allocates nothing.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// A request that a rule concerns.
#[divan::bench(args = [10, 1_000])]
fn a_match(bencher: Bencher<'_, '_>, rules: usize) {
    bench(bencher, rules, "POST", "/v2/things5/0af3c2/cancel");
}

/// A request that no rule concerns, as most are.
#[divan::bench(args = [10, 1_000])]
fn no_match(bencher: Bencher<'_, '_>, rules: usize) {
    bench(bencher, rules, "GET", "/static/app/main.3f2a.js?v=7");
}

/// One that differs only in its last segment.
#[divan::bench(args = [10, 1_000])]
fn nearly_a_match(bencher: Bencher<'_, '_>, rules: usize) {
    bench(bencher, rules, "POST", "/v2/things5/0af3c2/rename");
}

/// A path that is looked up in three forms.
#[divan::bench(args = [10, 1_000])]
fn an_odd_spelling(bencher: Bencher<'_, '_>, rules: usize) {
    bench(bencher, rules, "POST", "/v2//things5/0af3c2%2fCANCEL;x=1");
}

/// What is added for a request that changes something, that no rule concerns and whose template is known: is it
/// known, is it excluded, count it.
#[divan::bench(args = [10, 1_000])]
fn a_blind_spot(bencher: Bencher<'_, '_>, count: usize) {
    let rules = RuleSet::new(vec![pack((0..count).map(rule).collect())]);
    let (method, target, headers) = ("POST", "/v2/things5/0af3c2e1/rename", HeaderMap::new());
    let head = HeadView { method, target, host: "app.example", headers: &headers, is_trusted: false };
    let (client, at) = (Ipv4Addr::LOCALHOST.into(), Timestamp::UNIX_EPOCH);
    let seen = Seen { method, target, status: 200, answered: Answered::Unmatched, client, at, sample: None };
    let blind = Blind::default();
    blind.saw(&seen);
    bencher.bench_local(|| {
        let is_known = blind.knows(method, divan::black_box(target));
        let is_excluded = rules.is_excluded(divan::black_box(&head));
        blind.saw(divan::black_box(&seen));
        (is_known, is_excluded)
    });
}

fn bench(bencher: Bencher<'_, '_>, count: usize, method: &str, target: &str) {
    let rules = RuleSet::new(vec![pack((0..count).map(rule).collect())]);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "app.example"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("accept", "*/*"),
        ("cookie", "session=0af3c2"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let head = HeadView { method, target, host: "app.example", headers: &headers, is_trusted: false };
    bencher.bench_local(|| rules.candidates(divan::black_box(&head)));
}

fn rule(number: usize) -> Rule {
    let line = format!("POST /v2/things{number}/{{id}}/cancel");
    Rule {
        id: format!("bench/{number}"),
        lines: MatchLine::parse(&line).into_iter().collect(),
        operations: Vec::new(),
        opens: None,
        when: Condition::always(),
        mode: Mode::Record,
        guarantee: Guarantee::Durable,
        on_failure: None,
        is_authenticated: false,
        refuses_websocket: false,
        vars: Vec::new(),
        before: None,
        after: None,
        for_each: None,
        entries: Vec::new(),
        otherwise: None,
        redact: Vec::new(),
        session: None,
        digest: String::new(),
        source: Source::new("bench.yaml", ""),
        span: Span::default(),
        tests: Vec::new(),
    }
}

fn pack(rules: Vec<Rule>) -> Pack {
    Pack {
        name: "bench".to_owned(),
        title: "Bench".to_owned(),
        base: String::new(),
        hosts: Vec::new(),
        aliases: Vec::new(),
        version: String::new(),
        files: Vec::new(),
        vars: Vec::new(),
        formats: Vec::new(),
        resources: Vec::new(),
        actors: Vec::new(),
        redact: Vec::new(),
        reveal: Vec::new(),
        exclude: Vec::new(),
        blind_spots: Vec::new(),
        exceptions: Vec::new(),
        rules,
    }
}
