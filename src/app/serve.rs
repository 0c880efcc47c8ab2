//! `earwitness serve`: the proxy and the audit listener, until somebody says stop.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::App;
use super::reload::{self, Loaded, Origin, follow, load};
use super::service::{self, Sockets};
use crate::cli::{Exit, LogFormat, ServeArgs, show, trial_failures};
use crate::config::Config;
use crate::rules::model::RuleSet;
use crate::telemetry;

/// Runs until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// When a part cannot be started or does not end well.
pub fn serve(args: &ServeArgs) -> Result<Exit> {
    let format = match args.log_format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    let loaded = match load(args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    // That nobody can read them, on a full disk, is no reason not to run.
    let _ = show(&loaded.warnings);
    if args.check {
        return check(loaded);
    }
    let sockets = Sockets::inherited()?;
    telemetry::init(format, &args.log)?;
    leave_no_core();
    runtime()?.block_on(run(loaded, Origin::Files(args.config.clone()), sockets))?;
    Ok(Exit::Done)
}

/// The packs that the configuration names, if they and what they ask for are sound.
pub(super) fn rules(config: &Config) -> Result<Option<RuleSet>> {
    let (problems, rules) = match reload::rules(config) {
        Ok(((rules, warnings), _)) => (warnings, Some(rules)),
        Err(problems) => (problems, None),
    };
    show(&problems)?;
    Ok(rules)
}

/// The runtime of everything but the proxy's workers, which have their own.
///
/// # Errors
/// When the system gives no thread or descriptor.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime can be started")
}

/// Runs the packs' tests, and tells what would be in force: what a reload would do, without one.
fn check(loaded: Loaded) -> Result<Exit> {
    let Loaded { config, rules, written, .. } = loaded;
    let failures = trial_failures(written);
    show(&failures)?;
    if failures.error_count() > 0 {
        return Ok(Exit::Failed);
    }
    let count: usize = rules.packs.iter().map(|pack| pack.rules.len()).sum();
    let mut out = std::io::stdout();
    writeln!(out, "{count} rules in {} packs, version {}", rules.packs.len(), rules.version())?;
    for pack in &rules.packs {
        writeln!(
            out,
            "  {} ({}), {} rules, version {}",
            pack.name,
            pack.title,
            pack.rules.len(),
            pack.version
        )?;
    }
    writeln!(out, "proxy on {}, audit listener on {}", config.listen, config.admin.listen)?;
    writeln!(out, "data in {}", config.data_dir.display())?;
    Ok(Exit::Done)
}

async fn run(loaded: Loaded, origin: Origin, sockets: Sockets) -> Result<()> {
    let Loaded { config, rules, .. } = loaded;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let warnings = warnings(&config);
    let app = App::start(config, rules, origin, sockets).await?;
    let following = follow(Arc::clone(&app.reloader)).await?;
    // Before anybody knows that it listens: who stops it at once gets a stop, too.
    let mut stop = Stop::listen()?;
    announce(&app, scheme, &warnings)
        .unwrap_or_else(|error| tracing::warn!(%error, "where it listens cannot be printed"));
    app.reloader.tell_manager();
    let watchdog = service::watchdog();
    stop.asked().await;
    service::stopping();
    following.abort();
    tracing::info!("stopping: finishing what is in flight");
    tokio::spawn(async move {
        stop.asked().await;
        tracing::warn!("stopped at once, as asked a second time");
        std::process::exit(1);
    });
    app.stop().await?;
    // Until here: a stop that hangs is what it is for.
    if let Some(watchdog) = watchdog {
        watchdog.abort();
    }
    Ok(())
}

/// A crash must not write keys, tokens and bodies to the disk (THREATS O07). The limit is one byte and not none: it is too
/// small for a file, and the only one at which Linux hands nothing to a program that collects cores either.
fn leave_no_core() {
    let least = Rlimit { current: Some(1), maximum: Some(1) };
    if let Err(error) = setrlimit(Resource::Core, least) {
        tracing::warn!(%error, "a crash may leave a core file, with all that is in memory");
    }
}

/// What who starts it should know.
fn warnings(config: &Config) -> Vec<&'static str> {
    let has_tokens = config.admin.tokens_file.as_ref().is_some_and(|path| path.exists());
    let is_open = config.admin.token.is_none() && !config.admin.is_closed && !has_tokens;
    let open = "no admin.token is set and no token was made: the audit log is open to every user of this machine, and to no other";
    let is_unverified = config.upstream.is_unverified();
    let unverified = "upstream_tls.insecure is set: whoever answers is believed to be the application";
    let all = [is_open.then_some(open), is_unverified.then_some(unverified)];
    all.into_iter().flatten().collect()
}

/// Prints where it listens.
fn announce(app: &App, scheme: &str, warnings: &[&str]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "proxy listens on {scheme}://{}", app.proxy)?;
    writeln!(out, "audit listens on http://{}", app.audit)?;
    warnings.iter().try_for_each(|warning| writeln!(out, "{warning}"))?;
    out.flush()
}

/// The signals that ask for a stop. None that comes after [`Stop::listen`] is missed, whenever it is waited for.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From now on a signal is a question, and does not end the process by itself.
    ///
    /// # Errors
    /// When the signals cannot be listened for.
    pub(super) fn listen() -> std::io::Result<Stop> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Stop { terminate, interrupt })
    }

    /// Returns at the next SIGTERM or SIGINT.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
