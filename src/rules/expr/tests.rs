//! Tests of values and conditions: every expression of the rule language's worked examples compiles, and
//! what they say holds on documents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::event::{NoteCode, Part};
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
