//! `earwitness link`: a link to the viewer is made in the file of the tokens; whoever runs by it knows it within a second.

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;

use crate::api::{self, LINK_COMMAND, Link, NewToken, Token, TokenFile};
use crate::cli::{Exit, LinkArgs, LinkCommand, LinkCreateArgs};
use crate::config::{Admin, Shows};

use super::token::{Place, place, second};

/// Does what was asked for.
///
/// # Errors
/// When the file of the tokens cannot be used, or nobody is asked for a token.
pub fn link(args: &LinkArgs) -> Result<Exit> {
    let LinkCommand::Create(args) = &args.command;
    let Some(place) = place(&args.at)? else { return Ok(Exit::Wrong) };
    create(&place, args).with_context(|| format!("the file of the tokens, {}", place.path.display()))?;
    Ok(Exit::Done)
}

fn create(place: &Place, args: &LinkCreateArgs) -> Result<()> {
    let is_closed = place.admin.as_ref().is_some_and(|admin| admin.is_closed);
    if !is_closed && !place.path.exists() {
        bail!(
            "nobody is asked for a token yet, and the first one ends that: make your own with `earwitness token create`"
        );
    }
    let LinkCreateArgs { about, lasts, name, site, .. } = args;
    let grant = about.target.clone().or_else(|| about.actor.clone()).context("name a target or an actor")?;
    let shows = shown(place.admin.as_ref(), args)?;
    let NewToken { text, hash } =
        api::fresh_token().map_err(|error| anyhow::anyhow!("no random bits: {error}"))?;
    let now = Timestamp::now();
    let expires = now.checked_add(*lasts)?;
    let name = name.clone().unwrap_or_else(|| grant.to_string().chars().take(100).collect());
    let mut token = Token::new(hash, name, vec![grant.clone()], now);
    token.expires = Some(expires);
    token.link = Some(Link::new(LINK_COMMAND.to_owned(), shows, site.clone()));
    let id = token.id.clone();
    TokenFile::change(&place.path, |file| file.add(token.signed(&text), now))?;
    // The address alone goes to where a program reads.
    writeln!(std::io::stderr(), "link {id} shows {grant} until {}; it is shown once, now:", second(expires))?;
    let base = place.admin.as_ref().and_then(|admin| admin.address.clone()).unwrap_or_default();
    let mut out = std::io::stdout();
    let page = if site.is_empty() { String::new() } else { format!("embed?link={id}") };
    writeln!(out, "{base}/{page}#link={}", text.expose())?;
    Ok(out.flush()?)
}

/// How much the link shows: in a frame, which is seen by whoever sees the page around it, sentences.
fn shown(admin: Option<&Admin>, args: &LinkCreateArgs) -> Result<Shows> {
    let unknown = |site: &&String| admin.is_some_and(|admin| !admin.embed.contains(site));
    if let Some(site) = args.site.iter().find(unknown) {
        bail!("{site} may have no frame: `admin.embed` does not name it");
    }
    match (args.shows, args.site.is_empty()) {
        (Some(Shows::Records), false) => {
            bail!("a link for a frame shows sentences: leave out `--shows` or `--site`")
        }
        (Some(shows), _) => Ok(shows),
        (None, true) => Ok(Shows::Records),
        (None, false) => Ok(Shows::Sentences),
    }
}
