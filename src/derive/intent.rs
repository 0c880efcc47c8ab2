//! What is told of a request before it is forwarded, from its head alone and redacted as its events will be: which
//! rules it may concern, who seems to ask, for what.

use std::borrow::Cow;

use jiff::Timestamp;
use uuid::Uuid;

use super::case::Case;
use super::document::target::{without_parts, without_secrets};
use super::document::{Document, split_target};
use super::engine::Engine;
use super::events::text;
use super::{Plan, who};
use crate::event::intent::Candidate as Intended;
use crate::event::{Actor, ClientFacts, Intent, RequestFacts, RuleFacts, Target};
use crate::exchange::{Client, Request};
use crate::rules::expr::{EvalLog, Expr, Phase, Root, Scope};
use crate::value::Value;

impl Engine {
    /// The intent of a request, by the plan that was made for it.
    pub fn intent(
        &self,
        plan: &Plan,
        request: &Request,
        client: &Client,
        id: Uuid,
        time: Timestamp,
    ) -> Intent {
        let reading = self.reading(&plan.candidates, request);
        let redactor = &reading.redactor;
        let document = match &plan.head {
            Some(head) if !redactor.has_paths() => Cow::Borrowed(head.as_ref()),
            head => {
                let own = || Document::head(&reading, request, client);
                let mut own = head.as_deref().cloned().unwrap_or_else(own);
                own.redact_paths(redactor);
                Cow::Owned(own)
            }
        };
        let opens = plan.candidates.iter().any(|one| self.opens(one));
        let query = document.request.get("query").unwrap_or(&Value::Null);
        // The query of an envelope may hold calls in which other rules have their secrets.
        let mut target = match opens {
            true => Cow::Borrowed(split_target(&request.target).0),
            false => without_secrets(&request.target, query),
        };
        let mut actor = None;
        let mut candidates = Vec::with_capacity(plan.candidates.len().min(CANDIDATES_MAX));
        for candidate in &plan.candidates {
            let Some((pack, rule)) = self.rule(candidate) else { continue };
            let log = EvalLog::default();
            let case = Case::new(self, pack, rule, candidate, request, &document, redactor, &log);
            target = Cow::Owned(without_parts(&target, &candidate.parts, &case.parts).into_owned());
            if candidates.len() < CANDIDATES_MAX {
                let scope = case.scope();
                actor.get_or_insert_with(|| who::at_first_sight(&case, &scope));
                candidates.push(intended(&case, &scope));
            }
        }
        Intent {
            id,
            time,
            candidates,
            actor: actor.unwrap_or_else(|| Actor { r#type: "unknown".to_owned(), ..Actor::default() }),
            client: ClientFacts {
                ip: client.ip,
                peer: (client.peer != client.ip).then_some(client.peer),
                user_agent: None,
            },
            request: RequestFacts {
                id: request.id.clone(),
                trace_id: request.trace_id.clone(),
                method: request.method.clone(),
                url: redactor.text(&format!("{}://{}{target}", request.scheme, request.host)),
                destination: None,
                operation: None,
                part: None,
            },
        }
    }
}

fn intended(case: &Case<'_>, scope: &Scope<'_>) -> Intended {
    let rule = case.rule;
    let mut actions = Vec::new();
    for entry in rule.entries.iter().chain(&rule.otherwise) {
        push_literals(&entry.action, &mut actions);
    }
    Intended {
        rule: RuleFacts { id: rule.id.clone(), version: case.pack.version.clone() },
        actions,
        target: target(case, scope),
    }
}

/// The names that stand in the rule.
fn push_literals(action: &Expr, found: &mut Vec<String>) {
    match action {
        Expr::Literal(value) => {
            let name = value.as_str().filter(|name| !found.iter().any(|known| known == name));
            found.extend(name.filter(|_| found.len() < ACTIONS_MAX).map(str::to_owned));
        }
        Expr::First(alternatives) => {
            alternatives.iter().for_each(|alternative| push_literals(&alternative.value, found));
        }
        Expr::Path(_)
        | Expr::FirstOf(_)
        | Expr::All(_)
        | Expr::Count(_)
        | Expr::Template(_)
        | Expr::Map(_)
        | Expr::List(_) => {}
    }
}

/// What it is done to, where the head tells; by the rule's first entry.
fn target(case: &Case<'_>, scope: &Scope<'_>) -> Option<Target> {
    let vars = case.vars_by(Phase::Head, scope);
    let scope = scope.with(Root::Vars, &vars);
    let spec = case.rule.entries.first().or(case.rule.otherwise.as_ref())?.target.as_ref();
    let of = |expr: &Expr| {
        let value = (expr.phase() == Phase::Head).then(|| expr.look_up(&scope))?;
        value.as_deref().and_then(text)
    };
    let resource = case.resource();
    let kind = spec.and_then(|spec| spec.kind.as_ref()).and_then(of);
    let id = match spec.and_then(|spec| spec.id.as_ref()) {
        Some(id) => of(id),
        None => resource.and_then(|_| case.last_part()),
    };
    Some(Target { r#type: kind.or_else(|| Some(resource?.kind.clone()))?, id, ..Target::default() })
}

const CANDIDATES_MAX: usize = 16;
const ACTIONS_MAX: usize = 16;
