//! The house rules that a program can check: which floor imports which, and that every file says what it
//! is for.

use std::fs;
use std::path::{Path, PathBuf};

/// Each floor with its rooms; a room imports only from floors above it in this list, and from itself.
const FLOORS: &[&[&str]] = &[
    &["value"],
    &["event", "exchange"],
    &["yaml"],
    &["config", "rules"],
    &["capture"],
    &["derive", "traffic", "export"],
    &["journal", "store"],
    &["notary"],
    &["telemetry"],
    &["record", "serve", "blind"],
    &["proxy", "api", "cli"],
    &["app"],
];

/// Crates that only these rooms may name.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("sled", &["store"]),
    ("axum", &["api"]),
    ("hyper", &["serve", "proxy", "api", "app"]),
    ("tokio", &["record", "journal", "serve", "telemetry", "proxy", "api", "app"]),
];

/// Imports that the list above would refuse and that are meant.
const MEANT: &[(&str, &str)] = &[
    // A journal entry is a sealed event; the type belongs to the store's trait, which a fleet shares.
    ("journal", "store"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

/// The room a file stands in: the first folder, or the file's own name at the top.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn a_floor_imports_only_from_floors_above_it() {
    let mut wrong = Vec::new();
    for path in all_sources() {
        let own = room(&path);
        let Some(own_floor) = floor(&own) else { continue };
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (index, _) in line.match_indices("crate::") {
                let other: String =
                    line[index + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(other_floor) = floor(&other) else { continue };
                let is_meant = MEANT.contains(&(own.as_str(), other.as_str()));
                if own != other && other_floor >= own_floor && !is_meant {
                    wrong.push(format!("{}:{}: {own} imports {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_crate_stays_in_the_rooms_that_own_it() {
    let mut wrong = Vec::new();
    for path in all_sources() {
        let own = room(&path);
        let text = fs::read_to_string(&path).unwrap();
        for (name, rooms) in KEPT_IN {
            let is_named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(&format!("{name}::")) && !line.contains(&format!("_{name}::")));
            if is_named && floor(&own).is_some() && !rooms.contains(&own.as_str()) {
                wrong.push(format!("{} names {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = all_sources()
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}
