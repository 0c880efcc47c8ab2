//! Commands that read the log. While a process holds it, they ask its audit listener; when none does, they open
//! the data directory and ask the same routes of it, so that there is one way to read.

mod ask;
mod blindspots;
mod export;
mod import;
mod proving;
mod query;
mod reindex;
mod verify;

pub(super) use ask::{ask, post, post_json};
pub use blindspots::blindspots;
pub use export::export;
pub use import::import;
pub use query::query;
pub use reindex::reindex;
pub(super) use verify::of_log as check_log;
pub use verify::verify;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::key;
use crate::api::{self, Readiness, Routes, RulesState, Setup};
use crate::blind::Blind;
use crate::cli::{WhereArgs, WhichArgs, show};
use crate::config::{Admin, Config, Grant, Limits, environment};
use crate::export::EVERYTHING;
use crate::record::{Log, RecordError};
use crate::telemetry::Metrics;

/// A log that can be asked.
pub(super) enum Source {
    /// Held by a running process.
    Listener {
        authority: String,
        token: Option<String>,
        /// Events a page, at most; `None` when only its address is known.
        page_max: Option<usize>,
    },
    /// Held by nobody but us.
    Directory { routes: Routes, log: Log, page_max: usize, path: PathBuf },
}

/// A page of `GET /audit/v1/events`, its events as they were sent.
#[derive(Deserialize)]
struct Page<'p> {
    #[serde(borrow)]
    data: Vec<&'p RawValue>,
    pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    next_cursor: Option<String>,
}

/// Of `GET /audit/v1/session`, what is needed here.
#[derive(Deserialize)]
struct Session {
    grants: Vec<String>,
}

/// A page of events, each as the endpoint writes it.
pub(super) struct Events {
    events: Vec<String>,
    /// The cursor behind it, where there is more.
    next: Option<String>,
}

impl Source {
    /// The log that the arguments mean; `None` when they are wrong, which has been shown.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(at: &WhereArgs) -> Result<Option<Source>> {
        if let Some(url) = &at.url {
            let (authority, token) = (authority(url)?, at.token.clone());
            return Ok(Some(Source::Listener { authority, token, page_max: None }));
        }
        if let Some(directory) = &at.data_dir {
            return Source::directory(directory, None, Limits::default()).map(Some);
        }
        let config = match Config::load(at.config.as_deref(), environment()) {
            Ok(config) => config,
            Err(problems) => {
                show(&problems)?;
                return Ok(None);
            }
        };
        if is_held(&config.data_dir) {
            return Ok(Some(Source::running(&config, at.token.clone())));
        }
        let key = key::existing(&config.key_file)?;
        Source::directory(&config.data_dir, key, config.limits).map(Some)
    }

    /// The process that runs by this configuration; `token` instead of the configuration's.
    pub(super) fn running(config: &Config, token: Option<String>) -> Source {
        let own = || config.admin.token.as_ref().map(|token| token.expose().to_owned());
        Source::Listener {
            authority: reachable(config.admin.listen).to_string(),
            token: token.or_else(own),
            page_max: Some(config.limits.page_max),
        }
    }

    /// A data directory that nobody holds. Without a key, seals in its journal are not looked at.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn directory(directory: &Path, key: Option<[u8; 32]>, limits: Limits) -> Result<Source> {
        if !directory.is_dir() {
            bail!("there is no data directory {}", directory.display());
        }
        let metrics = Metrics::new();
        let log = Log::open(directory, key, &limits, Arc::clone(&metrics))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let page_max = limits.page_max;
        let state = api::State::new(Setup {
            reader: Arc::new(log.clone()),
            blind: Blind::default(),
            metrics,
            readiness: Arc::new(|| Readiness {
                rules: RulesState::default(),
                is_stopping: false,
                journal: Ok(()),
                troubles: Vec::new(),
                retention: "keeps everything",
            }),
            admin: Admin::open(listen),
            limits,
            searches: None,
            key: key.map_or_else(random_key, Ok)?,
            // Who can open the directory needs no access to be told of.
            tell: Arc::new(|_| ()),
        });
        Ok(Source::Directory { routes: Routes::new(state), log, page_max, path: directory.to_owned() })
    }

    /// Makes the index of a log that nobody else holds anew; returns how many events the log has.
    ///
    /// # Errors
    /// When the index cannot be made.
    fn reindex(&self) -> Result<u64> {
        let Source::Directory { log, .. } = self else { bail!("the log is in use") };
        log.reindex()?;
        Ok(log.head().sequence)
    }

    /// What `GET target` answers.
    ///
    /// # Errors
    /// When nothing answers, or it refuses: in its own words.
    pub(super) async fn get(&self, target: &str) -> Result<Bytes> {
        match self {
            Source::Listener { authority, token, .. } => {
                let (status, body) = ask::fetch(authority, target, token.as_deref()).await?;
                ask::admitted(&format!("http://{authority}"), status, body)
            }
            Source::Directory { routes, .. } => {
                let (status, body) = routes.get(target).await?;
                ask::admitted("the log", status, body)
            }
        }
    }

    /// Hands every event of those asked for to `take`, newest first, as the endpoint writes them, until it has
    /// enough. `told` hears the cursor behind each page.
    ///
    /// # Errors
    /// Those of [`Source::get`] and of `take`.
    pub(super) async fn each(
        &self,
        which: &WhichArgs,
        cursor: Option<&str>,
        mut take: impl FnMut(&str) -> Result<ControlFlow<()>>,
        mut told: impl FnMut(&str),
    ) -> Result<()> {
        let mut cursor = cursor.map(str::to_owned);
        loop {
            let page = self.page(which, None, cursor.as_deref()).await?;
            for event in &page.events {
                if take(event)?.is_break() {
                    return Ok(());
                }
            }
            let Some(next) = page.next else { return Ok(()) };
            told(&next);
            cursor = Some(next);
        }
    }

    /// One page of those asked for; the largest there is, unless `limit` says how many.
    ///
    /// # Errors
    /// Those of [`Source::get`].
    pub(super) async fn page(
        &self,
        which: &WhichArgs,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Events> {
        let which = which.query();
        let page_max = match self {
            Source::Listener { page_max, .. } => *page_max,
            Source::Directory { page_max, .. } => Some(*page_max),
        };
        let limit = limit.or(page_max).map(|limit| format!("&limit={limit}")).unwrap_or_default();
        let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let parameters = format!("{which}{limit}{from}");
        let target = format!("/audit/v1/events?{}", parameters.trim_start_matches('&'));
        let body = self.get(&target).await?;
        let page: Page<'_> = serde_json::from_slice(&body).context("the answer is no page of events")?;
        let events = page.data.into_iter().map(|event| event.get().to_owned()).collect();
        Ok(Events { events, next: page.pagination.next_cursor })
    }

    /// One event, as a page of its own.
    ///
    /// # Errors
    /// Those of [`Source::get`].
    async fn one(&self, id: Uuid) -> Result<Events> {
        let body = self.get(&format!("/audit/v1/events/{id}")).await?;
        let event = String::from_utf8(body.to_vec()).context("the answer is no event")?;
        Ok(Events { events: vec![event], next: None })
    }

    /// What can be seen of the log: `everything`, or the grants of the token; `None` where the listener does not say.
    async fn scope(&self) -> Option<String> {
        if let Source::Directory { .. } = self {
            return Some(EVERYTHING.to_owned());
        }
        let session = self.get("/audit/v1/session").await.ok()?;
        let Session { grants } = serde_json::from_slice(&session).ok()?;
        Some(scope(&grants))
    }

    /// Gives the data directory back.
    pub(super) fn close(self) {
        if let Source::Directory { log, .. } = self {
            log.close(CLOSE_MAX);
        }
    }
}

/// What these grants show of a log. Who operates it sees nothing by that.
fn scope(grants: &[String]) -> String {
    match grants.iter().any(|grant| *grant == Grant::Auditor.to_string()) {
        true => EVERYTHING.to_owned(),
        false => {
            let operator = Grant::Operator.to_string();
            let shown: Vec<&str> =
                grants.iter().map(String::as_str).filter(|grant| *grant != operator).collect();
            shown.join(" ")
        }
    }
}

/// True when another process uses this data directory.
pub(super) fn is_held(directory: &Path) -> bool {
    matches!(Log::holder(directory), Err(RecordError::Held { .. }))
}

/// Cursors hold for one run only then.
fn random_key() -> Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random key can be made: {error}"))?;
    Ok(key)
}

/// Host and port of an audit listener's address.
fn authority(url: &str) -> Result<String> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) => Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80))),
        (_, _) => bail!("`{url}` is not the address of an audit listener, such as http://127.0.0.1:9090"),
    }
}

/// A listener on all addresses is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = listen.ip();
    SocketAddr::new(if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip }, listen.port())
}

const CLOSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_what_is_seen() {
        let check = |grants: &[&str], expected: &str| {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            assert_eq!(scope(&grants), expected);
        };
        check(&["auditor", "operator"], EVERYTHING);
        check(&["operator", "team:b", "target:booking/7"], "team:b target:booking/7");
    }
}
