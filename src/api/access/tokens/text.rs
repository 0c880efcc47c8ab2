//! The text of a token: `earwitness_`, 64 hexadecimal digits of 256 random bits, and 8 of their CRC-32 (IEEE, over the
//! digits). The beginning and the checksum are for scanners that look for secrets in places where none should be, and
//! refuse what was mistyped before anything is looked up.

use sha2::{Digest, Sha256};

use crate::config::Secret;
use crate::store::hex;

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// What its holder shows; nothing can tell it again.
    pub text: Secret,
    /// What is kept of it.
    pub hash: [u8; 32],
}

/// Makes a token.
///
/// # Errors
/// When the system gives no random bits.
pub fn fresh() -> Result<NewToken, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    let digits = hex(&bits);
    let text = format!("{START}{digits}{:08x}", crc32fast::hash(digits.as_bytes()));
    Ok(NewToken { hash: hash(text.as_bytes()), text: Secret::new(text) })
}

/// True when a text has the form of a token, and its checksum is right.
pub(in crate::api::access) fn is_whole(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(START.as_bytes()) else { return false };
    let Some((digits, sum)) = rest.split_at_checked(64).filter(|(_, sum)| sum.len() == 8) else {
        return false;
    };
    let is_hex = rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex && format!("{:08x}", crc32fast::hash(digits)).as_bytes() == sum
}

/// What is kept of a token. It has as many random bits as the hash, so that neither salt nor slowness would add
/// anything.
pub(in crate::api::access) fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

const START: &str = "earwitness_";

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS Q14
    #[test]
    fn tokens_are_long_different_and_known_by_their_form() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one.text.expose(), other.text.expose());
        assert_ne!(one.hash, other.hash);
        let text = one.text.expose();
        assert_eq!((text.len(), text.starts_with("earwitness_")), (83, true));
        assert!(is_whole(text.as_bytes()));
        assert_eq!(hash(text.as_bytes()), one.hash);
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(!is_whole(&changed), "{at}");
            assert!(!is_whole(&text.as_bytes()[..at]), "{at}");
        }
        assert!(!is_whole(format!("{text}0").as_bytes()));
        assert!(!is_whole(text.to_uppercase().as_bytes()));
    }
}
