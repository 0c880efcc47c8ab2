//! What the listener remembers of tokens: the day on which each was last used, and what of its life has been told in
//! the log of events. It stands beside the file of the tokens, because two writers of one file would lose what the
//! other wrote. When it is lost, tokens are told of once more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::file::{Token, with_ending, write_whole};

/// Everything that is remembered, by the ids of tokens; never longer than the file of the tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen(BTreeMap<String, Row>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// `2026-01-31`: no finer, for it is for finding tokens that nobody uses, not for following who uses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    #[serde(default)]
    is_revocation_told: bool,
    /// When it is to end: what has ended and then made room is no news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

/// What has become of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Fate {
    /// It is new.
    Made(Token),
    /// It was revoked.
    Revoked(Token),
    /// It is in the file no more; its id.
    Gone(String),
    /// A link that somebody has opened for the first time.
    Opened(Token),
}

impl Seen {
    pub(super) fn read(path: &Path) -> Seen {
        let text = fs::read_to_string(with_ending(path, ENDING)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        write_whole(&with_ending(path, ENDING), &serde_json::to_string(self).unwrap_or_default())
    }

    /// What has become of these tokens since they were last looked at; it is remembered as told.
    pub(super) fn look_at(&mut self, tokens: &[Token], now: Timestamp) -> Vec<Fate> {
        let mut fates = Vec::new();
        for token in tokens {
            if !self.0.contains_key(&token.id) {
                fates.push(Fate::Made(token.clone()));
            }
            let row = self.0.entry(token.id.clone()).or_default();
            row.expires = token.expires;
            if token.revoked.is_some() && !row.is_revocation_told {
                row.is_revocation_told = true;
                fates.push(Fate::Revoked(token.clone()));
            }
        }
        let is_there = |id: &String| tokens.iter().any(|token| token.id == *id);
        let gone: Vec<String> = self.0.keys().filter(|id| !is_there(id)).cloned().collect();
        for id in gone {
            let was = self.0.remove(&id);
            let is_known = |was: Row| was.is_revocation_told || was.expires.is_some_and(|end| end <= now);
            if !was.is_some_and(is_known) {
                fates.push(Fate::Gone(id));
            }
        }
        fates
    }

    /// True until a token is used.
    pub(super) fn is_unused(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|row| row.last_used.is_none())
    }

    /// Notes that a token was used; true when that is news.
    pub(super) fn used(&mut self, id: &str, now: Timestamp) -> bool {
        let day = day(now);
        let Some(row) = self.0.get_mut(id).filter(|row| row.last_used.as_ref() != Some(&day)) else {
            return false;
        };
        row.last_used = Some(day);
        true
    }
}

/// The days on which tokens were last used, by their ids.
pub fn last_used(path: &Path) -> BTreeMap<String, String> {
    let Seen(rows) = Seen::read(path);
    rows.into_iter().filter_map(|(id, row)| Some((id, row.last_used?))).collect()
}

fn day(now: Timestamp) -> String {
    now.strftime("%Y-%m-%d").to_string()
}

const ENDING: &str = ".seen";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Grant;

    fn now() -> Timestamp {
        "2026-01-31T08:00:00Z".parse().unwrap()
    }

    fn token(n: u8) -> Token {
        Token::new([n; 32], format!("token {n}"), vec![Grant::Auditor], now())
    }

    #[test]
    fn each_turn_in_a_tokens_life_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        let mut seen = Seen::default();
        let revoked = Token { revoked: Some(now()), ..token(2) };
        assert_eq!(seen.look_at(&[token(1)], now()), [Fate::Made(token(1))]);
        assert_eq!(seen.look_at(&[token(1), token(2)], now()), [Fate::Made(token(2))]);
        assert_eq!(seen.look_at(&[token(1), revoked.clone()], now()), [Fate::Revoked(revoked.clone())]);
        seen.write(&path).unwrap();
        let mut seen = Seen::read(&path);
        let ended = Token { expires: Some(now()), ..token(3) };
        assert_eq!(seen.look_at(&[token(1), revoked, ended.clone()], now()), [Fate::Made(ended)]);
        assert_eq!(seen.look_at(&[], now()), [Fate::Gone(token(1).id)]);
        assert_eq!(seen, Seen::default());
    }

    #[test]
    fn a_use_is_news_once_a_day() {
        let mut seen = Seen::default();
        assert!(!seen.used(&token(1).id, now()), "what is not there is not remembered");
        assert!(!seen.is_unused(&token(1).id));
        seen.look_at(&[token(1)], now());
        assert!(seen.is_unused(&token(1).id));
        assert!(seen.used(&token(1).id, now()));
        assert!(!seen.is_unused(&token(1).id));
        assert!(!seen.used(&token(1).id, now()));
        let next = "2026-02-01T00:00:00Z".parse().unwrap();
        assert!(seen.used(&token(1).id, next));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        seen.write(&path).unwrap();
        assert_eq!(last_used(&path)[&token(1).id], "2026-02-01");
        assert!(last_used(folder.path()).is_empty());
    }
}
