//! From what the operator wrote to what the store is asked: a selection is the filter of a question.

use serde_json::{Value, json};

use crate::config::{Keep, Retention, Selection};
use crate::store::{Filter, Hold, Policy, Terms};

/// The terms of a configuration.
pub(super) fn of(retention: &Retention) -> Terms {
    let policy = |policy: &crate::config::Policy| Policy {
        name: policy.name.clone(),
        filter: filter(&policy.filter),
        keep: keep(policy.keep),
    };
    let hold = |hold: &crate::config::Hold| Hold {
        name: hold.name.clone(),
        filter: filter(&hold.filter),
        until: hold.until,
    };
    Terms {
        policies: retention.policies.iter().map(policy).collect(),
        rest: keep(retention.keep),
        holds: retention.holds.iter().map(hold).collect(),
        bytes_max: retention.bytes_max,
    }
}

fn keep(keep: Keep) -> Option<std::time::Duration> {
    match keep {
        Keep::Forever => None,
        Keep::For(time) => Some(time),
    }
}

fn filter(selection: &Selection) -> Filter {
    let Selection {
        actor,
        action,
        kind,
        category,
        source,
        result,
        target_type,
        target_id,
        organization,
        team,
        tag,
        from,
        to,
    } = selection.clone();
    Filter {
        actor,
        action,
        kind,
        category,
        source,
        result,
        target_type,
        target_id,
        organization,
        team,
        tag,
        from,
        to,
        ..Filter::default()
    }
}

/// The section as it is told, with the defaults.
pub(super) fn told(retention: &Retention) -> Value {
    let policies = retention.policies.iter().map(|policy| {
        json!({ "name": policy.name, "filter": selection(&policy.filter), "keep": days(policy.keep) })
    });
    let holds = retention
        .holds
        .iter()
        .map(|hold| json!({ "name": hold.name, "filter": selection(&hold.filter), "until": hold.until }));
    json!({
        "keepsEverything": retention.keeps_everything(),
        "policies": policies.collect::<Vec<_>>(),
        "keep": days(retention.keep),
        "holds": holds.collect::<Vec<_>>(),
        "bytesMax": retention.bytes_max,
        "at": format!("{:02}:{:02}", retention.at.hour(), retention.at.minute()),
        "shareMax": retention.share_max,
        "diskMax": retention.disk_max,
    })
}

/// As it is written in a configuration.
pub(in crate::app) fn days(keep: Keep) -> String {
    match keep {
        Keep::Forever => "forever".to_owned(),
        Keep::For(time) => format!("{}d", time.as_secs() / 86_400),
    }
}

/// A filter, only what it says, by the names of the endpoint's parameters.
pub(in crate::app) fn selection(selection: &Selection) -> Value {
    let results: Vec<String> = selection.result.iter().map(|result| result.as_str().to_owned()).collect();
    let lists = [
        ("actor", &selection.actor),
        ("action", &selection.action),
        ("type", &selection.kind),
        ("category", &selection.category),
        ("source", &selection.source),
        ("result", &results),
        ("targetType", &selection.target_type),
        ("targetId", &selection.target_id),
        ("organization", &selection.organization),
        ("team", &selection.team),
        ("tag", &selection.tag),
    ];
    let lists = lists.into_iter().filter(|(_, values)| !values.is_empty());
    let lists = lists.map(|(name, values)| (name.to_owned(), json!(values)));
    let times = [("from", selection.from), ("to", selection.to)];
    let times = times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(time?))));
    Value::Object(lists.chain(times).collect())
}
