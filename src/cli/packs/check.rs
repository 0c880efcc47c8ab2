//! `earwitness check`: every problem of rule packs at once.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Result;

use super::description::describe;
use super::permissions;
use crate::cli::{CheckArgs, Exit, ProblemFormat};
use crate::rules::load::Loaded;
use crate::rules::model::RuleSet;
use crate::yaml::Problems;

/// Loads the packs and tells what is wrong.
///
/// # Errors
/// When the description cannot be read, or standard output or error cannot be written.
pub fn check(args: &CheckArgs) -> Result<Exit> {
    let description = args.openapi.as_deref().map(describe).transpose()?;
    let mut loaded = permissions::load(args);
    if args.permissions {
        permissions::tell(&loaded)?;
        return Ok(if loaded.is_err() { Exit::Wrong } else { Exit::Done });
    }
    if let (Ok(loaded), Some(description)) = (&mut loaded, &description) {
        description.check(&loaded.rules, &mut loaded.problems);
    }
    let problems = match &loaded {
        Ok(loaded) => &loaded.problems,
        Err(problems) => problems,
    };
    match args.format {
        ProblemFormat::Text => {
            show(problems)?;
            writeln!(std::io::stdout(), "{}", summary(&loaded))?;
        }
        ProblemFormat::Json => {
            writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&problems.to_json())?)?;
        }
    }
    let is_strict_failure = args.strict && problems.warning_count() > 0;
    Ok(if loaded.is_err() || is_strict_failure { Exit::Wrong } else { Exit::Done })
}

/// Loads the packs; what is wrong goes to standard error.
///
/// # Errors
/// When standard error cannot be written.
pub fn load(paths: &[PathBuf]) -> Result<Option<RuleSet>> {
    match RuleSet::load(paths) {
        Ok(loaded) => Ok(Some(loaded.rules)),
        Err(problems) => {
            show(&problems)?;
            Ok(None)
        }
    }
}

/// Problems for people, on standard error.
///
/// # Errors
/// When standard error cannot be written.
pub fn show(problems: &Problems) -> Result<()> {
    let mut out = std::io::stderr();
    let text = if out.is_terminal() { problems.render_coloured() } else { problems.render() };
    write!(out, "{text}")?;
    Ok(())
}

fn summary(loaded: &Result<Loaded, Problems>) -> String {
    match loaded {
        Ok(loaded) => {
            let packs = loaded.rules.packs.len();
            let rules: usize = loaded.rules.packs.iter().map(|pack| pack.rules.len()).sum();
            let warnings = loaded.problems.warning_count();
            let sound = format!("{rules} rules in {packs} packs are sound; {warnings} warnings");
            reveals(&loaded.rules).chain([sound]).collect::<Vec<_>>().join("\n")
        }
        Err(problems) => {
            format!("{} errors, {} warnings", problems.error_count(), problems.warning_count())
        }
    }
}

/// What is excepted from redaction: whoever installs a pack should have seen it.
fn reveals(rules: &RuleSet) -> impl Iterator<Item = String> {
    let packs = rules.packs.iter().filter(|pack| !pack.reveal.is_empty());
    packs.map(|pack| {
        let paths: Vec<&str> = pack.reveal.iter().map(|path| path.text.as_str()).collect();
        format!("{} reveals {}", pack.name, paths.join(", "))
    })
}
