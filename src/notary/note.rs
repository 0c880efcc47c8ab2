//! Signed notes: a text, a blank line, and lines of signatures over the text. C2SP signed-note. Read strictly: what is
//! not exactly of this form is no note (THREATS S04). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// Who signs.
pub struct Signer {
    name: String,
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

/// Whose signature is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: [u8; 32],
}

/// Why a note does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It has another form.
    #[error("it is no signed note")]
    Form,
    /// A key that is known did not make the signature that bears its name.
    #[error("its signature is false")]
    False,
    /// No key that is known has signed it.
    #[error("nobody who is known has signed it")]
    Unknown,
}

impl Signer {
    /// Who signs under this name with the key of this seed; `None` for a name that no note can bear.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Signer> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let key = pair.public_key().as_ref().try_into().ok()?;
        is_name(name).then(|| Signer {
            name: name.to_owned(),
            verifier: Verifier { name: name.to_owned(), key },
            pair,
        })
    }

    /// Whom others know by it.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// A line with the signature over a text.
    fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let bytes = [&self.verifier.id()[..], signature.as_ref()].concat();
        format!("{DASH}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// A text that ends with a line break, signed by these.
pub(super) fn signed(text: &str, signers: &[&Signer]) -> String {
    let lines: String = signers.iter().map(|signer| signer.line(text)).collect();
    format!("{text}\n{lines}")
}

impl Verifier {
    /// Reads a verifier's text form: name, id and key, with `+` between.
    pub fn parse(text: &str) -> Option<Verifier> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = STANDARD.decode(key).ok()?;
        let key = key.strip_prefix(&[ALGORITHM])?.try_into().ok()?;
        let verifier = Verifier { name: name.to_owned(), key };
        (is_name(name) && id == crate::store::hex(&verifier.id())).then_some(verifier)
    }

    /// Its text form.
    pub fn text(&self) -> String {
        let key = STANDARD.encode([&[ALGORITHM], &self.key[..]].concat());
        format!("{}+{}+{key}", self.name, crate::store::hex(&self.id()))
    }

    /// The name under which it signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells keys of one name apart.
    pub(super) fn id(&self) -> [u8; 4] {
        let hash = Sha256::digest([self.name.as_bytes(), b"\n", &[ALGORITHM], &self.key].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The text of a note, when this one has signed it.
    ///
    /// # Errors
    /// When it is no note, or not signed by this one.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteFault> {
        let (text, signatures) = parts(note).ok_or(NoteFault::Form)?;
        let own = signatures.iter().find(|(name, bytes)| *name == self.name && bytes.starts_with(&self.id()));
        let (_, bytes) = own.ok_or(NoteFault::Unknown)?;
        let known = UnparsedPublicKey::new(&ED25519, &self.key);
        known.verify(text.as_bytes(), &bytes[4..]).map(|()| text).map_err(|_| NoteFault::False)
    }
}

/// A name, and what stands behind it: the key's id and the signature.
type Signature<'n> = (&'n str, Vec<u8>);

/// Text and signatures.
fn parts(note: &str) -> Option<(&str, Vec<Signature<'_>>)> {
    let is_odd = |character: char| character.is_control() && character != '\n';
    if note.len() > NOTE_BYTES_MAX || note.chars().any(is_odd) {
        return None;
    }
    let blank = note.rfind("\n\n")?;
    let (text, lines) = (&note[..=blank], &note[blank + 2..]);
    let lines = lines.strip_suffix('\n')?;
    let signature = |line| {
        let (name, code) = str::strip_prefix(line, DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(code).ok()?;
        (is_name(name) && bytes.len() > 4).then_some((name, bytes))
    };
    Some((text, lines.split('\n').map(signature).collect::<Option<Vec<_>>>()?))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|character: char| character.is_whitespace() || character == '+')
}

const DASH: &str = "\u{2014} ";
/// Ed25519, as signed notes number it.
const ALGORITHM: u8 = 0x01;
const NOTE_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::unhex;

    // THREATS S04
    #[test]
    fn signatures_are_those_of_rfc_8032_and_the_note_is_that_of_go() {
        // RFC 8032, section 7.1, test 2.
        let seed = unhex(b"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let signer = Signer::new("a", &seed).unwrap();
        let key = unhex(b"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c").unwrap();
        assert_eq!(signer.verifier, Verifier { name: "a".to_owned(), key });
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(crate::store::hex(signer.pair.sign(&[0x72]).as_ref()), signature);
        // The example of golang.org/x/mod/sumdb/note.
        let peter =
            Verifier::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(peter.open(note).unwrap().starts_with("If you think"));
        assert_eq!(Verifier::parse(&peter.text()), Some(peter));
    }

    // THREATS S01, S04
    #[test]
    fn no_changed_byte_of_a_note_passes_and_an_unknown_signature_alone_does_not() {
        let (ours, other) = (Signer::new("log", &[1; 32]).unwrap(), Signer::new("log", &[2; 32]).unwrap());
        let text = "origin\n12\nabc\n";
        let note = signed(text, &[&other, &ours]);
        assert_eq!(ours.verifier.open(&note), Ok(text));
        assert_eq!(ours.verifier.open(&signed(text, &[&other])), Err(NoteFault::Unknown));
        let alone = signed(text, &[&ours]);
        for at in 0..alone.len() {
            for bit in 0..8 {
                let mut bytes = alone.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(flipped) = String::from_utf8(bytes) {
                    assert!(ours.verifier.open(&flipped).is_err(), "byte {at}: {flipped}");
                }
            }
            assert!(!alone.is_char_boundary(at) || ours.verifier.open(&alone[..at]).is_err(), "cut at {at}");
        }
        for odd in [
            "",
            "\n",
            "\n\n",
            "a\n\n",
            "a\n\n\u{2014} log \n",
            &format!("{alone}\n"),
            &format!("x{alone}"),
            &format!("{alone}x"),
        ] {
            assert!(ours.verifier.open(odd).is_err(), "{odd:?}");
        }
        assert!(Signer::new("a b", &[1; 32]).is_none() && Verifier::parse("a+00000000+AQ==").is_none());
    }
}
