//! Hears the steps of a derivation and keeps what a person wants to know of them.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::fields;
use crate::derive::{Step, Trace};
use crate::rules::expr::{Phase, Root, Scope, Tested, Verdict};
use crate::rules::model::{Entry, Pack, Rule};

/// What was heard, rule by rule.
#[derive(Debug, Default)]
pub(super) struct Listener {
    rules: RefCell<Vec<Value>>,
    /// Fields of the entry that was tried last, for the event that may follow.
    fields: RefCell<Value>,
}

impl Listener {
    /// Everything that was heard.
    pub(super) fn into_rules(self) -> Vec<Value> {
        self.rules.into_inner()
    }

    fn begun(&self, pack: &Pack, rule: &Rule) {
        let place = rule.source.line(rule.span.start);
        self.rules.borrow_mut().push(json!({
            "rule": rule.id,
            "file": rule.source.name,
            "line": place,
            "mode": format!("{:?}", rule.mode).to_lowercase(),
            "steps": [],
            "when": null,
            "actor": null,
            "ways": pack.actors.iter().map(|way| way.name.as_str()).collect::<Vec<_>>(),
        }));
    }

    fn set(&self, name: &str, value: Value) {
        if let Some(rule) = self.rules.borrow_mut().last_mut() {
            rule[name] = value;
        }
    }

    fn push(&self, step: Value) {
        if let Some(steps) = self.rules.borrow_mut().last_mut().and_then(|rule| rule["steps"].as_array_mut())
            && steps.len() < STEPS_MAX
        {
            steps.push(step);
        }
    }

    fn tried(&self, rule: &Rule, entry: &Entry, scope: &Scope<'_>) {
        let of_rule = tests(&rule.when.explain(scope, Phase::Answer));
        self.push(json!({
            "entry": fields::text_of(&entry.action),
            "item": scope.root(Root::Item),
            "key": scope.root(Root::Key),
            "vars": scope.root(Root::Vars),
            "when": of_rule,
            "entryWhen": tests(&entry.when.explain(scope, Phase::Answer)),
            "fired": false,
        }));
        *self.fields.borrow_mut() = fields::of(entry, scope);
    }
}

impl Trace for Listener {
    fn step(&self, step: Step<'_>) {
        match step {
            Step::Begun { pack, rule, candidate: _ } => self.begun(pack, rule),
            Step::Missed => self.push(json!({
                "ended": "only a loosened path met the rule, and the application does not know that path"
            })),
            Step::Unmeant => {
                self.push(json!({ "ended": "the body does not name the method that the rule wants" }));
            }
            Step::Excluded { rule, scope } => self.push(json!({
                "ended": "`when` cannot hold, by the request alone",
                "when": tests(&rule.when.explain(&scope, Phase::Body)),
                "vars": scope.root(Root::Vars),
            })),
            Step::Identified { way } => self.set("actor", json!(way)),
            Step::Tried { rule, entry, scope } => self.tried(rule, entry, &scope),
            Step::Fired { event } => {
                let fields = self.fields.take();
                if let Some(step) = self
                    .rules
                    .borrow_mut()
                    .last_mut()
                    .and_then(|rule| rule["steps"].as_array_mut()?.last_mut())
                {
                    step["fired"] = true.into();
                    step["fields"] = fields;
                    step["event"] = json!(event.id);
                }
            }
        }
    }
}

fn tests(lines: &[Tested]) -> Value {
    let line = |tested: &Tested| {
        let verdict = match tested.verdict {
            Some(Verdict::Yes) => "yes",
            Some(Verdict::No) => "no",
            Some(Verdict::Doubt) => "doubt",
            None => "later",
        };
        json!({
            "depth": tested.depth,
            "test": tested.text,
            "verdict": verdict,
            "values": tested.values,
            "reasons": tested.reasons,
        })
    };
    lines.iter().map(line).collect()
}

/// Steps kept of one rule: a `for_each` may take a thousand.
const STEPS_MAX: usize = 50;
