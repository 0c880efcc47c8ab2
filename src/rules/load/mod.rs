//! From YAML to checked rules.
//!
//! A pack's files are read, their nodes checked key by key, and everything that is wrong is told at once,
//! with place and cure. What comes out (`rules::model`) holds nothing that could be wrong. Nothing but
//! rule files is read here, and a pack can name neither hosts to ask, nor files, nor environment.

mod checks;
mod files;
mod keys;
mod lines;
mod pack;
mod rule;
mod sections;

pub use checks::Allowed;
pub(super) use checks::can_meet;
#[cfg(test)]
pub(super) use keys::seen::all as known_keys;
pub use lines::LineError;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use self::files::{PackFile, PackFiles, PackKind};
use self::keys::Page;
use self::sections::{exceptions, overrides};
use super::described::Exception;
use super::model::{Pack, RuleSet};
use crate::yaml::{self, Problems, Severity, Source, Span};

/// Rules in force, and what somebody should look at.
#[derive(Debug)]
pub struct Loaded {
    /// The rules.
    pub rules: RuleSet,
    /// Warnings only.
    pub problems: Problems,
}

impl RuleSet {
    /// Loads packs: each path is a folder of rule files, a folder of such folders, or a single file.
    ///
    /// # Errors
    /// Everything that is wrong, warnings too, when one of it is an error.
    pub fn load(paths: &[PathBuf]) -> Result<Loaded, Problems> {
        RuleSet::load_below(paths.iter().map(|path| (path.as_path(), "")))
    }

    /// The same, each path with the prefix below which its application lies (no slash at the end; empty for
    /// none).
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn load_below<'p>(places: impl IntoIterator<Item = (&'p Path, &'p str)>) -> Result<Loaded, Problems> {
        let mut problems = Problems::default();
        let files = read_below(places, &mut problems);
        put_together(&files, problems)
    }

    /// The same, and beside it the rules as their packs have them, without prefixes and `overrides`: those are what
    /// the packs' own tests are about. Both come from one reading of the files.
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn load_with_written<'p>(
        places: impl IntoIterator<Item = (&'p Path, &'p str)>,
    ) -> Result<(Loaded, RuleSet), Problems> {
        let mut problems = Problems::default();
        let mut files = read_below(places, &mut problems);
        let loaded = put_together(&files, problems)?;
        files.iter_mut().for_each(|pack| pack.base.clear());
        // What is wrong with them was told above.
        let packs = files.iter().map(|pack| pack::pack(pack, &mut Problems::default())).collect();
        Ok((loaded, RuleSet::new(packs)))
    }

    /// Loads one pack from texts, each with its file's name; as a folder that holds these files would be.
    ///
    /// # Errors
    /// As [`RuleSet::load`].
    pub fn from_texts(pack: &str, texts: &[(&str, &str)]) -> Result<Loaded, Problems> {
        let mut problems = Problems::default();
        let file = |(name, text): &(&str, &str)| {
            let source = Source::new(*name, *text);
            let root = yaml::parse(&source, &mut problems)?;
            Some(PackFile { name: (*name).to_owned(), source, root })
        };
        let files = texts.iter().filter_map(file).collect();
        put_together(&[PackFiles::new(pack.to_owned(), PackKind::Folder, files)], problems)
    }
}

/// Exceptions for `coverage`, from a file of their own.
///
/// # Errors
/// Everything that is wrong with it.
pub fn exceptions(path: &Path) -> Result<Vec<Exception>, Problems> {
    let mut problems = Problems::default();
    let file = files::read_file(path, &mut problems);
    let exceptions = file.map(|file| {
        exceptions::read(&file.root, &mut Page { source: &file.source, problems: &mut problems })
    });
    if problems.error_count() > 0 { Err(problems) } else { Ok(exceptions.unwrap_or_default()) }
}

fn read_below<'p>(
    places: impl IntoIterator<Item = (&'p Path, &'p str)>,
    problems: &mut Problems,
) -> Vec<PackFiles> {
    let mut files = Vec::new();
    for (path, base) in places {
        let found = files::read(path, problems).into_iter();
        files.extend(found.map(|pack| PackFiles { base: base.to_owned(), ..pack }));
    }
    files
}

fn put_together(files: &[PackFiles], mut problems: Problems) -> Result<Loaded, Problems> {
    let mut packs: Vec<Pack> = Vec::new();
    for files in files {
        if packs.iter().any(|pack| pack.name == files.name) {
            let source = files.files.first().map_or_else(|| Source::new("", ""), |file| file.source.clone());
            let message = format!("there is a pack `{}` already", files.name);
            problems.error("E05", &source, Span::default(), message).cure("rename one of the two");
        }
        packs.push(pack::pack(files, &mut problems));
    }
    overrides::apply(files, &mut packs, &mut problems);
    let problems = each_once(&problems);
    if problems.error_count() > 0 {
        return Err(problems);
    }
    Ok(Loaded { rules: RuleSet::new(packs), problems })
}

/// In the order of files and lines, each once: what stands in `defaults` is read for each rule.
fn each_once(problems: &Problems) -> Problems {
    let mut told = HashSet::new();
    let mut once = Problems::default();
    let mut in_order: Vec<_> = problems.iter().collect();
    in_order.sort_by_key(|problem| (&problem.source.name, problem.span.start));
    for problem in in_order {
        let place = (problem.source.name.clone(), problem.span.start, problem.span.end);
        if !told.insert((problem.code, place, problem.message.clone())) {
            continue;
        }
        let again = match problem.severity {
            Severity::Error => {
                once.error(problem.code, &problem.source, problem.span, problem.message.clone())
            }
            Severity::Warning => {
                once.warning(problem.code, &problem.source, problem.span, problem.message.clone())
            }
        };
        again.cure.clone_from(&problem.cure);
    }
    once
}

#[cfg(test)]
mod tests;
