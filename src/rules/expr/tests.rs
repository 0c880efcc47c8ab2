//! Tests of values and conditions: every expression of the rule language's worked examples compiles, and
//! what they say holds on documents.

mod properties;

use std::sync::Arc;

use super::*;
use crate::event::{NoteCode, Part};
use crate::value::{Value, json};
use crate::yaml::{Problems, Source, parse};

/// A place where everything is known.
pub(super) fn names() -> Names {
    Names {
        phase: Phase::Answer,
        has_answer: true,
        has_item: true,
        parts: None,
        vars: vec![("code".to_owned(), Phase::Answer), ("access".to_owned(), Phase::Head)],
    }
}

/// Compiles YAML as `what` says, with the problems found.
fn compile<T>(
    yaml: &str,
    names: Names,
    what: impl FnOnce(&mut Compiler<'_>, &crate::yaml::Node) -> Option<T>,
) -> (Option<T>, Problems) {
    let source: Arc<Source> = Source::new("test.yaml", yaml);
    let mut problems = Problems::default();
    let node = parse(&source, &mut problems).expect("the test's YAML parses");
    let mut found = Problems::default();
    let mut compiler = Compiler { source: &source, problems: &mut found, names };
    let compiled = what(&mut compiler, &node);
    (compiled, found)
}

pub(super) fn value(yaml: &str) -> Expr {
    let (expr, problems) = compile(yaml, names(), |compiler, node| compiler.value(node));
    expr.unwrap_or_else(|| panic!("{yaml}\n{}", problems.render()))
}

fn condition(yaml: &str) -> Condition {
    let (condition, problems) = compile(yaml, names(), |compiler, node| compiler.condition(node));
    condition.unwrap_or_else(|| panic!("{yaml}\n{}", problems.render()))
}

/// Runs `see` with a scope over a document given as one object of roots.
pub(super) fn with_scope<T>(document: &Value, doubts: &Doubts, see: impl FnOnce(&Scope<'_>) -> T) -> T {
    let log = EvalLog::default();
    let mut scope = Scope::new(doubts, &log);
    for (name, part) in document.as_object().expect("an object of roots") {
        scope = scope.with(Root::parse(name).expect("a root"), part);
    }
    see(&scope)
}

fn eval(yaml: &str, document: &Value) -> Option<Value> {
    let expr = value(yaml);
    with_scope(document, &[], |scope| expr.eval(scope))
}

fn test(yaml: &str, document: &Value) -> Verdict {
    let condition = condition(yaml);
    with_scope(document, &[], |scope| condition.test(scope))
}

#[test]
fn every_value_of_the_worked_examples_compiles() {
    let values = [
        "$.answer.body.data.id",
        "$.answer.body.data.organizationId",
        "$.answer.body.user.impersonatedBy.id",
        r#""$.request.headers['x-remote-user']""#,
        "{ first: [$.request.body.attendee.email, $.request.body.responses.email] }",
        "{ first: [{ value: SAML, when: { $.request.path: { starts_with: /api/auth/saml } } }, { value: API_V2, when: { $.request.path: { starts_with: /v2/ } } }, WEBAPP] }",
        "{ organization: { first: [$.path.orgId, $.actor.organization] }, team: { first: [$.path.teamId, $.request.body.teamId] } }",
        "$.response.body.error.code",
        "$.answer.body.data",
        "$.response.body.data",
        "$.request.body.reschedulingReason",
        "[{ rel: rescheduled-to, type: booking, id: $.after.uid }]",
        r#"{ first: ["Booking rescheduled from {{ before.start | date }} to {{ after.start | date }}", "Booking rescheduled to {{ request.body.start | date }}"] }"#,
        "{ first: [$.response.body.data, $.request.body] }",
        "$.item",
        r#"{ hosts: { all: "$.item.hosts[*].email" } }"#,
        r#"{ host: { label: Host, before: "$.before.hosts[0].email", after: $.response.body.data.reassignedTo.email } }"#,
        "{ assignment: { first: [{ value: manual, when: { $.path.userId: { exists: true } } }, roundRobin] } }",
        "{ merged: { status: cancelled } }",
        "$.request.body.rescheduleReason",
        r#""{{ response.body.url | query('error') }}""#,
        "{ first: [{ value: LOGIN_SECOND_FACTOR_ASKED, when: { $.vars.code: second-factor-required } }, LOGIN] }",
        "$.vars.code",
        r#"{ first: [{ value: unknown, when: { $.vars.code: second-factor-required } }, { value: failure, when: [{ $.response.status: 401 }, { $.vars.code: { exists: true } }] }, { value: success, when: { "$.response.cookies[*].name": { contains: session-token } } }] }"#,
        r#""{{ item.team }}/{{ item.member }}""#,
        "{ team: $.item.team }",
        "{ first: [{ value: ACCOUNT_LOCKED, when: { $.request.body.locked: true } }, ACCOUNT_UNLOCKED] }",
        "{ teamId: $.request.body.teamId, memberId: $.request.body.memberId }",
        r#"{ input: '{"json":{"teamId":{{ with.teamId }}}}' }"#,
        r#"{ first: "$.answer.body.members[?@.id == $.with.memberId]" }"#,
        "$.vars.access",
        r#""{{ actor | name }} changed the title of {{ before.summary }} to {{ after.summary }}""#,
        "{ eventGuest: $.item.after.email }",
        "{ notificationType: Changed event, recipient: $.item.email }",
        "{ granteeEmail: $.before.scope.value }",
        "$.key",
        "{ first: [{ value: interop_freebusy_lookup_inbound_unsuccessful, when: { $.result: failure } }, interop_freebusy_lookup_inbound_successful] }",
        "{ first: [{ value: failure, when: { $.item.errors: { exists: true } } }] }",
        r#"{ first: "$.item.errors[*].reason" }"#,
        r#""$.answer.body.responses[0].props""#,
        "{ merged: $.request.body.set }",
        r#"{ first: [{ value: denied, when: { "$.response.body.responses[*].failed[*]": [401, 403] } }, { value: failure, when: { "$.response.body.responses[*].failed": { exists: true } } }] }"#,
        r#"{ first: [{ value: success, when: { $.item.requestStatus: { starts_with: "2." } } }, failure] }"#,
        r#"{ mailboxes: { all: "$.request.body.MailboxDataArray.MailboxData[*].Email.Address" }, position: $.key }"#,
        r#"{ first: [{ value: failure, when: { "$.item.ResponseMessage['@ResponseClass']": { not: Success } } }] }"#,
        r#"{ first: "$.response.body.errors[*].message" }"#,
        r#"{ first: [{ value: success, when: { $.response.status: [302, 303], "$.response.cookies[*].name": { exists: true } } }, failure] }"#,
        r#""{{ response.body | extract('errorlist[^>]*><li>([^<]+)') }}""#,
        r#""{{ path.area }}.update""#,
        r#""{{ vars.access[before.role] }}""#,
    ];
    values.into_iter().for_each(|yaml| drop(value(yaml)));
}

#[test]
fn every_condition_of_the_worked_examples_compiles() {
    let conditions = [
        "{ $.credential.kind: [bearer, jwt] }",
        "{ $.credential.kind: cookie, $.answer.body.user.impersonatedBy: { exists: true } }",
        "{ $.client.trusted: true }",
        "{ $.request.path: { starts_with: /api/cron/ } }",
        "{ $.request.body.seatUid: { exists: false } }",
        "{ changed: status, $.after.status: cancelled }",
        "{ changed: [start, end] }",
        "{ $.result: success, $.request.query.sendUpdates: [all, externalOnly] }",
        r#"[{ $.beforeState: absent }, { $.beforeState: unavailable, "$.request.headers['if-none-match']": "*" }]"#,
        "{ $.path.id: { not: add } }",
    ];
    conditions.into_iter().for_each(|yaml| drop(condition(yaml)));
}

#[test]
fn values_come_out_as_the_rule_says() {
    let document = json!({
        "item": { "uid": "u", "n": null, "hosts": [{ "email": "a" }, {}, { "email": "b" }] },
        "vars": { "code": "x" },
        "response": { "status": 401 },
    });
    let check = |yaml: &str, expected: Option<Value>| assert_eq!(eval(yaml, &document), expected, "{yaml}");
    check("abc", Some(json!("abc")));
    check("017", Some(json!("017")));
    check("null", Some(Value::Null));
    check("$.item.uid", Some(json!("u")));
    check("$.item.n", Some(Value::Null));
    check("$.item.nope", None);
    check("$.before.x", None);
    check(r#"{ first: "$.item.hosts[*].email" }"#, Some(json!("a")));
    check(r#"{ all: "$.item.hosts[*].email" }"#, Some(json!(["a", "b"])));
    check(r#"{ all: "$.item.nope[*]" }"#, None);
    check(r#"{ count: "$.item.hosts[*]" }"#, Some(json!(3)));
    check(r#"{ count: "$.item.nope[*]" }"#, Some(json!(0)));
    check("{ first: [$.item.nope, $.item.n, x] }", Some(Value::Null));
    check("{ first: [$.item.nope, x] }", Some(json!("x")));
    check("{ first: [$.item.nope] }", None);
    check("{ first: [{ value: a, when: { $.response.status: 200 } }, b] }", Some(json!("b")));
    check("{ first: [{ value: a, when: { $.response.status: 401 } }, b] }", Some(json!("a")));
    check("{ a: $.item.uid, b: $.item.nope, c: { d: 1 } }", Some(json!({ "a": "u", "c": { "d": 1 } })));
    check("[$.item.uid, $.item.nope, 2]", Some(json!(["u", 2])));
    check("{ first: Ada, last: L }", Some(json!({ "first": "Ada", "last": "L" })));
    check("{ none: none, owner: owner }", Some(json!({ "none": "none", "owner": "owner" })));
}

#[test]
fn items_carry_the_key_at_which_they_stand() {
    let document = json!({ "response": { "body": {
        "list": ["a", "b"], "one": { "x": 1 }, "null": null, "cals": { "c1": { "e": 1 }, "c2": {} },
    } } });
    let check = |yaml: &str, expected: &[(Value, Value)]| {
        let (each, problems) = compile(yaml, names(), |compiler, node| compiler.each(node));
        let each = each.unwrap_or_else(|| panic!("{}", problems.render()));
        assert_eq!(with_scope(&document, &[], |scope| each.each(scope)), expected, "{yaml}");
    };
    let two = [(json!(0), json!("a")), (json!(1), json!("b"))];
    check("$.response.body.list", &two);
    check(r#""$.response.body.list[*]""#, &two);
    check(r#""$.response.body.list[?@ == 'b']""#, &two[1..]);
    check("$.response.body.one", &[(json!(0), json!({ "x": 1 }))]);
    check("$.response.body.null", &[]);
    check("$.response.body.nope", &[]);
    check(r#""$.response.body.cals[*]""#, &[(json!("c1"), json!({ "e": 1 })), (json!("c2"), json!({}))]);
    check("{ first: [$.response.body.nope, $.response.body.list] }", &two);
}

#[test]
fn conditions_hold_or_not() {
    let document = json!({
        "request": { "path": "/v2/x", "query": { "n": "401", "many": ["a", "b"] }, "body": { "locked": true, "f": 1.0 } },
        "response": { "status": 401, "body": { "n": null, "l": [1, 5, 9], "t": "one\ntwo", "at": "2026-01-10T10:00:00+01:00" } },
        "changes": { "start": {}, "end.dateTime": {} },
        "result": "denied",
    });
    let check = |yaml: &str, expected: bool| {
        let verdict = if expected { Verdict::Yes } else { Verdict::No };
        assert_eq!(test(yaml, &document), verdict, "{yaml}");
    };
    check("{}", true);
    check("{ $.result: denied }", true);
    check("{ $.result: [failure, denied] }", true);
    check("{ $.result: failure }", false);
    check("{ $.result: { not: failure }, $.response.status: 401 }", true);
    check("{ $.result: denied, $.response.status: 200 }", false);
    check("[{ $.result: failure }, { $.response.status: 401 }]", true);
    check("{ $.response.status: \"401\" }", true);
    check("{ $.request.query.n: 401 }", true);
    check("{ $.request.query.n: 401.0 }", false);
    check("{ $.request.body.f: 1 }", true);
    check("{ $.request.body.locked: true }", true);
    check("{ $.request.body.locked: \"true\" }", true);
    check("{ $.request.query.many: { contains: b } }", true);
    check("{ $.request.query.many: { contains: c } }", false);
    check("{ $.response.body.n: null }", true);
    check("{ $.response.body.nope: null }", false);
    check("{ $.response.body.n: { exists: true } }", true);
    check("{ $.response.body.nope: { exists: false } }", true);
    check("{ $.response.body.nope: { not: x } }", true);
    check("{ $.response.body.nope: { not: { not: x } } }", false);
    check("{ $.response.body.nope: { above: 1 } }", false);
    check("{ \"$.response.body.l[*]\": 5 }", true);
    check("{ \"$.response.body.l[*]\": { not: 5 } }", false);
    check("{ \"$.response.body.l[*]\": { above: 1, below: 5 } }", false);
    check("{ \"$.response.body.l[*]\": { above: 1, below: 6 } }", true);
    check("{ \"$.response.body.l[*]\": { above: 8, not: 1 } }", false);
    check("{ $.response.status: { above: 400, below: 500 } }", true);
    check("{ $.response.body.at: { above: \"2026-01-10T08:59:00Z\" } }", true);
    check("{ $.response.body.at: { below: \"2026-01-10T08:59:00Z\" } }", false);
    check("{ $.response.body.at: { above: 5 } }", false);
    check("{ $.request.path: { starts_with: /v2/, ends_with: x } }", true);
    check("{ $.response.status: $.request.query.n }", true);
    check("{ $.response.status: $.request.query.nope }", false);
    check("{ $.response.status: { not: $.request.query.nope } }", true);
    check("{ $.result: \"{{ result }}\" }", true);
    check("{ changed: start }", true);
    check("{ changed: [nope, end.dateTime] }", true);
    check("{ changed: end }", false);
}

// THREATS E05
#[test]
fn a_regex_sees_the_whole_text_line_ends_too() {
    let check = |re: &str, text: &str, expected: Verdict| {
        let yaml = format!("{{ $.path.id: {{ matches: '{re}' }} }}");
        assert_eq!(test(&yaml, &json!({ "path": { "id": text } })), expected, "{re} {text:?}");
    };
    check("^x$", "x", Verdict::Yes);
    check("^x$", "x\n", Verdict::No);
    check("^x$", "\nx", Verdict::No);
    check("^x$", "x\0", Verdict::No);
    check("^a.*z$", "a\nb\r\nz", Verdict::Yes);
    check("^[^/]+$", "x\ny", Verdict::Yes);
    check("a.b", "a\nb", Verdict::Yes);
}

#[test]
fn doubt_is_neither_yes_nor_no() {
    let doubts = [Doubt {
        path: vec!["request".to_owned(), "body".to_owned()],
        code: NoteCode::BodyCut,
        detail: Some("after 1 MiB".to_owned()),
    }];
    let document = json!({ "request": { "method": "POST", "body": { "a": 1 } } });
    let check = |yaml: &str, expected: Verdict| {
        let condition = condition(yaml);
        with_scope(&document, &doubts, |scope| {
            assert_eq!(condition.test(scope), expected, "{yaml}");
            if expected == Verdict::Doubt {
                let reasons = scope.log.take_reasons();
                assert!(reasons[0].contains("body-cut (after 1 MiB)"), "{reasons:?}");
            }
        });
    };
    check("{ $.request.body.a: 1 }", Verdict::Doubt);
    check("{ $.request.body.b: { exists: false } }", Verdict::Doubt);
    check("{ $.request.method: POST, $.request.body.a: 1 }", Verdict::Doubt);
    check("{ $.request.method: GET, $.request.body.a: 1 }", Verdict::No);
    check("{ $.request.body.a: 1, $.request.method: GET }", Verdict::No);
    check("[{ $.request.body.a: 2 }, { $.request.method: POST }]", Verdict::Yes);
    check("[{ $.request.body.a: 2 }, { $.request.method: GET }]", Verdict::Doubt);
    check("{ $.request.body.a: { not: 1 } }", Verdict::Doubt);
    check("{ $.request.method: $.request.body.a }", Verdict::Doubt);
    check("{ $.request.method: \"{{ request.body.a }}\" }", Verdict::Doubt);
    check("{ $.request.method: POST }", Verdict::Yes);
    let first = value("{ first: [{ value: a, when: { $.request.body.a: 1 } }, b] }");
    assert_eq!(with_scope(&document, &doubts, |scope| first.eval(scope)), Some(json!("b")));
    assert!(with_scope(&document, &doubts, |scope| value("$.request.body.x").doubt(scope)).is_some());
}

#[test]
fn a_condition_may_hold_until_what_it_looks_at_is_known() {
    let document = json!({ "request": { "method": "POST", "body": { "a": 1 } } });
    let check = |yaml: &str, now: Phase, expected: bool, phase: Phase| {
        let condition = condition(yaml);
        assert_eq!(condition.phase(), phase, "{yaml}");
        let found = with_scope(&document, &[], |scope| condition.may_hold(scope, now));
        assert_eq!(found, expected, "{yaml} {now:?}");
    };
    check("{}", Phase::Head, true, Phase::Head);
    check("{ $.request.method: GET }", Phase::Head, false, Phase::Head);
    check("{ $.request.method: POST, $.response.status: 5 }", Phase::Body, true, Phase::Answer);
    check("{ $.request.method: GET, $.response.status: 5 }", Phase::Head, false, Phase::Answer);
    check("{ $.request.body.a: 2 }", Phase::Head, true, Phase::Body);
    check("{ $.request.body.a: 2 }", Phase::Body, false, Phase::Body);
    check("{ $.request.method: { not: GET } }", Phase::Head, true, Phase::Head);
    check("{ changed: a }", Phase::Body, true, Phase::Answer);
    check("{ changed: a }", Phase::Answer, false, Phase::Answer);
    check("{ $.item.x: 1 }", Phase::Body, true, Phase::Body);
    check("{ $.request.method: $.response.status }", Phase::Body, true, Phase::Answer);
    check("{ $.vars.access: 1 }", Phase::Head, false, Phase::Head);
    check("[{ $.request.method: GET }, { $.request.body.a: 1 }]", Phase::Head, true, Phase::Body);
}

#[test]
fn sentences_keep_words_and_values_apart() {
    let document = json!({ "item": { "a": "x\ny", "n": 5 } });
    let check = |yaml: &str, expected: &[Part]| {
        let expr = value(yaml);
        let sentence = with_scope(&document, &[], |scope| expr.eval_sentence(scope)).expect("a sentence");
        assert_eq!(sentence.parts, expected, "{yaml}");
    };
    let (text, value) = (|text: &str| Part::Text(text.to_owned()), |text: &str| Part::Value(text.to_owned()));
    check("Booking moved", &[text("Booking moved")]);
    check("$.item.a", &[value("x y")]);
    check("{ first: [$.item.nope, \"n is {{ item.n }}\"] }", &[text("n is "), value("5")]);
    check("\"{{ item.n }}\"", &[value("5")]);
}

#[test]
fn mistakes_are_told_with_place_code_and_cure() {
    let check = |yaml: &str, code: &str, at: &str, cure: &str| {
        let (_, problems) = compile(yaml, names(), |compiler, node| match node.member("when") {
            Some(when) => compiler.condition(when).map(|_| ()),
            None => compiler.value(node).map(|_| ()),
        });
        let Some(problem) = problems.iter().next() else { panic!("{yaml}: nothing wrong?") };
        assert_eq!(problem.code, code, "{yaml}: {}", problem.message);
        assert_eq!(&yaml[problem.span.start..problem.span.end], at, "{yaml}");
        assert!(problem.cure.as_deref().unwrap_or("").contains(cure), "{yaml}: {:?}", problem.cure);
    };
    check("a: $.request.headers.user-agent", "E06", "user-agent", "['user-agent']");
    check("a: \"$.requst.body\"", "E09", "requst", "request");
    check("a: $.item.a b", "E07", " ", "['a b']");
    check("a: \"$.item[*].id\"", "E08", "\"$.item[*].id\"", "first");
    check("a: \"{{ before.start | dte }}\"", "E11", "dte", "date");
    check("a: \"x {{ item ~ 1 }}\"", "E11", "~", "default");
    check("{ first: [a, b] }", "E17", "b", "last");
    check("{ first: [$.item.x, 5, $.item.y] }", "E17", "$.item.y", "last");
    check("{ first: [] }", "E03", "first", "");
    check("{ all: abc }", "E03", "abc", "such as");
    check("when: { $.item.x: { match: a } }", "E02", "match", "matches");
    check("when: { result: success }", "E02", "result", "$.result");
    check("when: { change: start }", "E02", "change", "changed");
    check("when: { $.item.x: { matches: '(' } }", "E12", "'('", "regex");
    check("when: { $.item.x: { matches: $.item.y } }", "E12", "$.item.y", "write the pattern");
    check("when: { $.item.x: { exists: maybe } }", "E03", "maybe", "");
    check("when: { changed: $.after.start }", "E03", "$.after.start", "changed: start");
    check("when: success", "E03", "success", "mapping");
    check("when: []", "E03", "[]", "mapping");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let yaml = "{ a: $.nope, b: [$.neither], c: { first: [$.request.nix, { value: $.x, when: { $.y: 1 } }] }, d: \"{{ q }}{{ r }}\" }";
    let (_, problems) = compile(yaml, names(), |compiler, node| compiler.value(node));
    assert_eq!(problems.error_count(), 7, "{}", problems.render());
}
