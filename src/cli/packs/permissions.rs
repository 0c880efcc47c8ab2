//! `earwitness check --permissions`: what a pack may do beyond looking at traffic.
//!
//! Packs are written by others. Who installs one wants to know what it asks the application, as whom, and
//! what it takes out of redaction (THREATS O01); in a form whose lines can be compared between two versions.

use std::io::Write;

use anyhow::Result;

use super::check::show;
use crate::cli::{CheckArgs, visible};
use crate::config::{Config, environment};
use crate::rules::load::{Allowed, Loaded};
use crate::rules::model::{Address, Pack, Read, RuleSet, SegmentPattern};
use crate::yaml::Problems;

/// The packs that are to be checked: those named, then those of the configuration, whose credentials are
/// held against what all of them ask for.
pub(super) fn load(args: &CheckArgs) -> Result<Loaded, Problems> {
    let Some(path) = &args.config else { return RuleSet::load(&args.paths) };
    let config = Config::load(Some(path), environment())?;
    let named = args.paths.iter().map(|path| (path.as_path(), ""));
    let configured = config.rules.iter().map(|place| (place.path.as_path(), place.base.as_str()));
    let loaded = RuleSet::load_below(named.chain(configured))?;
    let allowed = config.credentials.iter().map(|known| Allowed { name: &known.name, paths: &known.paths });
    let problems = loaded.rules.check_credentials(&allowed.collect::<Vec<_>>());
    if problems.error_count() > 0 { Err(problems) } else { Ok(loaded) }
}

/// Tells what each pack may do.
///
/// # Errors
/// When standard output or error cannot be written.
pub(super) fn tell(loaded: &Result<Loaded, Problems>) -> Result<()> {
    match loaded {
        Ok(loaded) => {
            let mut out = std::io::stdout();
            for pack in &loaded.rules.packs {
                for line in permissions(pack) {
                    writeln!(out, "{}", visible(&line))?;
                }
            }
            Ok(())
        }
        Err(problems) => show(problems),
    }
}

/// One line for each permission, sorted, each once.
fn permissions(pack: &Pack) -> Vec<String> {
    let mut lines: Vec<String> = pack.reads().map(|read| asks(pack, read)).collect();
    lines.extend(pack.reveal.iter().map(|path| format!("{} reveals {}", pack.name, path.text)));
    lines.sort();
    lines.dedup();
    lines
}

fn asks(pack: &Pack, read: &Read) -> String {
    let place = match &read.address {
        Address::Own => "the request's own path".to_owned(),
        Address::Path(segments) => format!("{}{}", pack.base, shape(segments)),
    };
    let who = match &read.credentials {
        Some(credentials) => format!("with the credential `{}`", credentials.name),
        None => "as the caller".to_owned(),
    };
    let forwarded = match read.forward.as_slice() {
        [] => String::new(),
        names => format!(", sends along {}", names.join(", ")),
    };
    format!("{} reads {} {place} {who}{forwarded}", pack.name, read.method)
}

fn shape(segments: &[SegmentPattern]) -> String {
    let one = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(text) => format!("/{text}"),
        SegmentPattern::Part { prefix, name, suffix } => format!("/{prefix}{{{name}}}{suffix}"),
        SegmentPattern::Tail(name) => format!("/{{{name}*}}"),
    };
    segments.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_says_what_it_reads_and_as_whom_and_what_it_reveals() {
        // THREATS O01, B05
        let text = "version: 1
reveal: [$.response.body.error.code]
actors: [{ name: session, ask: GET /me, actor: { id: $.answer.body.id } }]
resources:
  thing: { read: { request: \"GET /v2/things/{id}.json\", credentials: audit } }
  same: { read: { request: GET self, forward: [x-tenant] } }
rules:
  - { id: a, match: \"PUT /v2/things/{id}\", before: thing, action: A }
  - { id: b, match: PUT /x, before: same, action: B }
";
        let loaded = RuleSet::from_texts("p", &[("pack.yaml", text)]).map_err(|p| p.render()).unwrap();
        let expected = [
            "p reads GET /me as the caller",
            "p reads GET /v2/things/{id}.json with the credential `audit`",
            "p reads GET the request's own path as the caller, sends along x-tenant",
            "p reveals $.response.body.error.code",
        ];
        assert_eq!(permissions(&loaded.rules.packs[0]), expected);
        let check = |name: &str, path: &str, told: &str| {
            let paths = [path.to_owned()];
            let problems = loaded.rules.check_credentials(&[Allowed { name, paths: &paths }]).render();
            assert!(
                if told.is_empty() { problems.is_empty() } else { problems.contains(told) },
                "{problems}"
            );
        };
        check("audit", "/v2", "");
        check("audit", "", "");
        check("audit", "/v2/things/7", "not meant for this path");
        check("audit", "/v20", "not meant for this path");
        check("audi", "/v2", "did you mean `audi`?");
    }
}
