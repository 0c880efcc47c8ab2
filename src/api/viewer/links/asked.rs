//! What a link is asked for by: what it shows, how much of it, for how long, and in whose frames.

use std::time::Duration;

use crate::api::answers::problem::Wrong;
use crate::api::shapes::query::read;
use crate::config::{Grant, Shows, origin};

/// A link as it is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) grant: Grant,
    pub(super) name: String,
    pub(super) lasts: Duration,
    pub(super) shows: Shows,
    /// The sites that may have it in a frame.
    pub(super) sites: Vec<String>,
}

impl Asked {
    /// Reads a query, where these sites may have frames at all.
    ///
    /// # Errors
    /// Everything that is wrong with it; at least one thing.
    pub(super) fn read(query: &str, framing: &[String]) -> Result<Asked, Vec<Wrong>> {
        let (mut grant, mut name, mut lasts, mut shows, mut sites) = (None, None, None, None, Vec::new());
        read(query, PARAMETERS, |parameter, value| {
            let is_second = match parameter {
                "site" => {
                    sites.push(site(value, framing)?);
                    sites.len() > SITES_MAX
                }
                "shows" => shows.replace(shown(value).ok_or("is none of these")?).is_some(),
                "name" => name.replace(named(value)?).is_some(),
                "for" => lasts.replace(duration(value).ok_or("is not that long")?).is_some(),
                word => grant.replace(grant_of(word, value)?).is_some(),
            };
            if is_second {
                Err("is one too many: a link shows one thing, or one person".to_owned())
            } else {
                Ok(())
            }
        })?;
        let Some(grant) = grant else {
            let (parameter, detail) = ("target".to_owned(), "is missing, and so is `actor`".to_owned());
            return Err(vec![Wrong { parameter, detail, accepts: TARGET.to_owned() }]);
        };
        // A frame is seen by whoever sees the page around it.
        if !sites.is_empty() && shows == Some(Shows::Records) {
            let (parameter, detail) =
                ("shows".to_owned(), "goes with no `site`: a frame shows sentences".to_owned());
            return Err(vec![Wrong { parameter, detail, accepts: SHOWS.to_owned() }]);
        }
        let shows = shows.unwrap_or(if sites.is_empty() { Shows::Records } else { Shows::Sentences });
        let name = name.unwrap_or_else(|| grant.to_string().chars().take(NAME_CHARS_MAX).collect());
        Ok(Asked { grant, name, lasts: lasts.unwrap_or(LASTS), shows, sites })
    }
}

fn grant_of(word: &str, value: &str) -> Result<Grant, String> {
    Grant::parse(&format!("{word}:{value}")).ok_or_else(|| "cannot be an identifier".to_owned())
}

fn shown(text: &str) -> Option<Shows> {
    match text {
        "records" => Some(Shows::Records),
        "sentences" => Some(Shows::Sentences),
        _ => None,
    }
}

/// A site that the operator lets have frames; who makes links has no say in that.
fn site(text: &str, framing: &[String]) -> Result<String, String> {
    let site = origin(text).ok_or("is not the origin of a site")?;
    if framing.contains(&site) { Ok(site) } else { Err("is not in `admin.embed`".to_owned()) }
}

fn named(text: &str) -> Result<String, String> {
    let is_name = text.chars().count() <= NAME_CHARS_MAX && !text.contains(char::is_control);
    is_name.then(|| text.to_owned()).ok_or_else(|| "cannot be a link's name".to_owned())
}

/// `12h`, `7d`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "h" => 3_600,
        "d" => DAY_S,
        _ => return None,
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(factor)?;
    (3_600..=90 * DAY_S).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// What `POST /audit/v1/links` takes.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] = &[
    ("target", TARGET),
    ("actor", "what one person did: his id, as the application gives it, in place of `target`, once"),
    ("for", "how long it is good: 1h to 90d, 7d without it, once"),
    ("shows", SHOWS),
    (
        "site",
        "the origin of a site that may have it in a frame, one of `admin.embed`; then it shows sentences; up to 10",
    ),
    ("name", "what it is called in lists and in the log: up to 100 characters, once"),
];
const TARGET: &str = "what it shows: TYPE/ID of one thing, once";
const SHOWS: &str =
    "records, or sentences: no addresses, no values, nothing of the request; records without it, once";
const SITES_MAX: usize = 10;
const NAME_CHARS_MAX: usize = 100;
const DAY_S: u64 = 86_400;
/// How long a link is good where nothing is said; of somebody of a provider, at most.
pub(super) const LASTS: Duration = Duration::from_secs(7 * DAY_S);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_one_thing_or_one_person_and_for_a_time() {
        let check = |query: &str, grant: &str, name: &str, hours: u64| {
            let asked = Asked::read(query, &[]).unwrap();
            let told = (asked.grant.to_string(), asked.name, asked.lasts.as_secs());
            assert_eq!(told, (grant.to_owned(), name.to_owned(), hours * 3_600), "{query}");
        };
        check("target=booking/7", "target:booking/7", "target:booking/7", 168);
        check("target=booking%2Fa%2Fb&for=12h", "target:booking/a/b", "target:booking/a/b", 12);
        check("actor=u4&for=90d&name=For+Ben", "actor:u4", "For Ben", 2_160);
    }

    // THREATS Q10
    #[test]
    fn a_link_for_frames_names_sites_that_may_have_them_and_shows_sentences() {
        let framing = ["https://a.example".to_owned(), "https://b.example:8443".to_owned()];
        let check = |query: &str, shows: Shows, sites: &[&str]| {
            let asked = Asked::read(&format!("target=booking/7{query}"), &framing).unwrap();
            assert_eq!(
                (asked.shows, asked.sites),
                (shows, sites.iter().map(|site| (*site).to_owned()).collect()),
                "{query}"
            );
        };
        check("", Shows::Records, &[]);
        check("&shows=records", Shows::Records, &[]);
        check("&shows=sentences", Shows::Sentences, &[]);
        check("&site=https://A.example/", Shows::Sentences, &["https://a.example"]);
        let both = "&site=https://a.example&site=https://b.example:8443&shows=sentences";
        check(both, Shows::Sentences, &["https://a.example", "https://b.example:8443"]);
    }

    #[test]
    fn what_is_wrong_with_a_wish_is_said() {
        let check = |query: &str, parameter: &str, detail: &str| {
            let wrong = Asked::read(query, &["https://a.example".to_owned()]).unwrap_err();
            assert_eq!(wrong[0].parameter, parameter, "{query}");
            assert!(wrong[0].detail.contains(detail), "{query}: {wrong:?}");
        };
        check("", "target", "missing");
        check("for=7d", "target", "missing");
        check("target=booking", "target", "identifier");
        check("target=booking/1&actor=u4", "actor", "one too many");
        check("target=booking/1&target=booking/2", "target", "one too many");
        check("target=booking/1&grant=auditor", "grant", "not a parameter");
        check("target=booking/1&name=%00", "name", "name");
        check("target=booking/1&shows=all", "shows", "none of these");
        check("target=booking/1&shows=sentences&shows=sentences", "shows", "one too many");
        check("target=booking/1&site=a.example", "site", "not the origin");
        check("target=booking/1&site=https://b.example", "site", "admin.embed");
        check("target=booking/1&site=https://a.example&shows=records", "shows", "a frame shows sentences");
        let eleven = "&site=https://a.example".repeat(SITES_MAX + 1);
        check(&format!("target=booking/1{eleven}"), "site", "one too many");
        for odd in ["0h", "91d", "7", "d", "7w", "-1d", "99999999999999999999d", "1\u{e4}"] {
            check(&format!("target=booking/1&for={odd}"), "for", "is not that long");
        }
    }
}
