//! `earwitness token`: tokens are made, listed and revoked in their file; whoever runs by it sees that within a second.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::api::{self, NewToken, Token, TokenFault, TokenFile};
use crate::cli::{Exit, TokenArgs, TokenCommand, TokenCreateArgs, TokensAt, show, visible};
use crate::config::{Admin, Config, environment};

/// Does what was asked for.
///
/// # Errors
/// When the file of the tokens cannot be used.
pub fn token(args: &TokenArgs) -> Result<Exit> {
    match &args.command {
        TokenCommand::Create(args) => with(&args.at, |path| create(path, args)),
        TokenCommand::List(args) => with(&args.at, list),
        TokenCommand::Revoke(args) => with(&args.at, |path| revoke(path, &args.id)),
    }
}

/// Where tokens are.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// What the configuration says of the listener; `None` where only the file was named.
    pub(super) admin: Option<Admin>,
}

/// Does that with the file that the arguments mean.
fn with(at: &TokensAt, work: impl FnOnce(&Path) -> Result<()>) -> Result<Exit> {
    let Some(Place { path, .. }) = place(at)? else { return Ok(Exit::Wrong) };
    work(&path).with_context(|| format!("the file of the tokens, {}", path.display()))?;
    Ok(Exit::Done)
}

/// What the arguments mean; `None` when the configuration is wrong, which has been shown.
pub(super) fn place(at: &TokensAt) -> Result<Option<Place>> {
    if let Some(file) = &at.file {
        return Ok(Some(Place { path: file.clone(), admin: None }));
    }
    let config = match Config::load(at.config.as_deref(), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(None);
        }
    };
    let path = config.admin.tokens_file.clone().context("name the file of the tokens with --file")?;
    Ok(Some(Place { path, admin: Some(config.admin) }))
}

fn create(path: &Path, args: &TokenCreateArgs) -> Result<()> {
    let TokenCreateArgs { name, grant, expires, .. } = args;
    let now = Timestamp::now();
    let NewToken { text, hash } =
        api::fresh_token().map_err(|error| anyhow::anyhow!("no random bits: {error}"))?;
    let mut grants = grant.clone();
    grants.sort();
    grants.dedup();
    let mut token = Token::new(hash, name.clone(), grants, now);
    token.expires = expires.0.map(|time| now.checked_add(time)).transpose()?;
    let until = match token.expires {
        Some(expires) => format!("until {}", second(expires)),
        None => "for ever".to_owned(),
    };
    let id = token.id.clone();
    TokenFile::change(path, |file| file.add(token, now))?;
    // The token alone goes to where a program reads.
    let mut told = std::io::stderr();
    writeln!(told, "token {id} is good {until}; it is shown once, now:")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", text.expose())?;
    Ok(out.flush()?)
}

fn list(path: &Path) -> Result<()> {
    let (now, used) = (Timestamp::now(), api::last_used(path));
    let file = TokenFile::read(path)?.unwrap_or_default();
    let mut out = std::io::stdout();
    writeln!(out, "{:<14}{:<12}{:<22}{:<14}{:<30}name", "id", "state", "expires", "last used", "grants")?;
    for token in &file.tokens {
        let state = match (token.is_live(now), file.is_live(token, now)) {
            (_, true) => "good",
            // A link whose maker's token is revoked is revoked, too.
            (true, false) => "revoked",
            (false, false) if token.revoked.is_some() => "revoked",
            (false, false) => "expired",
        };
        let expires = token.expires.map_or_else(|| "never".to_owned(), second);
        let grants = token.grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let used = used.get(&token.id).map_or("-", String::as_str);
        let (id, name) = (visible(&token.id), visible(&token.name));
        writeln!(out, "{id:<14}{state:<12}{expires:<22}{used:<14}{:<30}{name}", visible(&grants))?;
    }
    Ok(out.flush()?)
}

fn revoke(path: &Path, id: &str) -> Result<()> {
    if !path.exists() {
        bail!("there is none");
    }
    let revoked = TokenFile::change(path, |file| {
        let token = file.tokens.iter_mut().find(|token| token.id == id);
        let token = token.ok_or_else(|| TokenFault::Unknown(id.to_owned()))?;
        let is_news = token.revoked.is_none();
        token.revoked.get_or_insert(Timestamp::now());
        Ok(is_news)
    })?;
    let told = if revoked { "is revoked" } else { "was revoked before" };
    writeln!(std::io::stdout(), "token {id} {told}")?;
    Ok(())
}

pub(super) fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
