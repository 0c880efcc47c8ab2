//! Arguments of `earwitness token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::{GRANTS, Grant};

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make one, and print it: it is shown once.
    #[command(
        after_help = "Examples:\n  earwitness token create --config earwitness.yaml --name 'Alma, audit' --grant auditor\n  \
                            earwitness token create --config earwitness.yaml --name salon --grant organization:acme --expires 365d"
    )]
    Create(TokenCreateArgs),
    /// List them: what each may do, until when, and on which day it was last used.
    List(TokenListArgs),
    /// Take one out of use.
    #[command(after_help = "Example:\n  earwitness token revoke --config earwitness.yaml 4fe0c71a92bd")]
    Revoke(TokenRevokeArgs),
}

/// Where the tokens are.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct TokensAt {
    /// The configuration of the Earwitness whose tokens they are, which may be running.
    #[arg(long, short, env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// The file of the tokens, instead of the configuration's.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
pub struct TokenCreateArgs {
    /// Where.
    #[command(flatten)]
    pub at: TokensAt,
    /// Whose it is, or what for: it stands in the log.
    #[arg(long, value_parser = name)]
    pub name: String,
    /// What its holder may do; may be repeated.
    #[arg(long, required = true, value_parser = grant)]
    pub grant: Vec<Grant>,
    /// How long it is good: `12h`, `90d`, `never`.
    #[arg(long, default_value = "90d", value_parser = lifetime)]
    pub expires: Lifetime,
}

/// Arguments of `token list`.
#[derive(Debug, Args)]
pub struct TokenListArgs {
    /// Where.
    #[command(flatten)]
    pub at: TokensAt,
}

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// Where.
    #[command(flatten)]
    pub at: TokensAt,
    /// The token's id, from `token list`.
    pub id: String,
}

/// How long a token is good; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Option<Duration>);

fn grant(text: &str) -> Result<Grant, String> {
    Grant::parse(text).ok_or_else(|| format!("a grant is {GRANTS}"))
}

pub(super) fn name(text: &str) -> Result<String, String> {
    let is_name = !text.trim().is_empty() && text.chars().count() <= 100 && !text.contains(char::is_control);
    is_name.then(|| text.to_owned()).ok_or_else(|| "a name has 1 to 100 characters".to_owned())
}

pub(super) fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let wrong = || "write it as 12h or 90d, up to 3650d, or `never`".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let factor = match unit {
        "h" => 3_600,
        "d" => DAY_S,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    let seconds = seconds.filter(|seconds| (1..=3_650 * DAY_S).contains(seconds)).ok_or_else(wrong)?;
    Ok(Lifetime(Some(Duration::from_secs(seconds))))
}

const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_hours_or_days_or_for_ever() {
        let check = |text: &str, expected: Option<Option<u64>>| {
            let read = lifetime(text).ok().map(|Lifetime(time)| time.map(|time| time.as_secs()));
            assert_eq!(read, expected, "{text}");
        };
        check("never", Some(None));
        check("1h", Some(Some(3_600)));
        check("90d", Some(Some(7_776_000)));
        for text in ["", "d", "90", "0d", "1w", "-1d", "9999999d", "18446744073709551615d", "1ä"] {
            check(text, None);
        }
    }

    #[test]
    fn a_name_is_short_and_a_grant_is_one_of_those_that_there_are() {
        assert!(
            name("Alma").is_ok()
                && name(" ").is_err()
                && name("a\nb").is_err()
                && name(&"x".repeat(101)).is_err()
        );
        assert!(grant("auditor").is_ok() && grant("owner").unwrap_err().contains("organization:ID"));
    }
}
