//! What the segments of a directory hold: read in order at the start, and again for repair. What is damaged is
//! told and kept as evidence.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::super::JournalError;
use super::super::disk::{self, Disk};
use super::super::finished::{Condition, Finished};
use super::super::format::header::{ALL, Header, Reach};
use super::super::format::seal::Seal;
use super::super::intents::Intents;
use super::read::{self, Bound, Ending, Expected, Scan};
use crate::store::{Head, Sealed};

/// What was found.
pub(in crate::journal) struct Survey<'a> {
    disk: &'a dyn Disk,
    /// The highest event known, also from elsewhere.
    pub head: Head,
    /// The last event that was read.
    read: Option<Head>,
    /// Intents without a closing.
    pub open: Intents,
    /// The newest segment, when it can be written on.
    pub last: Option<Last>,
    /// The highest number of a segment.
    pub number: u64,
    /// What a new segment continues.
    pub reach: Reach,
    /// Segments that are written no more.
    pub finished: Vec<Finished>,
    /// A sentence for each damage.
    pub damage: Vec<String>,
}

/// The newest segment, when it can be written on.
pub(in crate::journal) struct Last {
    pub path: PathBuf,
    pub number: u64,
    pub good_bytes: u64,
    pub end: Head,
}

/// A segment among the others.
struct Place {
    number: u64,
    path: PathBuf,
    header: Option<Header>,
    bound: Bound,
    /// True when a later segment continues an earlier one: nothing in between was ever acknowledged, and it
    /// was to be removed.
    is_passed_over: bool,
}

impl Survey<'_> {
    /// Reads all segments; their events go to `take`, in order.
    ///
    /// # Errors
    /// When the directory cannot be read, or a newer version wrote there.
    pub(in crate::journal) fn of<'a>(
        disk: &'a dyn Disk,
        directory: &Path,
        (instance, seal): (Uuid, &Seal),
        floor: Head,
        take: &mut dyn FnMut(Sealed),
    ) -> Result<Survey<'a>, JournalError> {
        let mut survey = Survey {
            disk,
            head: floor,
            read: None,
            open: Intents::default(),
            last: None,
            number: 0,
            reach: Reach { number: 0, bytes: 0 },
            finished: Vec::new(),
            damage: Vec::new(),
        };
        let io = |error| JournalError::io("list", directory, &error);
        for place in places(disk, directory, instance, seal).map_err(io)? {
            survey.number = place.number;
            if place.is_passed_over {
                survey.finished(place.path, 0, Condition::Good);
                continue;
            }
            let expected =
                Expected { seal, instance, number: place.number, after: survey.read, bound: place.bound };
            let scan = read::scan(disk, &place.path, &expected, take)?;
            survey.missing(&place, &scan);
            survey.file(place, scan);
        }
        Ok(survey)
    }

    /// Tells of events between the segments that no file holds.
    fn missing(&mut self, place: &Place, scan: &Scan) {
        let is_ours = !matches!(scan.ending, Ending::Foreign(_));
        let before = place.header.filter(|_| is_ours).map_or(0, |header| header.before.sequence);
        let known = self.head.sequence;
        if before > known && known > 0 {
            self.tell(&place.path, &format!("entries {} to {before} are missing before it", known + 1));
        }
    }

    /// Decides what becomes of a segment that was read.
    fn file(&mut self, place: Place, scan: Scan) {
        let Place { number, path, bound, .. } = place;
        let Scan { end, taken, good_bytes, is_begun, intents, ending } = scan;
        if let Ending::Foreign(why) = &ending {
            self.tell(&path, why);
            return self.set_aside(&path, "foreign");
        }
        self.open = match is_begun {
            true => intents.alone(),
            false => intents.after(std::mem::take(&mut self.open)),
        };
        self.read = end.or(self.read);
        self.head = end.filter(|end| end.sequence > self.head.sequence).unwrap_or(self.head);
        let last = end.map_or(0, |end| end.sequence);
        let follows = std::mem::replace(&mut self.reach, Reach { number, bytes: good_bytes });
        if ending == Ending::Torn {
            tracing::warn!(path = %path.display(), byte = good_bytes, after = last, "a write that did not come to its end was cut off");
        }
        match ending {
            Ending::Torn if bound == Bound::Newest && !is_begun && is_begun_after(number, follows) => {
                tracing::warn!(path = %path.display(), "a journal segment that was just begun was removed");
                self.reach = follows;
                // If it stays, the next start finds it again.
                let _ = self.disk.remove(&path);
            }
            Ending::Torn if bound == Bound::Newest && !is_begun => {
                self.damaged(path, last, taken, "its beginning is damaged");
            }
            Ending::Damaged(why) => self.damaged(path, last, taken, &why),
            Ending::Torn | Ending::Whole if bound == Bound::Newest => {
                self.last = end.map(|end| Last { path, number, good_bytes, end });
            }
            Ending::Torn | Ending::Whole if bound == Bound::Unknown && is_begun => {
                let condition = self.settled(&path, good_bytes);
                self.finished(path, last, condition);
            }
            Ending::Torn | Ending::Whole | Ending::Foreign(_) => self.finished(path, last, Condition::Good),
        }
    }

    /// Makes durable what was read of a segment of which no later one says how far it counts: a process that was killed
    /// while it began the next one may have left it unsynced, and what is written from now on continues it.
    fn settled(&self, path: &Path, good_bytes: u64) -> Condition {
        match self.disk.resume(path, good_bytes) {
            Ok(_) => Condition::Good,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a journal segment cannot be synced");
                Condition::Damaged
            }
        }
    }

    fn damaged(&mut self, path: PathBuf, last: u64, taken: u64, why: &str) {
        self.tell(&path, why);
        self.reach.bytes = ALL;
        if taken == 0 {
            self.set_aside(&path, "damaged");
        } else {
            self.finished(path, last, Condition::Damaged);
        }
    }

    fn finished(&mut self, path: PathBuf, last: u64, condition: Condition) {
        self.finished.push(Finished { path, last, condition });
    }

    fn set_aside(&self, path: &Path, mark: &str) {
        if let Err(error) = disk::set_aside(self.disk, path, mark) {
            tracing::error!(path = %path.display(), %error, "a journal segment cannot be set aside");
        }
    }

    fn tell(&mut self, path: &Path, why: &str) {
        tracing::error!(path = %path.display(), why, "a journal segment is damaged");
        self.damage.push(format!("{}: {why}", path.display()));
    }
}

/// True when a segment whose beginning is not whole can be one that was just being made: the one that it
/// continues is still there, because it goes only when its successor is on the disk.
fn is_begun_after(number: u64, follows: Reach) -> bool {
    number == 1 || follows.number > 0
}

/// Reads all segments and changes none; what cannot be read was told when the journal was opened.
pub(in crate::journal) fn replay(
    disk: &dyn Disk,
    directory: &Path,
    (instance, seal): (Uuid, &Seal),
    take: &mut dyn FnMut(Sealed),
) {
    let mut after = None;
    let places = places(disk, directory, instance, seal).unwrap_or_default();
    for Place { number, path, bound, .. } in places.into_iter().filter(|place| !place.is_passed_over) {
        match read::scan(disk, &path, &Expected { seal, instance, number, after, bound }, take) {
            Ok(scan) => after = scan.end.or(after),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a journal segment cannot be read again");
            }
        }
    }
}

/// The segments of a directory, in order.
fn places(disk: &dyn Disk, directory: &Path, instance: Uuid, seal: &Seal) -> io::Result<Vec<Place>> {
    let segments = disk::segments(disk, directory)?;
    // A stray file must not make our own entries count for nothing, so only segments of ours bound others.
    let header = |number: &u64, path: &PathBuf| {
        read::header_in(disk, path, Some(seal))
            .filter(|header| header.number == *number && header.instance == instance)
    };
    let headers: Vec<Option<Header>> = segments.iter().map(|(number, path)| header(number, path)).collect();
    let ours: Vec<Header> = headers.iter().flatten().copied().collect();
    let newest = segments.last().map(|(number, _)| *number);
    let bound = |number| match ours.iter().find(|header| header.continues.number == number) {
        Some(header) => Bound::Known(header.continues.bytes),
        None if newest == Some(number) => Bound::Newest,
        None => Bound::Unknown,
    };
    let is_between = |number: u64| {
        ours.iter().any(|header| (header.continues.number + 1..header.number).contains(&number))
    };
    let place = |((number, path), header): ((u64, PathBuf), Option<Header>)| {
        let is_passed_over = header.is_some() && is_between(number);
        Place { number, path, header, bound: bound(number), is_passed_over }
    };
    Ok(segments.into_iter().zip(headers).map(place).collect())
}
