//! What a service manager gives and wants to know: sockets that it has opened, and how the service is (systemd's
//! protocols, which others speak too).
//!
//! A socket that the manager holds stays open while the service restarts: who connects meanwhile waits in its
//! queue and is served by the next process. The log belongs to one process at a time, so two that accept side by
//! side are no way to do that.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// Listeners that the service manager has opened.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// For clients, in place of `listen`.
    pub(super) proxy: Option<TcpListener>,
    /// For auditors, in place of `admin.listen`.
    pub(super) audit: Option<TcpListener>,
}

impl Sockets {
    /// Takes what was passed on. It takes the variables that told of it out of the environment, so it must come
    /// before any thread is started.
    ///
    /// # Errors
    /// When there is more than we have use for, or something else than a TCP listener.
    pub(super) fn inherited() -> Result<Sockets> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let places = places(&names, passed.len())?;
        let mut sockets = Sockets::default();
        for (index, place) in places.into_iter().enumerate() {
            let listener = passed.take_tcp_listener(index);
            let listener = listener.context("a socket passed by the service manager is no TCP listener")?;
            match place {
                Place::Proxy => sockets.proxy = listener,
                Place::Audit => sockets.audit = listener,
            }
        }
        Ok(sockets)
    }
}

/// What a passed socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Proxy,
    Audit,
}

/// By their names (`FileDescriptorName=`), or by their order where they have others: clients first.
fn places(names: &str, count: usize) -> Result<Vec<Place>> {
    let named: Vec<Option<Place>> = names
        .split(':')
        .map(|name| match name {
            "proxy" => Some(Place::Proxy),
            "audit" => Some(Place::Audit),
            _ => None,
        })
        .collect();
    let places: Vec<Place> = match named.iter().any(Option::is_some) {
        true => named.into_iter().flatten().collect(),
        false => [Place::Proxy, Place::Audit].into_iter().take(count).collect(),
    };
    let is_twice = places.len() == 2 && places[0] == places[1];
    if places.len() != count || count > 2 || is_twice {
        bail!("{count} sockets were passed, named `{names}`: one `proxy` and one `audit` can be used");
    }
    Ok(places)
}

/// Everything runs.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Rules and configuration are being loaded anew; [`ready`] follows, whatever comes of it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager was not told of a reload"),
    }
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is in flight")]);
}

/// Says that we are alive, twice in each period that the manager gives; `None` where it does not ask.
pub(super) fn watchdog() -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled()? / 2;
    Some(tokio::spawn(async move {
        let mut beat = tokio::time::interval(period.max(Duration::from_millis(1)));
        loop {
            beat.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }))
}

/// Does nothing where there is no manager to tell.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_told_apart_by_name_and_else_by_order() {
        use Place::{Audit, Proxy};
        let check = |names: &str, count: usize, expected: Option<&[Place]>| {
            assert_eq!(places(names, count).ok().as_deref(), expected, "{names} {count}");
        };
        check("", 0, Some(&[]));
        check("", 1, Some(&[Proxy]));
        check("", 2, Some(&[Proxy, Audit]));
        check("unknown:unknown", 2, Some(&[Proxy, Audit]));
        check("earwitness.socket", 1, Some(&[Proxy]));
        check("audit:proxy", 2, Some(&[Audit, Proxy]));
        check("audit", 1, Some(&[Audit]));
        check("proxy:proxy", 2, None);
        check("proxy:other", 2, None);
        check("proxy", 2, None);
        check("", 3, None);
    }
}
