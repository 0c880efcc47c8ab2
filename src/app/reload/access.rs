//! Who else can write rules and configuration: whoever can, decides what is recorded (THREATS O02).
//!
//! What everybody on the machine can write is refused, as sshd does it. What a group can write is a warning only:
//! on many systems each user has a group of his own, and what a checkout makes is open to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::yaml::{Problems, Source, Span};

/// What is wrong with the modes of the configuration file, of the folders of rules, and of the files in them.
pub(super) fn problems(path: Option<&Path>, config: &Config) -> Problems {
    let mut problems = Problems::default();
    let files = path.map(Path::to_owned).into_iter();
    let places = config.rules.iter().flat_map(|place| below(&place.path, DEPTH_MAX));
    for file in files.chain(places) {
        if let Ok(facts) = fs::metadata(&file) {
            look_at(&file, facts.permissions().mode(), &mut problems);
        }
    }
    problems
}

fn look_at(path: &Path, mode: u32, problems: &mut Problems) {
    let is_folder = path.is_dir();
    // Where the sticky bit is set, nobody replaces what is another's; that somebody adds a file is what matters.
    let place = Source::new(path.display().to_string(), "");
    let thing = if is_folder { "folder" } else { "file" };
    if mode & 0o002 != 0 {
        if is_read_only(path) {
            return;
        }
        let message =
            format!("everybody on this machine can write this {thing}, and so decide what is recorded");
        let cure = format!("chmod o-w {}", path.display());
        problems.error("C10", &place, Span::default(), message).cure(cure);
    } else if mode & 0o020 != 0 {
        let message = format!("a group can write this {thing}, and so decide what is recorded");
        let cure = format!("chmod g-w {}, if the group has others in it", path.display());
        problems.warning("C11", &place, Span::default(), message).cure(cure);
    }
}

/// True on a file system that is mounted read-only, as an orchestrator does with folders of configuration: their mode
/// lets everybody write, and nobody can.
fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|facts| facts.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// A place of rules: itself, its files, and those of the folders in it, as far as rules are read there.
fn below(path: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if depth == 0 || !path.is_dir() {
        return found;
    }
    let Ok(entries) = fs::read_dir(path) else { return found };
    for entry in entries.flatten().take(ENTRIES_MAX) {
        let inside = entry.path();
        let is_rule_file = inside.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if inside.is_dir() {
            found.extend(below(&inside, depth - 1));
        } else if is_rule_file {
            found.push(inside);
        }
    }
    found
}

/// A folder of packs, a pack, its files.
const DEPTH_MAX: usize = 2;
const ENTRIES_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS O02
    #[test]
    fn what_everybody_can_write_is_refused_and_what_a_group_can_write_is_told() {
        let check = |mode: u32, is_folder: bool, expected: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            let (pack, file) = (folder.path().join("pack"), folder.path().join("pack/rules.yaml"));
            fs::create_dir(&pack).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let thing = if is_folder { &pack } else { &file };
            fs::set_permissions(thing, fs::Permissions::from_mode(mode)).unwrap();
            let mut problems = Problems::default();
            for path in below(folder.path(), DEPTH_MAX) {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                look_at(&path, mode, &mut problems);
            }
            let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, expected, "{mode:o} {is_folder}");
        };
        for (mode, expected) in [
            (0o600, &[][..]),
            (0o644, &[]),
            (0o664, &["C11"]),
            (0o620, &["C11"]),
            (0o646, &["C10"]),
            (0o666, &["C10"]),
            (0o602, &["C10"]),
        ] {
            check(mode, false, expected);
            check(mode | 0o100, true, expected);
        }
        check(0o1777, true, &["C10"]);
    }
}
