//! From files to what can be put into force: configuration and packs, read, checked and tested. Nothing of what
//! runs is touched here, and whatever is wrong is told all at once.

use std::path::Path;

use super::access;
use crate::cli::trial_failures;
use crate::config::{self, Config, environment};
use crate::rules::load::Allowed;
use crate::rules::model::{OnFailure, Pack, RuleSet};
use crate::yaml::{Problems, Source, Span};

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

/// Packs that are not what the configuration says they are: somebody has changed them since they were looked at
/// (THREATS O01).
fn unlike(config: &Config, written: &RuleSet) -> Problems {
    let mut problems = Problems::default();
    for place in &config.rules {
        let Some(wanted) = &place.version else { continue };
        let is_there = |pack: &&Pack| pack.files.iter().any(|file| Path::new(file).starts_with(&place.path));
        let packs: Vec<&Pack> = written.packs.iter().filter(is_there).collect();
        let source = Source::new(place.path.display().to_string(), "");
        match &packs[..] {
            [pack] if pack.version == *wanted => {}
            [pack] => {
                let message =
                    format!("this pack is not the one that `rules` names: its version is {}", pack.version);
                let cure = "look at what it does now (`earwitness check --permissions`); if that is well, write its version";
                problems.error("C12", &source, Span::default(), message).cure(cure);
            }
            packs => {
                let message = format!("`version` says what one pack is, and there are {}", packs.len());
                let cure = "name the folder or the file of one pack";
                problems.error("C12", &source, Span::default(), message).cure(cure);
            }
        }
    }
    problems
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
    problems.append(unlike(config, &written));
    problems.append(loaded.rules.check_credentials(&allowed.collect::<Vec<_>>()));
    if problems.error_count() > 0 { Err(problems) } else { Ok(((loaded.rules, problems), written)) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "version: 1\nrules: [{ id: r, match: POST /x, action: A }]\n";

    /// The code and text of what is wrong with these rules.
    fn told(folder: &Path, rules: &str) -> Option<String> {
        let path = folder.join("earwitness.yaml");
        let text = format!("listen: 127.0.0.1:1\nupstream: http://127.0.0.1:2\nrules: {rules}\n");
        fs::write(&path, text).unwrap();
        let config = Config::load(Some(&path), []).map_err(|problems| problems.render()).unwrap();
        super::rules(&config).err().map(|problems| problems.render())
    }

    // THREATS O01
    #[test]
    fn a_pack_that_is_not_the_one_that_was_looked_at_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for pack in ["a", "b"] {
            fs::create_dir_all(folder.path().join("packs").join(pack)).unwrap();
            fs::write(folder.path().join("packs").join(pack).join("x.yaml"), ONE).unwrap();
        }
        let version = RuleSet::from_texts("a", &[("x.yaml", ONE)]).unwrap().rules.packs[0].version.clone();
        let pinned = |place: &str| format!("[{{ pack: {place}, version: '{version}' }}]");
        assert_eq!(told(folder.path(), &pinned("packs/a")), None);
        assert_eq!(told(folder.path(), &pinned("packs/a/x.yaml")), None);
        assert!(told(folder.path(), &pinned("packs")).unwrap().contains("there are 2"));
        // Words that mean the same are no change.
        fs::write(folder.path().join("packs/a/x.yaml"), format!("# reviewed\n{ONE}")).unwrap();
        assert_eq!(told(folder.path(), &pinned("packs/a")), None);
        fs::write(folder.path().join("packs/a/x.yaml"), ONE.replace("/x", "/y")).unwrap();
        let told = told(folder.path(), &pinned("packs/a")).unwrap();
        assert!(told.contains("C12") && told.contains("its version is"), "{told}");
    }
}
