//! Checkpoints as the log runs: one a minute while something is recorded, and one at the end, kept in the data
//! directory and outside of it. At the start, the newest that is known is compared with the log: one that is smaller
//! now, or another, was rolled back or replaced (THREATS S02).
//!
//! Nothing is written over a place that knows better: while the log is not the one that was signed for, no checkpoint
//! is kept anywhere, so that the next start finds the same.

mod known;
mod past;
mod shelf;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http::Uri;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use self::past::Compared;
use super::post::Post;
use crate::api::{Notary, Standing};
use crate::config::Config;
use crate::notary::{Checkpoint, KEYS_FILE, Signer, Succession, load_or_create, succeeded};
use crate::record::{Log, Urgency};
use crate::store::{Hash, Sealed, StoreError, Tree};
use crate::telemetry::Metrics;

pub(super) use known::{Known, Restored, known};
pub(super) use known::{newest, opened_by};
pub(super) use past::{RESTORED, RESTORED_FILE, RestoredFrom};
pub(super) use shelf::append;

/// Signs until it is told to stop.
pub(super) struct Witness {
    shared: Arc<Shared>,
    /// Hung up to stop the thread.
    stop: Sender<()>,
    /// Hangs up when the thread has ended.
    ended: Receiver<()>,
}

/// Shared by the thread and the audit listener.
struct Shared {
    log: Log,
    signer: Signer,
    /// Whose signatures there were before.
    keys: PathBuf,
    places: Vec<Place>,
    metrics: Arc<Metrics>,
    alarm: Option<String>,
    outside: Mutex<Outside>,
}

/// Where checkpoints are kept.
#[derive(Clone, Debug)]
enum Place {
    /// In the data directory.
    Inside(PathBuf),
    /// A file of the operator's.
    File(PathBuf),
    /// An address of the operator's.
    Webhook(Uri),
}

/// What was signed last, and who has not taken it.
#[derive(Debug, Default)]
struct Round {
    size: Option<u64>,
    owed: Vec<Place>,
}

/// How it went outside.
struct Outside {
    /// When the last checkpoint was taken everywhere; when this began, at first.
    last: Instant,
    trouble: Option<String>,
}

/// The name under which a log signs, which is also its origin.
pub(super) fn name_of(log: &Log) -> String {
    format!("earwitness/{}", log.instance())
}

impl Witness {
    /// Compares the log with what was signed before, tells of it, and begins to sign.
    ///
    /// # Errors
    /// When there is no key and none can be made, or no thread can be started.
    pub(super) async fn begin(log: &Log, config: &Config, metrics: &Arc<Metrics>) -> Result<Witness> {
        let signer = load_or_create(&config.signing_key_file, &name_of(log)).with_context(|| {
            "to begin a new log, move the signing key of the old one away; to go on with the old one, restore its data"
        })?;
        let keys = config.data_dir.join(KEYS_FILE);
        let known = shelf::all_of(&keys).with_context(|| format!("{} cannot be read", keys.display()))?;
        let known = Succession::read(&known, None);
        if known.keys().is_empty() {
            append(&keys, &succeeded(None, &signer))
                .with_context(|| format!("{} cannot be written", keys.display()))?;
        } else if !known.keys().contains(signer.verifier()) {
            tracing::error!(
                "the signing key is not one that signed for this log before, nor was it signed for by one"
            );
        }
        let (of_log, of_config, verifier) = (log.clone(), config.clone(), signer.verifier().clone());
        let compared =
            tokio::task::spawn_blocking(move || past::compare(&of_log, &of_config, &verifier)).await?;
        let alarm = tell(log, &compared).await;
        let shared = Arc::new(Shared {
            log: log.clone(),
            signer,
            keys,
            places: places(config),
            metrics: Arc::clone(metrics),
            alarm,
            outside: Mutex::new(Outside { last: Instant::now(), trouble: None }),
        });
        if shared.alarm.is_none() && compared.is_restored {
            // If it stays, the next start tells of it again.
            let _ = std::fs::remove_file(config.data_dir.join(RESTORED_FILE));
        }
        let (stop, stopped) = channel();
        let (guard, ended) = channel();
        let (own, handle) = (Arc::clone(&shared), Handle::current());
        std::thread::Builder::new().name("witness".to_owned()).spawn(move || {
            own.go_on(&stopped, &handle);
            drop(own);
            drop(guard);
        })?;
        Ok(Witness { shared, stop, ended })
    }

    /// What the audit listener asks.
    pub(super) fn notary(&self) -> Arc<dyn Notary> {
        Arc::clone(&self.shared) as Arc<dyn Notary>
    }

    /// Signs for the last time. Nothing else may be recorded after this.
    pub(super) async fn end(self) {
        let Witness { shared, stop, ended } = self;
        drop((shared, stop));
        // Hung up: there is never anything to receive. Who does not answer is not waited for.
        let _ = tokio::task::spawn_blocking(move || ended.recv_timeout(PATIENCE).is_ok()).await;
    }
}

impl Shared {
    fn go_on(&self, stopped: &Receiver<()>, handle: &Handle) {
        let mut round = Round::default();
        loop {
            let is_last = stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout);
            if self.alarm.is_none() {
                self.turn(&mut round, handle);
            }
            if is_last {
                return;
            }
        }
    }

    /// Signs what is new, for all places. Who has not taken the newest checkpoint gets it again, also while the log rests.
    fn turn(&self, round: &mut Round, handle: &Handle) {
        let tree = self.log.tree();
        if round.size != Some(tree.size()) {
            *round = Round { size: Some(tree.size()), owed: self.places.clone() };
        }
        if !round.owed.is_empty() {
            let note = Checkpoint::of(&tree, &self.signer).signed(&self.signer);
            self.keep(&note, &mut round.owed, handle);
        }
    }

    /// Keeps a checkpoint in these places; those that did not take it are left.
    fn keep(&self, note: &str, places: &mut Vec<Place>, handle: &Handle) {
        let is_outside = places.iter().any(Place::is_outside);
        let mut trouble = None;
        places.retain(|place| {
            let Err(error) = place.keep(note, handle) else { return false };
            if place.is_outside() {
                trouble.get_or_insert(format!("{}: {error:#}", place.name()));
            } else {
                tracing::warn!(%error, "a checkpoint could not be kept in the data directory");
            }
            true
        });
        let mut outside = self.outside.lock();
        match &trouble {
            Some(why) => tracing::error!(why, "a checkpoint was not taken outside"),
            None if is_outside => {
                outside.last = Instant::now();
                self.metrics.checkpoint_outside_seconds.set(Timestamp::now().as_second());
            }
            None => {}
        }
        outside.trouble = trouble;
    }

    fn is_kept_outside(&self) -> bool {
        self.places.iter().any(Place::is_outside)
    }
}

impl Place {
    fn is_outside(&self) -> bool {
        match self {
            Place::Inside(_) => false,
            Place::File(_) | Place::Webhook(_) => true,
        }
    }

    /// Of an address the host alone: whatever else stands in it may be a secret.
    fn name(&self) -> String {
        match self {
            Place::Inside(path) | Place::File(path) => path.display().to_string(),
            Place::Webhook(url) => url.host().unwrap_or_default().to_owned(),
        }
    }

    fn keep(&self, note: &str, handle: &Handle) -> Result<()> {
        match self {
            Place::Inside(path) => Ok(shelf::append_bounded(path, note)?),
            Place::File(path) => Ok(append(path, note)?),
            Place::Webhook(url) => handle.block_on(sent(url, note)),
        }
    }
}

async fn sent(url: &Uri, note: &str) -> Result<()> {
    Post::to(url)?.send("text/plain; charset=utf-8", note.to_owned().into()).await
}

fn places(config: &Config) -> Vec<Place> {
    let inside = Place::Inside(config.data_dir.join(shelf::INSIDE));
    let files = config.checkpoints.files.iter().cloned().map(Place::File);
    let webhooks = config.checkpoints.webhooks.iter().cloned().map(Place::Webhook);
    std::iter::once(inside).chain(files).chain(webhooks).collect()
}

impl Notary for Shared {
    fn key(&self) -> String {
        self.signer.verifier().text()
    }

    fn keys(&self) -> Result<String, StoreError> {
        shelf::all_of(&self.keys).map_err(|error| StoreError::Io(error.to_string()))
    }

    fn subtrees(&self, parts: &[(u64, u64)]) -> Result<Vec<Option<Vec<Hash>>>, StoreError> {
        self.log.subtrees(parts)
    }

    fn tree(&self) -> Tree {
        self.log.tree()
    }

    fn checkpoint(&self, tree: &Tree) -> String {
        Checkpoint::of(tree, &self.signer).signed(&self.signer)
    }

    fn inclusion(&self, entry: &Sealed) -> Result<Option<(Tree, Vec<Hash>)>, StoreError> {
        self.log.inclusion(entry)
    }

    fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        self.log.consistency(old, new)
    }

    fn standing(&self) -> Standing {
        let outside = self.outside.lock();
        Standing {
            alarm: self.alarm.clone(),
            outside_age_s: self.is_kept_outside().then(|| outside.last.elapsed().as_secs()),
            trouble: outside.trouble.clone(),
        }
    }
}

/// Records what the comparison found; the alarm that it is, if it is one.
async fn tell(log: &Log, compared: &Compared) -> Option<String> {
    for event in past::events(compared, Timestamp::now()) {
        match tokio::time::timeout(PATIENCE, log.record(vec![event], Urgency::Now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "what was found about the log could not be recorded"),
            Err(_) => tracing::error!("the disk did not take in time what was found about the log"),
        }
    }
    let alarm =
        compared.conflicts.first().filter(|_| !compared.is_restored).map(|conflict| conflict.why.clone());
    if let Some(alarm) = &alarm {
        tracing::error!(alarm, "the log is NOT the one that was signed for");
    }
    alarm
}

const PERIOD: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
