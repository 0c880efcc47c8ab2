//! Questions as people put them, each often, and each time about something else. Other stores are asked the same: a
//! question is written down in plain words (`peers.py`).

use anyhow::{Result, anyhow};
use earwitness::store::{Clause, Filter};
use jiff::Timestamp;
use serde::Serialize;

use super::events::{DAY_MS, Events, KINDS, RARE, SUBJECTS, noise};

/// What is asked; what is empty is not asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Question {
    pub name: &'static str,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target_id: Option<String>,
    pub ip: Option<String>,
    /// Milliseconds since 1970, the second not included.
    pub times: Option<(i64, i64)>,
    pub word: Option<String>,
    /// Words that stand together.
    pub phrase: Option<String>,
    /// How a word begins.
    pub prefix: Option<String>,
    /// A word that must not be there.
    pub without: Option<String>,
}

impl Question {
    pub(crate) fn filter(&self) -> Result<Filter> {
        let texts = [
            self.word.clone(),
            self.phrase.as_ref().map(|phrase| format!("\"{phrase}\"")),
            self.prefix.as_ref().map(|prefix| format!("{prefix}*")),
            self.without.as_ref().map(|word| format!("-{word}")),
        ];
        let texts: Vec<String> = texts.into_iter().flatten().collect();
        let search = match texts.is_empty() {
            true => Vec::new(),
            false => Clause::parse_all(&texts.join(" ")).map_err(|why| anyhow!(why))?,
        };
        let time = |time: Option<i64>| time.map(Timestamp::from_millisecond).transpose();
        Ok(Filter {
            actor: self.actor.iter().cloned().collect(),
            action: self.action.iter().cloned().collect(),
            target_id: self.target_id.iter().cloned().collect(),
            ip: self.ip.iter().map(|ip| format!("{ip}/32").parse()).collect::<Result<_, _>>()?,
            from: time(self.times.map(|times| times.0))?,
            to: time(self.times.map(|times| times.1))?,
            search,
            ..Filter::default()
        })
    }
}

/// Every kind of question, so often.
pub(crate) fn questions(events: &Events, times: u64) -> Vec<Vec<Question>> {
    let kinds: [fn(&Events, u64) -> Question; 13] = [
        |_, _| Question { name: "no filter", ..Question::default() },
        |events, n| Question { name: "actor", actor: events.event(n).actor.id, ..Question::default() },
        |events, n| Question { name: "action", action: Some(events.event(n).action), ..Question::default() },
        |events, n| Question {
            name: "target id",
            target_id: events.event(n).target.and_then(|target| target.id),
            ..Question::default()
        },
        |events, n| Question {
            name: "address",
            ip: Some(events.event(n).client.ip.to_string()),
            ..Question::default()
        },
        |events, n| Question {
            name: "an hour",
            times: Some(around(events, n, DAY_MS / 24)),
            ..Question::default()
        },
        |_, n| Question { name: "a frequent word", word: Some(subject(n)), ..Question::default() },
        |events, n| Question {
            name: "a rare word",
            word: Some(format!("v{}", n % (events.count / RARE).max(1))),
            ..Question::default()
        },
        |_, n| Question {
            name: "a phrase",
            phrase: Some(format!("{} {}", kind(n), subject(n))),
            ..Question::default()
        },
        |_, n| Question {
            name: "a phrase of frequent words that nobody wrote",
            phrase: Some(format!("{} {}", subject(n), kind(n))),
            ..Question::default()
        },
        |_, n| Question {
            name: "the beginning of a word",
            prefix: Some(subject(n).chars().take(4).collect()),
            ..Question::default()
        },
        |_, n| Question {
            name: "a word and not another",
            word: Some(subject(n)),
            without: Some(kind(n)),
            ..Question::default()
        },
        |events, n| Question {
            name: "actor, action, word, a week",
            actor: events.event(n).actor.id,
            action: Some(events.event(n).action),
            word: Some(subject(n)),
            times: Some(around(events, n, 7 * DAY_MS)),
            ..Question::default()
        },
    ];
    let about = |of: &fn(&Events, u64) -> Question| {
        (0..times).map(|n| of(events, noise(n, 99) % events.count)).collect()
    };
    kinds.iter().map(about).collect()
}

fn around(events: &Events, n: u64, length_ms: i64) -> (i64, i64) {
    let time = events.event(n).time.as_millisecond();
    (time - length_ms / 2, time + length_ms / 2)
}

fn subject(n: u64) -> String {
    SUBJECTS[n as usize % SUBJECTS.len()].to_owned()
}

fn kind(n: u64) -> String {
    KINDS[n as usize / SUBJECTS.len() % KINDS.len()].to_owned()
}
