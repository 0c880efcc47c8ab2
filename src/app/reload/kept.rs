//! The rules that were in force last, kept in the data directory: a restart with others must not be a way to change
//! them unseen (THREATS E72). What differs is an event as of a reload; who started the process, nobody tells it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::difference::Difference;
use super::summary::Summary;
use super::{Trigger, event, owners, reloaded};
use crate::config::{Changes, Config};
use crate::record::{Log, Urgency};
use crate::rules::model::RuleSet;
use crate::yaml::Problems;

/// Compares these rules with those that were in force last, records what differs, and keeps them. At the first start
/// there is nothing to compare; a file that cannot be read counts as if there had been no rules, so that all are told.
pub(in crate::app) async fn tell_of_start(config: &Config, rules: &RuleSet, log: &Log) {
    let data_dir = config.data_dir.as_path();
    let now = Summary::of(rules).with_retention(&config.retention).with_erasure(&config.erasure);
    let before = match read(data_dir) {
        Ok(Some(before)) => before,
        Ok(None) => return keep(data_dir, &now),
        Err(error) => {
            tracing::warn!(%error, "which rules were in force last is not known: all are told as new");
            Summary::default()
        }
    };
    if before == now {
        return;
    }
    let difference = Difference::between(&before, &now);
    let reloaded = reloaded(&difference, Changes::default(), &before, &now, &Problems::default());
    let (id, at, owners) = (Uuid::now_v7(), Timestamp::now(), owners(&difference, &before, &now));
    let event = event::of_success(id, at, Trigger::Start, &difference, &reloaded, owners);
    match log.record(vec![event], Urgency::Now).await {
        // Twice rather than never: what was not recorded is told at the next start.
        Ok(()) => keep(data_dir, &now),
        Err(error) => tracing::error!(%error, "that the rules are others could not be recorded"),
    }
    tracing::info!(
        version = reloaded.version,
        added = reloaded.added.len(),
        removed = reloaded.removed.len(),
        changed = reloaded.changed.len(),
        weakened = reloaded.weakened.len(),
        "the rules are not those of the last time"
    );
}

/// Keeps these for the next start.
pub(super) fn keep(data_dir: &Path, rules: &Summary) {
    if let Err(error) = write(&file(data_dir), rules) {
        tracing::warn!(%error, "the next start will not know which rules are in force now");
    }
}

fn read(data_dir: &Path) -> io::Result<Option<Summary>> {
    match fs::read(file(data_dir)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, rules: &Summary) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(rules)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("rules.json")
}
