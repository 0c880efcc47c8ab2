//! Checkpoints: which log, how many events, and the root of their tree, as a signed note. C2SP tlog-checkpoint. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteFault, Signer, Verifier, signed};
use crate::store::{Hash, Tree};

/// A statement of a log's size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// That of a tree, for the log that the signer signs for.
    pub fn of(tree: &Tree, signer: &Signer) -> Checkpoint {
        Checkpoint { origin: signer.verifier().name().to_owned(), size: tree.size(), root: tree.root() }
    }

    /// It as a signed note.
    pub fn signed(&self, signer: &Signer) -> String {
        let Checkpoint { origin, size, root } = self;
        signed(&format!("{origin}\n{size}\n{}\n", STANDARD.encode(root)), &[signer])
    }

    /// Reads one that this verifier has signed, for the log of its name.
    ///
    /// # Errors
    /// When it is none, or not signed by this one.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Checkpoint, NoteFault> {
        let text = verifier.open(note)?;
        let checkpoint = Checkpoint::parse(text).ok_or(NoteFault::Form)?;
        // A second log with the same key is another log (THREATS S04).
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(NoteFault::Unknown) }
    }

    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, digits, root) = (lines.next()?.to_owned(), lines.next()?, lines.next()?);
        let size: u64 = digits.parse().ok()?;
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        // One way to write each: no sign, no leading zero, no line more.
        let is_plain = size.to_string() == digits && lines.next().is_none();
        is_plain.then_some(Checkpoint { origin, size, root })
    }
}

/// The checkpoints in a file of them. What a write that was cut off has left before one is passed over.
pub fn checkpoints_in(text: &str) -> impl Iterator<Item = &str> {
    notes_in(text).filter_map(|note| {
        let body = note.rfind("\n\n")?;
        let begun = note[..body].rmatch_indices('\n').nth(LINES - 1).map_or(0, |(at, _)| at + 1);
        Some(&note[begun..])
    })
}

/// The notes that stand one after the other in a file. A last one that is not whole is left out.
pub(super) fn notes_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = rest.find("\n\n\u{2014} ")? + 2;
        while rest[end..].starts_with('\u{2014}') {
            end += rest[end..].find('\n')? + 1;
        }
        let (note, behind) = rest.split_at(end);
        rest = behind;
        Some(note)
    })
}

/// Origin, size, root.
const LINES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS S04
    #[test]
    fn a_checkpoint_is_read_only_as_it_is_written_by_the_log_that_it_is_of() {
        let signer = Signer::new("earwitness/1", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "earwitness/1".to_owned(), size: 20_852_163, root: [7; 32] };
        let note = checkpoint.signed(&signer);
        let root = STANDARD.encode([7; 32]);
        assert!(note.starts_with(&format!("earwitness/1\n20852163\n{root}\n\n\u{2014} earwitness/1 ")));
        assert_eq!(Checkpoint::open(&note, signer.verifier()), Ok(checkpoint.clone()));
        let other = Checkpoint { origin: "earwitness/2".to_owned(), ..checkpoint };
        assert_eq!(Checkpoint::open(&other.signed(&signer), signer.verifier()), Err(NoteFault::Unknown));
        for odd in [
            "",
            "a",
            "a\n1\n",
            &format!("a\n01\n{root}\n"),
            &format!("a\n+1\n{root}\n"),
            &format!("a\n1\n{root}\nmore\n"),
            &format!("a\n1\n{root}="),
            "a\n1\nAAAA\n",
        ] {
            assert_eq!(Checkpoint::parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_checkpoint_behind_one_that_was_cut_off_is_found() {
        let signer = Signer::new("a", &[1; 32]).unwrap();
        let one = Checkpoint { origin: "a".to_owned(), size: 1, root: [7; 32] }.signed(&signer);
        let two = Checkpoint { origin: "a".to_owned(), size: 2, root: [8; 32] }.signed(&signer);
        for end in (0..one.len()).filter(|end| one.is_char_boundary(*end) && one[..*end].ends_with('\n')) {
            let text = format!("{one}{}{two}", &one[..end]);
            let sizes =
                checkpoints_in(&text).filter_map(|note| Checkpoint::open(note, signer.verifier()).ok());
            assert_eq!(sizes.map(|found| found.size).collect::<Vec<u64>>(), [1, 2], "{end}");
        }
    }

    #[test]
    fn notes_stand_one_after_the_other_and_half_a_note_is_none() {
        let (one, two) = (Signer::new("a", &[1; 32]).unwrap(), Signer::new("b", &[2; 32]).unwrap());
        let notes = [signed("x\n", &[&one]), signed("y\n\nz\n", &[&one, &two]), signed("w\n", &[&two])];
        let all = notes.concat();
        assert_eq!(notes_in(&all).collect::<Vec<&str>>(), notes);
        for end in (0..notes[0].len() - 1).filter(|end| all.is_char_boundary(*end)) {
            assert_eq!(notes_in(&all[..end]).count(), 0, "{end}");
        }
    }
}
