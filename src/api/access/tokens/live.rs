//! The tokens as the listener holds them: looked at again once a second at most, when somebody asks. A file that
//! cannot be used any more leaves the last good tokens in force; where there were none, nobody comes in.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::file::{Token, TokenFile};
use super::seen::{Fate, Seen};

/// The tokens in force; shared by all requests.
pub(in crate::api) struct Tokens {
    path: Option<PathBuf>,
    list: ArcSwap<List>,
    looked: tokio::sync::Mutex<Option<Instant>>,
    /// Never held while the disk is waited for: requests note here what they use.
    seen: Mutex<Seen>,
    /// Whose turn it is to write; taken before `seen`.
    writing: Mutex<()>,
    /// Links that were opened for the first time, until that is told.
    opened: Mutex<Vec<Fate>>,
}

#[derive(Default)]
struct List {
    /// What the file was when it was read; `None` where there is none.
    stamp: Option<Stamp>,
    /// True once there was a file: removing it opens nothing.
    is_there: bool,
    by_hash: HashMap<[u8; 32], Arc<Token>>,
}

/// Changes with every change of the file: a changed one is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Tokens {
    /// The tokens of that file; it is not looked at before the first request.
    pub(in crate::api) fn new(path: Option<PathBuf>) -> Tokens {
        let seen = path.as_deref().map(Seen::read).unwrap_or_default();
        Tokens {
            path,
            list: ArcSwap::default(),
            looked: tokio::sync::Mutex::new(None),
            seen: Mutex::new(seen),
            writing: Mutex::default(),
            opened: Mutex::default(),
        }
    }

    /// The file that they are in.
    pub(in crate::api) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The next one looks at once: the file was changed from here.
    pub(in crate::api) async fn has_changed(&self) {
        *self.looked.lock().await = None;
    }

    /// Looks at the file again if that was not done within the last second, and tells what has become of tokens since.
    ///
    /// Dropped halfway, it is told all the same, and the next one looks.
    pub(in crate::api) async fn look(self: &Arc<Tokens>, tell: impl Fn(&Fate) + Send + 'static) {
        let Some(path) = self.path.clone() else { return };
        // Whoever comes meanwhile waits: the first request of all must not find the door open.
        let mut looked = self.looked.lock().await;
        let opened = std::mem::take(&mut *self.opened.lock());
        opened.iter().for_each(&tell);
        if looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        let own = Arc::clone(self);
        let _ = tokio::task::spawn_blocking(move || own.look_at(&path, &tell)).await;
        *looked = Some(Instant::now());
    }

    /// True when readers must show a token, as far as these have a say.
    pub(in crate::api) fn is_there(&self) -> bool {
        self.list.load().is_there
    }

    /// The token with that hash, if it is in force.
    pub(in crate::api) fn find(&self, hash: &[u8; 32], now: Timestamp) -> Option<Arc<Token>> {
        self.list.load().by_hash.get(hash).filter(|token| token.is_live(now)).cloned()
    }

    /// The sites that may have the link of that id in a frame, until it is revoked; one that has ended says so there. None for what is
    /// no link.
    pub(in crate::api) fn framed_by(&self, id: &str) -> Vec<String> {
        let list = self.list.load();
        let token = list.by_hash.values().find(|token| token.id == id);
        token.and_then(|token| token.link.as_ref()).map(|link| link.sites.clone()).unwrap_or_default()
    }

    /// Notes that a token was used; the day of that is written when it is another than the last.
    pub(in crate::api) fn used(self: &Arc<Tokens>, token: &Token, now: Timestamp) {
        let mut seen = self.seen.lock();
        if token.link.is_some() && seen.is_unused(&token.id) {
            self.opened.lock().push(Fate::Opened(token.clone()));
        }
        if seen.used(&token.id, now) {
            drop(seen);
            let own = Arc::clone(self);
            tokio::task::spawn_blocking(move || own.remember());
        }
    }

    fn look_at(&self, path: &Path, tell: &dyn Fn(&Fate)) {
        let (stamp, old) = (stamp(path), self.list.load());
        if stamp == old.stamp {
            return;
        }
        let is_there = old.is_there || stamp.is_some();
        let file = match TokenFile::read(path) {
            Ok(Some(file)) => file,
            Ok(None) => {
                tracing::warn!(path = %path.display(), "the file of the tokens is gone: none is in force");
                TokenFile::default()
            }
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the tokens cannot be read: the last good ones stay");
                let by_hash = old.by_hash.clone();
                self.list.store(Arc::new(List { stamp, is_there, by_hash }));
                return;
            }
        };
        let fates = self.seen.lock().look_at(&file.tokens, Timestamp::now());
        // Time passes, and is looked at for each request; the rest is as it is in the file.
        let is_ended = |token: &Token| !file.is_live(token, Timestamp::MIN);
        let live = file.tokens.iter().filter(|token| !is_ended(token));
        let by_hash = live.map(|token| (token.hash, Arc::new(token.clone()))).collect();
        self.list.store(Arc::new(List { stamp, is_there, by_hash }));
        // Told first and then remembered: killed between the two, we tell twice, and never not at all.
        fates.iter().for_each(tell);
        if !fates.is_empty() {
            self.remember();
        }
    }

    fn remember(&self) {
        let Some(path) = &self.path else { return };
        // One after the other: the last to write has written all.
        let _turn = self.writing.lock();
        let seen = self.seen.lock().clone();
        if let Err(error) = seen.write(path) {
            tracing::warn!(%error, path = %path.display(), "which tokens were used cannot be written");
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let facts = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: facts.ino(), bytes: facts.len(), changed: (facts.ctime(), facts.ctime_nsec()) })
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::Grant;

    fn now() -> Timestamp {
        "2026-01-31T08:00:00Z".parse().unwrap()
    }

    fn token(n: u8) -> Token {
        Token::new([n; 32], format!("token {n}"), vec![Grant::Auditor], now())
    }

    fn put(path: &Path, tokens: &[Token]) {
        TokenFile::change(path, |file| {
            file.tokens = tokens.to_vec();
            Ok(())
        })
        .unwrap();
    }

    /// What a look tells.
    fn told(tokens: &Tokens, path: &Path) -> Vec<Fate> {
        let told: Mutex<Vec<Fate>> = Mutex::default();
        tokens.look_at(path, &|fate| told.lock().push(fate.clone()));
        told.into_inner()
    }

    #[test]
    fn a_changed_file_is_in_force_at_the_next_look_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        let tokens = Tokens::new(Some(path.clone()));
        assert!(told(&tokens, &path).is_empty());
        assert!(!tokens.is_there());
        put(&path, &[token(1)]);
        assert_eq!(told(&tokens, &path), [Fate::Made(token(1))]);
        assert!(tokens.is_there() && tokens.find(&[1; 32], now()).is_some());
        assert!(tokens.find(&[2; 32], now()).is_none());
        let revoked = Token { revoked: Some(now()), ..token(1) };
        put(&path, &[revoked, token(2)]);
        assert_eq!(told(&tokens, &path).len(), 2);
        assert!(tokens.find(&[1; 32], now()).is_none() && tokens.find(&[2; 32], now()).is_some());
        std::fs::write(&path, "{").unwrap();
        assert!(told(&tokens, &path).is_empty());
        assert!(tokens.find(&[2; 32], now()).is_some());
        std::fs::remove_file(&path).unwrap();
        told(&tokens, &path);
        assert!(tokens.is_there() && tokens.find(&[2; 32], now()).is_none(), "a removed file opens nothing");
    }

    #[test]
    fn a_file_that_was_never_good_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        std::fs::write(&path, "no tokens").unwrap();
        let tokens = Tokens::new(Some(path.clone()));
        told(&tokens, &path);
        assert!(tokens.is_there() && tokens.find(&[0; 32], now()).is_none());
    }

    #[tokio::test]
    async fn the_file_is_looked_at_once_a_second_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        put(&path, &[token(1)]);
        let tokens = Arc::new(Tokens::new(Some(path.clone())));
        let (sender, told) = mpsc::channel();
        let look = async || {
            let sender = sender.clone();
            tokens.look(move |fate| sender.send(fate.clone()).unwrap()).await;
            told.try_iter().collect::<Vec<_>>()
        };
        assert_eq!(look().await.len(), 1);
        *tokens.looked.lock().await = Some(Instant::now() + Duration::from_secs(3_600));
        put(&path, &[token(1), token(2)]);
        assert!(look().await.is_empty());
        *tokens.looked.lock().await = None;
        assert_eq!(look().await, [Fate::Made(token(2))]);
    }

    #[tokio::test]
    async fn what_becomes_of_tokens_is_told_before_it_is_remembered_and_also_when_the_one_who_looks_hangs_up()
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        put(&path, &[token(1)]);
        let tokens = Arc::new(Tokens::new(Some(path.clone())));
        let (sender, told) = mpsc::channel();
        let beside = path.clone();
        let tell = move |fate: &Fate| sender.send((fate.clone(), Seen::read(&beside))).unwrap();
        tokio::select! {
            biased;
            () = tokens.look(tell) => panic!("it waits for the disk"),
            () = std::future::ready(()) => (),
        }
        let told = tokio::task::spawn_blocking(move || told.recv_timeout(Duration::from_secs(20)));
        assert_eq!(told.await.unwrap().unwrap(), (Fate::Made(token(1)), Seen::default()));
    }

    #[test]
    fn who_uses_a_token_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.tokens");
        put(&path, &[token(1)]);
        let tokens = Tokens::new(Some(path.clone()));
        told(&tokens, &path);
        std::thread::scope(|scope| {
            // A disk that takes its time.
            let writing = tokens.writing.lock();
            let writer = scope.spawn(|| tokens.remember());
            while !writer.is_finished() && !tokens.seen.lock().used(&token(1).id, now()) {}
            drop(writing);
        });
        assert!(!Seen::read(&path).used(&token(1).id, now()), "it is written with the rest");
    }
}
