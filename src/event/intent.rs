//! What is written before a request goes to the application: who is about to do what. When the recorder does not
//! live to see the answer, this is what is left, and it becomes an event whose result nobody knows.
//!
//! It holds what the head of the request tells, redacted as an event would be; never a body.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::own::{self, Own};
use super::{
    Actor, Certainty, ClientFacts, Event, MatchFacts, MatchedBy, Note, NoteCode, Outcome, RequestFacts,
    RuleFacts, Sentence, Target,
};
use crate::value::{Value, json};

/// A request that rules want recorded, before it is forwarded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The exchange's id: its events have it as `exchangeId`.
    pub id: Uuid,
    /// When the request arrived.
    pub time: Timestamp,
    /// The rules that it may concern, the first ones.
    pub candidates: Vec<Candidate>,
    /// Who shows this credential, as far as the head tells.
    pub actor: Actor,
    /// From where.
    pub client: ClientFacts,
    /// The request.
    pub request: RequestFacts,
}

/// A rule that may record the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Which rule.
    pub rule: RuleFacts,
    /// The actions that it may record, as far as they stand in the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// What it would be done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

impl Intent {
    /// The event in place of those that were not recorded. Its action is the one that the request's rules have, or
    /// the id of the first rule where they have several.
    pub fn into_event(self, id: Uuid) -> Event {
        let Intent { id: exchange_id, time, candidates, actor, client, request } = self;
        let mut actions: Vec<&str> =
            candidates.iter().flat_map(|one| &one.actions).map(String::as_str).collect();
        actions.dedup();
        let first = candidates.first();
        let action = match (actions.as_slice(), first) {
            ([only], _) => (*only).to_owned(),
            (_, Some(candidate)) => candidate.rule.id.clone(),
            (_, None) => UNNAMED.to_owned(),
        };
        let frame = own::event(Own {
            id,
            time,
            rule: "recovered",
            action: &action,
            title: &action,
            text: String::new(),
            result: Outcome::Unknown,
        });
        let known = candidates
            .iter()
            .map(|one| json!({ "rule": one.rule.id, "actions": one.actions }))
            .collect::<Value>();
        let is_open = candidates.len() > 1 || actions.len() != 1;
        let details = is_open.then(|| ("candidates".to_owned(), known)).into_iter().collect();
        Event {
            exchange_id,
            category: None,
            source: None,
            message: Sentence::plain(
                "Whether this was done is not known: the recorder ended before the answer",
            ),
            actor,
            target: first.and_then(|one| one.target.clone()),
            details,
            client,
            request,
            rule: first.map_or(frame.rule, |one| one.rule.clone()),
            r#match: MatchFacts {
                certainty: Certainty::Doubtful,
                by: MatchedBy::Raw,
                reasons: vec!["only the head of the request was seen".to_owned()],
            },
            notes: vec![Note::plain(NoteCode::Recovered)],
            ..frame
        }
    }
}

/// The action where not even a rule is known.
const UNNAMED: &str = "UNKNOWN";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn intent(rules: &[(&str, &[&str])]) -> Intent {
        let candidate = |(id, actions): &(&str, &[&str])| Candidate {
            rule: RuleFacts { id: (*id).to_owned(), version: "v".to_owned() },
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            target: None,
        };
        Intent {
            id: Uuid::from_u128(7),
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            candidates: rules.iter().map(candidate).collect(),
            actor: Actor::default(),
            client: ClientFacts { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), peer: None, user_agent: None },
            request: RequestFacts {
                id: "r".to_owned(),
                trace_id: None,
                method: "POST".to_owned(),
                url: "http://x.org/a".to_owned(),
                destination: None,
                operation: None,
                part: None,
            },
        }
    }

    #[test]
    fn an_intent_becomes_an_event_that_says_what_was_about_to_be_done() {
        let check = |rules: &[(&str, &[&str])], action: &str, rule: &str, tells_all: bool| {
            let event = intent(rules).into_event(Uuid::from_u128(8));
            assert_eq!((event.action.as_str(), event.rule.id.as_str()), (action, rule));
            assert_eq!((event.exchange_id, event.result), (Uuid::from_u128(7), Outcome::Unknown));
            assert_eq!(event.notes, [Note::plain(NoteCode::Recovered)]);
            assert_eq!(event.details.contains_key("candidates"), tells_all, "{rules:?}");
        };
        check(&[("p/cancel", &["CANCELLED"])], "CANCELLED", "p/cancel", false);
        check(&[("p/edit", &["MOVED", "RENAMED"])], "p/edit", "p/edit", true);
        check(&[("p/edit", &[])], "p/edit", "p/edit", true);
        check(&[("p/a", &["A"]), ("q/b", &["B"])], "p/a", "p/a", true);
        check(&[], "UNKNOWN", "earwitness/recovered", true);
    }

    #[test]
    fn an_intent_reads_as_it_was_written() {
        let written = intent(&[("p/cancel", &["CANCELLED"]), ("p/b", &[])]);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Intent>(&text).unwrap(), written);
    }
}
