//! From files to what can be put into force: configuration and packs, read, checked and tested. Nothing of what
//! runs is touched here, and whatever is wrong is told all at once.

use std::path::Path;

use super::access;
use crate::cli::trial_failures;
use crate::config::{self, Config, environment};
use crate::rules::load::Allowed;
use crate::rules::model::{OnFailure, RuleSet};
use crate::yaml::Problems;

/// Configuration and rules that are sound.
pub(in crate::app) struct Loaded {
    pub(in crate::app) config: Config,
    pub(in crate::app) rules: RuleSet,
    /// The rules as their packs have them, without prefixes and `overrides`: what the packs' tests are about.
    pub(in crate::app) written: RuleSet,
    /// What somebody should look at.
    pub(in crate::app) warnings: Problems,
}

/// Reads and checks the configuration and the packs that it names.
///
/// # Errors
/// Everything that is wrong.
pub(in crate::app) fn load(path: Option<&Path>) -> Result<Loaded, Problems> {
    let config = Config::load(path, environment())?;
    let mut problems = access::problems(path, &config);
    let (rules, written) = match rules(&config) {
        Ok((loaded, written)) => {
            problems.append(loaded.1);
            (loaded.0, written)
        }
        Err(of_rules) => {
            problems.append(of_rules);
            return Err(problems);
        }
    };
    if problems.error_count() > 0 {
        return Err(problems);
    }
    Ok(Loaded { config, rules, written, warnings: problems })
}

/// The same, and runs the tests of the packs. Blocking, and for seconds where packs are large.
///
/// # Errors
/// Everything that is wrong; tests that fail only where nothing else is.
pub(in crate::app) fn load_tested(path: Option<&Path>) -> Result<(Config, RuleSet, Problems), Problems> {
    let Loaded { config, rules, written, mut warnings } = load(path)?;
    let failures = trial_failures(written);
    if failures.error_count() > 0 {
        warnings.append(failures);
        return Err(warnings);
    }
    Ok((config, rules, warnings))
}

type Checked = ((RuleSet, Problems), RuleSet);

/// The packs that a configuration names with their warnings, if they and what they ask for are sound; and the same
/// as written.
///
/// # Errors
/// Everything that is wrong.
pub(in crate::app) fn rules(config: &Config) -> Result<Checked, Problems> {
    let places = config.rules.iter().map(|place| (place.path.as_path(), place.base.as_str()));
    let (mut loaded, written) = RuleSet::load_with_written(places)?;
    let on_failure = match config.on_failure {
        config::OnFailure::Allow => OnFailure::Allow,
        config::OnFailure::Refuse => OnFailure::Refuse,
    };
    for rule in loaded.rules.packs.iter_mut().flat_map(|pack| &mut pack.rules) {
        rule.on_failure.get_or_insert(on_failure);
    }
    let allowed = config.credentials.iter().map(|known| Allowed { name: &known.name, paths: &known.paths });
    let mut problems = loaded.problems;
    problems.append(loaded.rules.check_credentials(&allowed.collect::<Vec<_>>()));
    if problems.error_count() > 0 { Err(problems) } else { Ok(((loaded.rules, problems), written)) }
}
