//! The files that rules and configuration come from, watched.
//!
//! Folders are watched and not files: an editor writes another file and puts it in the place of the old one, and an
//! orchestrator does the same with a link. What is not a rule file or the configuration does not count. What is
//! found is only a hint: whether anything is different, the reload itself finds out.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{Receiver, channel};

use crate::config::Config;

/// Watches while it lives.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
    changed: Receiver<()>,
}

impl Watch {
    /// Watches what this configuration was made of. What cannot be watched is told, and the rest is.
    ///
    /// # Errors
    /// When the system gives no watch at all.
    pub(super) fn of(path: Option<&Path>, config: &Config) -> notify::Result<Watch> {
        // One place: a hint that nobody has taken yet stands for all that follow.
        let (tell, changed) = channel(1);
        let file = path.map(Path::to_owned);
        let places = || config.rules.iter().map(|place| place.path.clone());
        let folders: Vec<PathBuf> = places().filter(|path| path.is_dir()).collect();
        let named: Vec<PathBuf> = places().chain(file).collect();
        let names: Vec<PathBuf> =
            named.iter().filter_map(|path| path.file_name()).map(PathBuf::from).collect();
        let roots: Vec<PathBuf> = folders.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_ours = |path: &PathBuf| {
                let is_named = path.file_name().is_some_and(|name| names.iter().any(|ours| ours == name));
                is_named || roots.iter().any(|root| path.starts_with(root)) || is_link(path)
            };
            let counts = event.is_ok_and(|event| changes(event.kind) && event.paths.iter().any(is_ours));
            if counts {
                let _ = tell.try_send(());
            }
        })?;
        // Where the place itself is put in the place of another: a file, a folder, a link.
        let parents = named.iter().map(|path| (parent(path), RecursiveMode::NonRecursive));
        let folders = folders.into_iter().map(|path| (path, RecursiveMode::Recursive));
        // What is asked for last holds for a folder that is asked for twice.
        for (path, mode) in parents.chain(folders) {
            let path = path.canonicalize().unwrap_or(path);
            if let Err(error) = watcher.watch(&path, mode) {
                tracing::warn!(path = %path.display(), %error, "changes here are not noticed: send SIGHUP");
            }
        }
        Ok(Watch { _watcher: watcher, changed })
    }

    /// Ends when something has changed.
    pub(super) async fn changed(&mut self) {
        if self.changed.recv().await.is_none() {
            // The watcher is gone, which it is not while `self` lives; then nothing changes any more.
            std::future::pending::<()>().await;
        }
    }
}

/// That a file was read is no change; that it was closed after writing is one.
fn changes(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Any | EventKind::Other => false,
    }
}

/// An orchestrator changes a folder of configuration by a link named `..data`, beside the files.
fn is_link(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "..data")
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
