//! The installation's secret, and the keyed hashes made with it.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The secret of an installation. No `Debug`, no `Display`: it must not reach a log (THREATS O06).
///
/// It is held as HMAC keeps it after the key is mixed in, because half the cost of a short hash is that.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(Hmac::new_from_slice(&bytes).expect("HMAC takes a key of any length"))
    }

    /// HMAC-SHA256 over the purpose and the fields, each after its length as 8 bytes big-endian, so that
    /// no two lists of fields share an input (THREATS E56). 64 hex digits.
    pub fn hash(&self, purpose: &str, fields: &[&[u8]]) -> String {
        hex(&self.digest(purpose, fields))
    }

    /// The first 12 hex digits (48 bits) of [`Key::hash`]: enough to see equality.
    pub fn short(&self, purpose: &str, field: &[u8]) -> String {
        hex(&self.digest(purpose, &[field])[..6])
    }

    fn digest(&self, purpose: &str, fields: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for field in std::iter::once(&purpose.as_bytes()).chain(fields) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_hash_stays_what_it_was_when_it_was_stored() {
        let key = Key::new([1; 32]);
        let hash = key.hash("read", &[b"GET", b"", b"/a"]);
        assert_eq!(hash, "daf021709cb83ac0c02a32e12a2e3a3999868ca9bbaef5cf65ee3e845c56a39a");
        assert_eq!(key.short("redact", b"secret"), "c65ffa6af2fa");
    }
}
