//! Checkpoints as the log runs: one a minute while something is recorded, and one at the end, kept in the data
//! directory and outside of it. At the start, the newest that is known is compared with the log: one that is smaller
//! now, or another, was rolled back or replaced (THREATS S02).
//!
//! Nothing is written over a place that knows better: while the log is not the one that was signed for, no checkpoint
//! is kept anywhere, so that the next start finds the same.

mod hook;
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
use crate::api::{Notary, Standing};
use crate::config::Config;
use crate::notary::{Checkpoint, KEYS_FILE, Signer, Succession, load_or_create, succeeded};
use crate::record::{Log, Urgency};
use crate::store::{Hash, Sealed, StoreError, Tree};
use crate::telemetry::Metrics;

pub(super) use past::{RESTORED_FILE, RestoredFrom, known};
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
    inside: PathBuf,
    files: Vec<PathBuf>,
    webhooks: Vec<Uri>,
    metrics: Arc<Metrics>,
    alarm: Option<String>,
    outside: Mutex<Outside>,
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
        let known = Succession::read(&std::fs::read_to_string(&keys).unwrap_or_default(), None);
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
            inside: config.data_dir.join(shelf::INSIDE),
            files: config.checkpoints.files.clone(),
            webhooks: config.checkpoints.webhooks.clone(),
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
        let mut signed = None;
        loop {
            let is_last = stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout);
            let tree = self.log.tree();
            if self.alarm.is_none() && signed != Some(tree.size()) {
                self.keep(&Checkpoint::of(&tree, &self.signer).signed(&self.signer), handle);
                signed = Some(tree.size());
            }
            if is_last {
                return;
            }
        }
    }

    /// Keeps a checkpoint in all places.
    fn keep(&self, note: &str, handle: &Handle) {
        if let Err(error) = shelf::append_bounded(&self.inside, note) {
            tracing::warn!(%error, "a checkpoint could not be kept in the data directory");
        }
        let mut trouble = None;
        for path in &self.files {
            let kept = append(path, note).map_err(|error| format!("{}: {error}", path.display()));
            trouble = trouble.or(kept.err());
        }
        for url in &self.webhooks {
            let sent = handle.block_on(hook::send(url, note.to_owned()));
            // Whatever else stands in an address may be a secret.
            let host = url.host().unwrap_or_default();
            trouble = trouble.or(sent.err().map(|error| format!("{host}: {error:#}")));
        }
        let mut outside = self.outside.lock();
        match &trouble {
            Some(why) => tracing::error!(why, "a checkpoint was not taken outside"),
            None => {
                outside.last = Instant::now();
                if self.is_kept_outside() {
                    self.metrics.checkpoint_outside_seconds.set(Timestamp::now().as_second());
                }
            }
        }
        outside.trouble = trouble;
    }

    fn is_kept_outside(&self) -> bool {
        !self.files.is_empty() || !self.webhooks.is_empty()
    }
}

impl Notary for Shared {
    fn key(&self) -> String {
        self.signer.verifier().text()
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
