//! Arguments of `earwitness link`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::{Grant, Shows, origin};

use super::token::{Lifetime, TokensAt, lifetime, name};

/// Arguments of `link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LinkCommand,
}

/// What can be done with links. They are listed and revoked as other tokens are.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Make one, and print it: it is shown once. `earwitness token` lists and revokes it.
    #[command(
        after_help = "Examples:\n  earwitness link create --config earwitness.yaml --target booking/7 --for 2d --name 'For the tax office'\n  \
                            earwitness link create --config earwitness.yaml --actor u4"
    )]
    Create(LinkCreateArgs),
}

/// Arguments of `link create`.
#[derive(Debug, Args)]
pub struct LinkCreateArgs {
    /// Where.
    #[command(flatten)]
    pub at: TokensAt,
    /// Of what it shows the events.
    #[command(flatten)]
    pub about: Shown,
    /// How long it is good: `1h` to `90d`.
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = link_lifetime)]
    pub lasts: Duration,
    /// How much of each event: whole records, or sentences without addresses and values.
    #[arg(long, value_name = "WHAT")]
    pub shows: Option<Shows>,
    /// A site that may have it in a frame, one of `admin.embed`; may be repeated. Such a link shows sentences.
    #[arg(long, value_name = "ORIGIN", value_parser = site)]
    pub site: Vec<String>,
    /// For whom or what it is: it stands in the log.
    #[arg(long, value_parser = name)]
    pub name: Option<String>,
}

/// What a link shows: one thing, or one person.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Shown {
    /// The events of one thing, and those that are linked to it.
    #[arg(long, value_name = "TYPE/ID", value_parser = target)]
    pub target: Option<Grant>,
    /// What one person did, by the id that the application gives.
    #[arg(long, value_name = "ID", value_parser = actor)]
    pub actor: Option<Grant>,
}

fn target(text: &str) -> Result<Grant, String> {
    Grant::parse(&format!("target:{text}")).ok_or_else(|| "write it as TYPE/ID: booking/7".to_owned())
}

fn actor(text: &str) -> Result<Grant, String> {
    Grant::parse(&format!("actor:{text}")).ok_or_else(|| "an id has 1 to 500 characters".to_owned())
}

fn site(text: &str) -> Result<String, String> {
    origin(text).ok_or_else(|| "write the origin of a site: https://office.example.org".to_owned())
}

fn link_lifetime(text: &str) -> Result<Duration, String> {
    let time = lifetime(text).ok().and_then(|Lifetime(time)| time);
    let time = time.filter(|time| *time <= Duration::from_secs(90 * 86_400));
    time.ok_or_else(|| "write it as 12h or 7d, up to 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_a_time_and_for_one_thing_or_person() {
        assert_eq!(link_lifetime("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["never", "91d", "0h", ""] {
            assert!(link_lifetime(wrong).is_err(), "{wrong}");
        }
        assert_eq!(target("booking/7").map(|grant| grant.to_string()), Ok("target:booking/7".to_owned()));
        assert_eq!(site("https://Office.example.org/").as_deref(), Ok("https://office.example.org"));
        assert!(site("office.example.org").is_err());
        assert!(target("booking").is_err() && actor("").is_err() && actor("u4").is_ok());
    }
}
