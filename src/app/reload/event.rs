//! The event of a reload: who changes the rules is audited like everybody else. Pure.

use jiff::Timestamp;
use uuid::Uuid;

use super::Trigger;
use super::difference::Difference;
use crate::api::Reloaded;
use crate::event::own::{self, Own};
use crate::event::{Actor, Assurance, Change, Event, Outcome, Target};
use crate::value::{Value, json};
use crate::yaml::{Problem, Problems, Severity};

/// Of rules and settings that were put into force. `owners` are the files of packs that are different, with the
/// number of the user whose they are.
pub(super) fn of_success(
    id: Uuid,
    now: Timestamp,
    trigger: Trigger,
    difference: &Difference,
    reloaded: &Reloaded,
    owners: Vec<(String, u32)>,
) -> Event {
    let (added, removed) = (difference.added.len(), difference.removed.len());
    let (changed, weakened) = (difference.changed.len(), difference.weakened.len());
    let how = match trigger {
        Trigger::Start => "Started with other rules",
        Trigger::Signal | Trigger::File | Trigger::Api(_) => "Rules loaded anew",
    };
    let text =
        format!("{how}: {added} added, {removed} removed, {changed} changed, {weakened} times less recorded");
    let files = owners.into_iter().map(|(file, owner)| json!({ "file": file, "ownerId": owner }));
    let details = [
        ("trigger", json!(trigger.as_str())),
        ("files", files.collect()),
        ("settings", json!(reloaded.settings)),
        ("needsRestart", json!(reloaded.needs_restart)),
    ];
    let mut changes = changes(difference, reloaded);
    let more = changes.len().saturating_sub(CHANGES_MAX);
    changes.truncate(CHANGES_MAX);
    let details = details.into_iter().chain((more > 0).then(|| ("moreChanges", json!(more))));
    Event {
        changes,
        details: details.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..plain(id, now, trigger, &reloaded.version, Outcome::Success, text)
    }
}

/// Of files that could not be put into force; `version` is that of the rules that stay.
pub(super) fn of_failure(
    id: Uuid,
    now: Timestamp,
    trigger: Trigger,
    version: &str,
    problems: &Problems,
) -> Event {
    let text = "Rules could not be loaded anew: those in force stay".to_owned();
    let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
    let told: Vec<Value> = errors().take(PROBLEMS_MAX).map(|problem| json!(line(problem))).collect();
    let details = [("trigger", json!(trigger.as_str())), ("problems", told.into())];
    Event {
        error: errors().next().map(line),
        attempted: true,
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..plain(id, now, trigger, version, Outcome::Failure, text)
    }
}

/// A problem on one line; `earwitness check` shows the rest.
pub(super) fn line(problem: &Problem) -> String {
    let at = problem.source.line(problem.span.start);
    format!("{} {}:{at}: {}", problem.code, problem.source.name, problem.message)
}

fn plain(id: Uuid, now: Timestamp, trigger: Trigger, version: &str, result: Outcome, text: String) -> Event {
    let (actor, ip, method) = match trigger {
        Trigger::Api(from) => (holder(), from, "POST"),
        // Nothing tells who sent a signal, or who wrote a file: only whose it is.
        Trigger::Signal => (own::system("signal"), None, "SIGHUP"),
        Trigger::File => (own::system("file"), None, "FILE"),
        Trigger::Start => (own::system("start"), None, "START"),
    };
    let (action, title) = ("RULES_RELOADED", "Rules loaded anew");
    let mut event = own::event(Own { id, time: now, rule: "reload", action, title, text, result });
    event.actor = actor;
    let target = Target { r#type: "rules".to_owned(), id: Some(version.to_owned()), ..Target::default() };
    event.target = Some(target);
    event.client.ip = ip.unwrap_or(event.client.ip);
    event.request.method = method.to_owned();
    event.request.url = "/audit/v1/reload".to_owned();
    event.rule.version = version.to_owned();
    event
}

/// Whoever holds the token. We have checked it, and know no more of him.
fn holder() -> Actor {
    let (id, name) = (Some("admin.token".to_owned()), Some("Holder of the admin token".to_owned()));
    Actor { r#type: "user".to_owned(), id, name, assurance: Assurance::Verified, ..Actor::default() }
}

fn changes(difference: &Difference, reloaded: &Reloaded) -> Vec<Change> {
    let change = |field: String, label: &str, before: Option<&str>, after: Option<&str>| Change {
        field,
        pointer: None,
        label: Some(label.to_owned()),
        before: before.map(Value::from),
        after: after.map(Value::from),
    };
    let rule = |id: &str| format!("rules[{id}]");
    let (old, new) = (reloaded.version_before.as_str(), reloaded.version.as_str());
    let version = (old != new).then(|| change("version".to_owned(), "changed", Some(old), Some(new)));
    // What an auditor looks for stands first: a long list is cut at its end.
    let weakened = difference.weakened.iter();
    let weakened =
        weakened.map(|one| change(one.what.clone(), "weakened", one.before.as_deref(), one.now.as_deref()));
    let removed = difference.removed.iter().map(|(id, was)| change(rule(id), "removed", Some(was), None));
    let changed = difference.changed.iter();
    let changed = changed.map(|(id, was, now)| change(rule(id), "changed", Some(was), Some(now)));
    let added = difference.added.iter().map(|(id, now)| change(rule(id), "added", None, Some(now)));
    let packs = difference
        .packs
        .iter()
        .map(|(name, was, now)| change(format!("packs[{name}]"), "changed", was.as_deref(), now.as_deref()));
    version.into_iter().chain(weakened).chain(removed).chain(packs).chain(changed).chain(added).collect()
}

/// Two digests each: far below what an event may be long.
const CHANGES_MAX: usize = 2_000;
const PROBLEMS_MAX: usize = 50;
