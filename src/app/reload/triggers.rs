//! What makes a reload happen beside the API: SIGHUP, and files that change.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::watch::Watch;
use super::{Origin, Reloader, Trigger};

/// Reloads at each SIGHUP and, where the configuration says so, when files change: what comes after this function
/// has returned is noticed. The task runs until it is aborted.
///
/// # Errors
/// When the signal cannot be listened for.
pub(in crate::app) async fn follow(reloader: Arc<Reloader>) -> std::io::Result<JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut watch = watch(&reloader).await;
    Ok(tokio::spawn(async move {
        loop {
            let trigger = next(&mut hangup, watch.as_mut()).await;
            // Before it, so that nothing is missed between its reading and the next look; and anew, since a folder
            // may have been replaced by another.
            watch = self::watch(&reloader).await;
            // In a task of its own: what is begun is told and recorded, also when everything stops meanwhile.
            let reloading = Arc::clone(&reloader);
            let done = tokio::spawn(async move { reloading.reload(trigger).await }).await;
            // It may name other files now. Whoever changes one between the reload and this is not noticed.
            if done.is_ok_and(|done| {
                done.is_ok_and(|done| done.settings.iter().any(|key| key == "rules" || key == "watch"))
            }) {
                watch = self::watch(&reloader).await;
            }
        }
    }))
}

async fn watch(reloader: &Reloader) -> Option<Watch> {
    let config = reloader.config().await;
    let Origin::Files(path) = &reloader.parts.origin else { return None };
    if !config.watch {
        return None;
    }
    let watch = Watch::of(path.as_deref(), &config);
    watch.inspect_err(|error| tracing::warn!(%error, "files are not watched: send SIGHUP")).ok()
}

async fn next(hangup: &mut Signal, watch: Option<&mut Watch>) -> Trigger {
    let Some(watch) = watch else {
        hangup.recv().await;
        return Trigger::Signal;
    };
    tokio::select! {
        _ = hangup.recv() => return Trigger::Signal,
        () = watch.changed() => {}
    }
    // Several files are written one after the other: it waits until they are, but not for ever.
    let latest = Instant::now() + SETTLE_MAX;
    while let Ok(Ok(())) = timeout_at(latest, timeout(SETTLE, watch.changed())).await {}
    Trigger::File
}

const SETTLE: Duration = Duration::from_millis(300);
const SETTLE_MAX: Duration = Duration::from_secs(5);
