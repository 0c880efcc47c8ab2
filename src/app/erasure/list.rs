//! The list of erasures: of which entries which values went, in order that a restored backup loses them again
//! (THREATS P02). A line of JSON for each part of an erasure, written before anything goes: to `erasures` in the data
//! directory, and to files of the operator's elsewhere, which outlive it.
//!
//! It names nobody. An entry is known by its place and its leaf: after an earlier restore another one may have its place.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::By;
use crate::app::witness::append;
use crate::store::{Hash, Listed, Loss, hex, unhex};

/// Its name in the data directory.
pub(in crate::app) const INSIDE: &str = "erasures";

/// A part of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    /// Whose log it is.
    installation: Uuid,
    /// When.
    time: Timestamp,
    /// What the person is called since.
    person: String,
    confirmed_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// Sequence, leaf in hexadecimal, and which of its personal values, counted from 0.
    events: Vec<(u64, String, Vec<usize>)>,
}

/// Sequence, leaf, and which of its personal values.
type Entry = (u64, Hash, Vec<usize>);

/// What was erased of one person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) person: String,
    pub(super) by: By,
    pub(super) listed: Listed,
}

/// Makes the files that are not there: one that lists nothing says that nothing was erased, one that is missing says nothing.
pub(super) fn make(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = append(file, "") {
            tracing::warn!(%error, path = %file.display(), "a list of erasures cannot be written: nothing is erased until it can");
        }
    }
}

/// Writes to each of the files what goes.
pub(super) fn keep(files: &[PathBuf], log: Uuid, gone: &[Loss], person: &str, by: &By) -> io::Result<()> {
    for gone in gone.chunks(LINE_EVENTS) {
        let one = |loss: &Loss| (loss.sequence, hex(&loss.leaf), loss.places.clone());
        let line = Line {
            installation: log,
            time: Timestamp::now(),
            person: person.to_owned(),
            confirmed_by: by.first.clone(),
            approved_by: by.second.clone(),
            events: gone.iter().map(one).collect(),
        };
        let text = serde_json::to_string(&line)? + "\n";
        for file in files {
            let told =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
            append(file, &text).map_err(told)?;
        }
    }
    Ok(())
}

/// What these files list of that log, by person; and how many lines cannot be read. A write that was cut off leaves such
/// a line, and nothing went before the whole line was there.
pub(super) fn read(files: &[PathBuf], log: Uuid) -> io::Result<(Vec<Past>, usize)> {
    let (mut pasts, mut unread) = (Vec::<Past>::new(), 0);
    for file in files {
        read_one(file, log, &mut pasts, &mut unread)?;
    }
    Ok((pasts, unread))
}

fn read_one(file: &Path, log: Uuid, pasts: &mut Vec<Past>, unread: &mut usize) -> io::Result<()> {
    for line in BufReader::new(File::open(file)?).split(b'\n') {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        let Some((line, events)) = parsed(&line) else {
            *unread += 1;
            continue;
        };
        if line.installation != log {
            continue;
        }
        let by = By { first: line.confirmed_by, second: line.approved_by };
        let at = pasts.iter().position(|past| past.person == line.person).unwrap_or_else(|| {
            pasts.push(Past { person: line.person, by, listed: Listed::default() });
            pasts.len() - 1
        });
        for (sequence, leaf, places) in events {
            pasts[at].listed.add(sequence, leaf, &places);
        }
    }
    Ok(())
}

fn parsed(line: &[u8]) -> Option<(Line, Vec<Entry>)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let is_mark = line.person.len() == 16 && line.person.bytes().all(|byte| byte.is_ascii_hexdigit());
    let events = line
        .events
        .iter()
        .map(|(sequence, leaf, places)| Some((*sequence, unhex(leaf.as_bytes())?, places.clone())));
    let events = events.collect::<Option<Vec<Entry>>>().filter(|_| is_mark)?;
    Some((line, events))
}

/// About half a megabyte as JSON.
const LINE_EVENTS: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(sequence: u64, places: &[usize]) -> Loss {
        Loss { sequence, leaf: [7; 32], places: places.to_vec() }
    }

    // THREATS P02
    #[test]
    fn what_was_listed_is_read_back_by_person_and_half_a_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let (log, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let by = By { first: "ops".to_owned(), second: Some("dpo".to_owned()) };
        let (anna, bob) = ("00000000000000aa", "00000000000000bb");
        let files = [file.clone()];
        keep(&files, log, &[loss(4, &[0, 2])], anna, &by).unwrap();
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + "{\"installation\":").unwrap();
        keep(&files, log, &[loss(4, &[1]), loss(9, &[3])], anna, &by).unwrap();
        keep(&files, other, &[loss(1, &[1])], anna, &by).unwrap();
        let many: Vec<Loss> = (1..=LINE_EVENTS as u64 + 1).map(|sequence| loss(sequence, &[5])).collect();
        keep(&files, log, &many, bob, &by).unwrap();
        let (pasts, unread) = read(&files, log).unwrap();
        assert_eq!((pasts.len(), unread), (2, 1));
        let mut expected = Listed::default();
        [(4, vec![0, 2]), (4, vec![1]), (9, vec![3])]
            .iter()
            .for_each(|(sequence, places)| expected.add(*sequence, [7; 32], places));
        assert_eq!(pasts[0], Past { person: anna.to_owned(), by, listed: expected });
        assert!(!std::fs::read_to_string(&file).unwrap().contains('@'), "it names nobody");
        assert!(read(&[folder.path().join("none")], log).is_err());
    }

    #[test]
    fn what_nobody_can_list_is_not_erased_and_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let by = By { first: "ops".to_owned(), second: None };
        let nowhere = folder.path().join("no/list");
        let error = keep(&[nowhere], Uuid::nil(), &[loss(1, &[0])], "00000000000000aa", &by).unwrap_err();
        assert!(error.to_string().contains("no/list"), "{error}");
        keep(&[], Uuid::nil(), &[loss(1, &[0])], "00000000000000aa", &by).unwrap();
    }

    #[test]
    fn a_line_that_means_no_erasure_is_not_one() {
        let good = format!(
            r#"{{"installation":"{}","time":"2026-01-01T00:00:00Z","person":"00000000000000aa","confirmedBy":"a","events":[[1,"{}",[0]]]}}"#,
            Uuid::nil(),
            hex(&[7; 32])
        );
        assert!(parsed(good.as_bytes()).is_some());
        for (from, to) in
            [("00aa", "00ag"), ("00aa", "aa"), ("0707\"", "07\""), ("[[1", "[[-1"), ("[0]", "0")]
        {
            assert_eq!(parsed(good.replace(from, to).as_bytes()), None, "{to}");
        }
    }
}
