//! Which keys have signed for a log: a file of notes, each with a key, signed by that key and by the one before it. So
//! who trusts one of them can trust those after it. Public: it lies in the data directory and goes with each copy.

use super::checkpoint::notes_in;
use super::note::{Signer, Verifier, signed};

/// The keys of a log, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Succession(Vec<Verifier>);

/// A note that names the key that comes next; without one before, the first.
pub fn succeeded(before: Option<&Signer>, next: &Signer) -> String {
    let signers: Vec<&Signer> = before.into_iter().chain([next]).collect();
    signed(&format!("{TITLE}\n{}\n", next.verifier().text()), &signers)
}

impl Succession {
    /// Reads the file, as far as each key was signed for by the one before. With `pinned`, the keys from that one on;
    /// that one alone when it is not among them.
    pub fn read(text: &str, pinned: Option<&Verifier>) -> Succession {
        let mut keys: Vec<Verifier> = Vec::new();
        for note in notes_in(text) {
            let Some(next) = named(note) else { break };
            let is_own = next.open(note).is_ok();
            let is_followed =
                keys.last().is_none_or(|last| last.open(note).is_ok() && last.name() == next.name());
            if !is_own || !is_followed {
                break;
            }
            keys.push(next);
        }
        match pinned {
            None => Succession(keys),
            Some(pinned) => {
                let from = keys.iter().position(|key| key == pinned).unwrap_or(keys.len());
                let mut keys = keys.split_off(from);
                if keys.is_empty() {
                    keys.push(pinned.clone());
                }
                Succession(keys)
            }
        }
    }

    /// The keys, the oldest first.
    pub fn keys(&self) -> &[Verifier] {
        &self.0
    }
}

fn named(note: &str) -> Option<Verifier> {
    Verifier::parse(note.strip_prefix(TITLE)?.strip_prefix('\n')?.lines().next()?)
}

const TITLE: &str = "earwitness signing key";
/// Where it lies in a data directory.
pub const KEYS_FILE: &str = "keys";

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS S03
    #[test]
    fn a_key_counts_when_the_one_before_it_has_signed_for_it() {
        let [a, b, c, thief] = [1, 2, 3, 9].map(|seed| Signer::new("log", &[seed; 32]).unwrap());
        let (first, second, third) = (succeeded(None, &a), succeeded(Some(&a), &b), succeeded(Some(&b), &c));
        let check = |text: &str, pinned: Option<&Signer>, expected: &[&Signer]| {
            let read = Succession::read(text, pinned.map(Signer::verifier));
            assert_eq!(
                read.keys(),
                expected.iter().map(|key| key.verifier().clone()).collect::<Vec<_>>(),
                "{text}"
            );
        };
        let all = format!("{first}{second}{third}");
        check(&all, None, &[&a, &b, &c]);
        check(&all, Some(&b), &[&b, &c]);
        check(&all, Some(&thief), &[&thief]);
        check("", None, &[]);
        check(&format!("{first}{third}"), None, &[&a]);
        check(&format!("{first}{}", succeeded(Some(&thief), &b)), None, &[&a]);
        check(&format!("{first}{}{second}", succeeded(None, &thief)), None, &[&a]);
    }
}
