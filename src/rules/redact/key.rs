//! The installation's secret, and the keyed hashes made with it.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The secret of an installation. No `Debug`, no `Display`: it must not reach a log (THREATS O06).
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }

    /// HMAC-SHA256 over the purpose and the fields, each after its length as 8 bytes big-endian, so that
    /// no two lists of fields share an input (THREATS E56). 64 hex digits.
    pub fn hash(&self, purpose: &str, fields: &[&[u8]]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for field in std::iter::once(&purpose.as_bytes()).chain(fields) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first 12 hex digits (48 bits) of [`Key::hash`]: enough to see equality.
    pub fn short(&self, purpose: &str, field: &[u8]) -> String {
        let mut hex = self.hash(purpose, &[field]);
        hex.truncate(12);
        hex
    }
}
