//! What shows that the events of an export are in the log that was signed for, for the command: asked of the process that
//! holds the log, or taken from its directory.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Source;
use crate::app::witness;
use crate::export::{Between, Cover, Proof, Signed};
use crate::store::{Hash, hex};

/// An export that is proven.
pub(super) struct Proving<'s> {
    source: &'s Source,
    /// How many events the log had.
    pub(super) size: u64,
    pub(super) signed: Signed,
    cover: Cover,
}

/// What `GET /audit/v1/subtrees` answers.
#[derive(Deserialize)]
struct Answer {
    data: Hashes,
}

#[derive(Deserialize)]
struct Hashes {
    hashes: Vec<String>,
}

impl Proving<'_> {
    /// Of the log as it is now; `None` where nothing is to be proven, or nobody has signed for all of it.
    pub(super) async fn begin(source: &Source, proof: Proof) -> Result<Option<Proving<'_>>> {
        if proof == Proof::No {
            return Ok(None);
        }
        let found = match source {
            Source::Listener { .. } => {
                let checkpoint = text(source, "/audit/v1/checkpoint").await;
                checkpoint.zip(text(source, "/audit/v1/keys").await).and_then(|(checkpoint, keys)| {
                    let size = checkpoint.lines().nth(1)?.parse().ok()?;
                    Some((size, Signed { checkpoint, keys }))
                })
            }
            // One that ended well has signed for all that it recorded.
            Source::Directory { log, path, .. } => {
                witness::newest(path)?.filter(|(size, _)| *size == log.tree().size())
            }
        };
        Ok(found.map(|(size, signed)| Proving { source, size, signed, cover: Cover::of(size) }))
    }

    /// What is left out before the event of that place.
    pub(super) async fn before(&mut self, sequence: u64) -> Result<Option<Between>> {
        match self.cover.pass(sequence) {
            None => Ok(None),
            Some(part) => self.between(part).await,
        }
    }

    /// What is left out behind the last event.
    pub(super) async fn rest(self) -> Result<Option<Between>> {
        match self.cover.rest() {
            None => Ok(None),
            Some(part) => self.between(part).await,
        }
    }

    /// The hashes of a part; none where they are gone, which whoever checks the file finds out.
    async fn between(&self, (first, last): (u64, u64)) -> Result<Option<Between>> {
        let hashes = match self.source {
            Source::Listener { .. } => {
                let answer = self.source.get(&format!("/audit/v1/subtrees?from={first}&to={last}")).await;
                let Ok(answer) = answer else { return Ok(None) };
                let Answer { data } =
                    serde_json::from_slice(&answer).context("the answer is no list of hashes")?;
                Some(data.hashes)
            }
            Source::Directory { log, .. } => {
                let found = log.subtrees(&[(first, last)])?.pop().flatten();
                found.map(|hashes: Vec<Hash>| hashes.iter().map(|hash| hex(hash)).collect())
            }
        };
        Ok(hashes.map(|hashes| Between { first, last, hashes }))
    }
}

/// What a route answers, where it does.
async fn text(source: &Source, target: &str) -> Option<String> {
    let answer = source.get(target).await.ok()?;
    String::from_utf8(answer.into()).ok()
}
