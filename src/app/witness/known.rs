//! What checkpoints tell of a log, for whoever verifies it: those of its data directory, and those of files elsewhere.
//!
//! A lawful restore gives up what was recorded since the backup, and places outside still have the checkpoints of it.
//! They are not compared, where an event of the log tells of the restore: it names the newest checkpoint of each place,
//! so that in a place all that stand up to that one, and are of more events than the backup had, are of what was
//! given up. What was signed after it counts as ever.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::past::{self, keys, opened};
use super::shelf;
use crate::event::own;
use crate::export;
use crate::notary::{Checkpoint, KEYS_FILE, Succession, Verifier, checkpoints_in};
use crate::store::{Hash, unhex};

/// The checkpoints of a log, by place.
#[derive(Debug, Default)]
pub(in crate::app) struct Known {
    places: Vec<Signed>,
}

/// What a place has.
#[derive(Debug)]
struct Signed {
    by: &'static str,
    /// Sizes and roots, in the order in which they were signed.
    checkpoints: Vec<(u64, Hash)>,
}

/// What an event tells of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Restored {
    /// How many events the backup had.
    events: u64,
    /// The newest checkpoints that the log did not fit any more.
    before: Vec<(u64, Hash)>,
}

/// The checkpoints of a data directory and of files. `pinned` is the key from which on keys are trusted. Files that hold
/// no checkpoint that counts are named.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::app) fn known(
    directory: Option<&Path>,
    files: &[PathBuf],
    pinned: Option<&Verifier>,
) -> Result<(Known, Vec<PathBuf>)> {
    let unread = |path: &Path| format!("{} cannot be read", path.display());
    let keys = match directory {
        Some(directory) => keys(directory, pinned).with_context(|| unread(directory))?,
        None => pinned.cloned().into_iter().collect(),
    };
    let signed = |path: &Path| -> Result<Vec<(u64, Hash)>> {
        let text = shelf::all_of(path).with_context(|| unread(path))?;
        Ok(opened(&text, &keys).map(|found| (found.size, found.root)).collect())
    };
    let (mut known, mut empty) = (Known::default(), Vec::new());
    // What is told outside weighs more.
    for path in files {
        let checkpoints = signed(path)?;
        if checkpoints.is_empty() {
            empty.push(path.clone());
        }
        known.places.push(Signed { by: "a checkpoint kept outside", checkpoints });
    }
    if let Some(directory) = directory {
        let inside = directory.join(shelf::INSIDE);
        let mut checkpoints = signed(&inside.with_extension("old"))?;
        checkpoints.extend(signed(&inside)?);
        known.places.push(Signed { by: "a checkpoint", checkpoints });
    }
    Ok((known, empty))
}

/// The newest checkpoint in a data directory, with its size, and the keys that have signed; `None` where there is none.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::app) fn newest(directory: &Path) -> Result<Option<(u64, export::Signed)>> {
    let unread = || format!("{} cannot be read", directory.display());
    let text = shelf::end_of(&directory.join(shelf::INSIDE)).with_context(unread)?;
    let keys = shelf::all_of(&directory.join(KEYS_FILE)).with_context(unread)?;
    let verifiers = Succession::read(&keys, None);
    let opened = |note: &str| verifiers.keys().iter().find_map(|key| Checkpoint::open(note, key).ok());
    let newest = checkpoints_in(&text).filter_map(|note| Some((opened(note)?.size, note.to_owned()))).last();
    Ok(newest.map(|(size, checkpoint)| (size, export::Signed { checkpoint, keys })))
}

/// The checkpoint that an export has, where a key that is trusted has signed it; `pinned` is the one from which on they
/// are. And which key that was.
pub(in crate::app) fn opened_by(
    signed: &export::Signed,
    pinned: Option<&Verifier>,
) -> Option<(Checkpoint, Verifier)> {
    let keys = Succession::read(&signed.keys, pinned);
    keys.keys().iter().find_map(|key| Some((Checkpoint::open(&signed.checkpoint, key).ok()?, key.clone())))
}

impl Known {
    /// All that are of this log after these restores, with who tells it; and how many are of what was given up.
    pub(in crate::app) fn after(&self, restores: &[Restored]) -> (Vec<(u64, Hash, &'static str)>, usize) {
        let (mut all, mut given_up) = (Vec::new(), 0);
        for Signed { by, checkpoints } in &self.places {
            let kept = after(checkpoints, restores);
            given_up += checkpoints.len() - kept.len();
            all.extend(kept.into_iter().map(|(size, root)| (size, root, *by)));
        }
        (all, given_up)
    }
}

fn after(checkpoints: &[(u64, Hash)], restores: &[Restored]) -> Vec<(u64, Hash)> {
    let mut kept = Vec::new();
    for checkpoint in checkpoints {
        kept.push(*checkpoint);
        for restored in restores.iter().filter(|restored| restored.before.contains(checkpoint)) {
            kept.retain(|(size, _)| *size <= restored.events);
        }
    }
    kept
}

impl Restored {
    /// What an event tells, if it is one that tells of a restore.
    pub(in crate::app) fn told_by(json: &[u8]) -> Option<Restored> {
        #[derive(Deserialize)]
        struct Details {
            events: u64,
            before: Vec<Before>,
        }
        #[derive(Deserialize)]
        struct Before {
            events: u64,
            root: String,
        }
        let details: Details = own::details_of(json, past::RESTORED, past::RULE)?;
        let before = |one: Before| Some((one.events, unhex(one.root.as_bytes())?));
        Some(Restored {
            events: details.events,
            before: details.before.into_iter().filter_map(before).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::past::{Compared, Conflict, events};
    use super::*;
    use crate::store::hex;

    // THREATS S02
    #[test]
    fn only_what_a_restore_gave_up_is_passed_over() {
        let check = |all: &[(u64, Hash)], restores: &[(u64, (u64, Hash))], expected: &[(u64, Hash)]| {
            let restored =
                |(events, before): &(u64, (u64, Hash))| Restored { events: *events, before: vec![*before] };
            let restores: Vec<Restored> = restores.iter().map(restored).collect();
            assert_eq!(after(all, &restores), expected, "{all:?} {restores:?}");
        };
        let (one, two, three, four) = ((1, [1; 32]), (2, [2; 32]), (3, [3; 32]), (4, [4; 32]));
        // Of the same sizes, in the log that went on from the backup.
        let (new_two, new_three) = ((2, [12; 32]), (3, [13; 32]));
        check(&[one, two, three], &[], &[one, two, three]);
        check(&[one, two, three], &[(1, three)], &[one]);
        check(&[one, two, three, new_two, new_three, four], &[(1, three)], &[one, new_two, new_three, four]);
        // Signed over after the restore: that is no restore's doing.
        check(&[one, two, three, new_two, two], &[(1, three)], &[one, new_two, two]);
        check(&[one, two], &[(1, three)], &[one, two]);
        check(&[one, two, three, new_two, new_three], &[(1, three), (1, new_three)], &[one]);
    }

    // THREATS S02
    #[test]
    fn only_our_own_event_tells_a_restore() {
        let compared = Compared {
            conflicts: vec![Conflict { why: "it is shorter".to_owned(), size: 5, root: [5; 32] }],
            is_restored: true,
            events: 3,
            erased_again: None,
        };
        let told = serde_json::to_string(&events(&compared, Timestamp::UNIX_EPOCH)).unwrap();
        let told = told.trim_matches(['[', ']']);
        let restored = Restored { events: 3, before: vec![(5, [5; 32])] };
        assert_eq!(Restored::told_by(told.as_bytes()), Some(restored));
        for (from, to) in
            [("LOG_RESTORED", "RESTORED"), ("\"NONE\"", "\"POST\""), ("earwitness:integrity", "http://app/")]
        {
            assert!(told.contains(from), "{told}");
            assert_eq!(Restored::told_by(told.replace(from, to).as_bytes()), None, "{to}");
        }
        let short = told.replace(&hex(&[5; 32]), "05");
        assert_eq!(Restored::told_by(short.as_bytes()), Some(Restored { events: 3, before: vec![] }));
    }

    #[test]
    fn half_a_checkpoint_spoils_no_other_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let signer = crate::notary::Signer::new("a", &[1; 32]).unwrap();
        let of = |size: u64| Checkpoint { origin: "a".to_owned(), size, root: [7; 32] };
        let (one, two) = (of(1).signed(&signer), of(2).signed(&signer));
        let file = folder.path().join("outside");
        let of = |file: &Path| known(None, &[file.to_owned()], Some(signer.verifier()));
        for cut in 0..one.len() {
            std::fs::write(&file, [one.as_bytes(), &one.as_bytes()[..cut]].concat()).unwrap();
            shelf::append(&file, &two).unwrap();
            let (found, empty) = of(&file).unwrap();
            let sizes: Vec<u64> = found.after(&[]).0.iter().map(|(size, _, _)| *size).collect();
            // Of the last one, only the end of its line may be missing.
            let expected: &[u64] = if cut == one.len() - 1 { &[1, 1, 2] } else { &[1, 2] };
            assert_eq!((sizes.as_slice(), empty.is_empty()), (expected, true), "{cut}");
        }
        assert_eq!(of(&folder.path().join("none")).unwrap().1.len(), 1);
        assert!(of(folder.path()).unwrap_err().to_string().contains("cannot be read"));
    }
}
