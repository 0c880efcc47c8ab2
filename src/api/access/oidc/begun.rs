//! A sign-in that was begun and not ended: all that is known of it is in a cookie of the browser that began it, so that nobody
//! can fill our memory by beginning, and nobody's browser can end what another has begun (login CSRF).
//!
//! The cookie is `SECONDS.BITS.QUERY`: when, 256 random bits in hexadecimal digits, and what stood behind `?` in the page's address,
//! in base64url. The words that go to the provider are keyed hashes of all of it, each for its own purpose: who has changed
//! anything in the cookie has no answer of the provider's that fits, and who reads the cookie does not know the verifier.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use crate::api::log::cursor::keyed;
use crate::store::hex;

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    cookie: String,
}

/// What each word is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Comes back with the provider's answer (RFC 6749 section 4.1.1).
    State,
    /// Comes back in the ID token (OpenID Connect Core 1.0 section 3.1.2.1).
    Nonce,
    /// Shows that who exchanges the code is who asked for it (RFC 7636 section 4.1).
    Verifier,
}

impl Begun {
    /// Begins one, at this second, to come back to the page with this query.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub(super) fn new(query: &str, second: i64) -> Result<Begun, getrandom::Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        Ok(Begun { cookie: format!("{second}.{}.{}", hex(&bits), URL_SAFE_NO_PAD.encode(query)) })
    }

    /// What a browser shows, if it was begun a short while before this second.
    pub(super) fn read(cookie: &str, second: i64) -> Option<Begun> {
        let begun: i64 = cookie.split('.').next()?.parse().ok()?;
        let is_now = (0..LASTS_S).contains(&second.checked_sub(begun)?);
        is_now.then(|| Begun { cookie: cookie.to_owned() })
    }

    /// What the browser keeps.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// What stood behind `?` when it was begun.
    pub(super) fn query(&self) -> String {
        let text = self.cookie.rsplit('.').next().unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// The word for a purpose: 43 characters that can stand in an address.
    pub(super) fn word(&self, key: &[u8; 32], word: Word) -> String {
        URL_SAFE_NO_PAD.encode(self.keyed(key, word).finalize().into_bytes())
    }

    /// What the provider is told of the verifier (RFC 7636 section 4.2, `S256`).
    pub(super) fn challenge(&self, key: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.word(key, Word::Verifier)))
    }

    /// True when this is the state that went to the provider; it takes the same time whatever came.
    pub(super) fn has_sent(&self, key: &[u8; 32], state: &str) -> bool {
        let state = URL_SAFE_NO_PAD.decode(state);
        state.is_ok_and(|state| self.keyed(key, Word::State).verify_slice(&state).is_ok())
    }

    fn keyed(&self, key: &[u8; 32], word: Word) -> impl hmac::Mac + use<> {
        let purpose: &[u8] = match word {
            Word::State => b"state ",
            Word::Nonce => b"nonce ",
            Word::Verifier => b"verifier ",
        };
        let mut mac = keyed(key, purpose);
        mac.update(self.cookie.as_bytes());
        mac
    }
}

/// How long somebody may take to sign in.
pub(in crate::api::access) const LASTS_S: i64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_known_again_by_the_browser_that_has_its_cookie_and_for_a_while() {
        let begun = Begun::new("q=ü&view=table", 1_000).unwrap();
        let check = |second: i64, expected: bool| {
            assert_eq!(Begun::read(begun.cookie(), second).is_some(), expected, "{second}");
        };
        check(1_000, true);
        check(1_000 + LASTS_S - 1, true);
        check(1_000 + LASTS_S, false);
        check(999, false);
        check(i64::MIN, false);
        let again = Begun::read(begun.cookie(), 1_001).unwrap();
        assert_eq!((again.query().as_str(), &again), ("q=ü&view=table", &begun));
        assert!(again.has_sent(&[1; 32], &begun.word(&[1; 32], Word::State)));
        for odd in ["", ".", "x.y.z", "99999999999999999999.a.b", "-9223372036854775808.a."] {
            assert_eq!(Begun::read(odd, 1_000), None, "{odd}");
        }
    }

    // THREATS Q07, Q12
    #[test]
    fn a_cookie_that_was_changed_or_is_another_fits_no_answer() {
        let (key, begun) = ([1; 32], Begun::new("q=a", 1_000).unwrap());
        let state = begun.word(&key, Word::State);
        let refused = |cookie: &str| {
            let read = Begun::read(cookie, 1_001);
            assert!(read.is_none_or(|begun| !begun.has_sent(&key, &state)), "{cookie}");
        };
        refused(Begun::new("q=a", 1_000).unwrap().cookie());
        refused(&begun.cookie().replacen("1000", "1001", 1));
        refused(&format!("{}A", begun.cookie()));
        for other in [Word::Nonce, Word::Verifier] {
            assert!(!begun.has_sent(&key, &begun.word(&key, other)));
        }
        for odd in ["", "=", &state[1..], &format!("{state}A")] {
            assert!(!begun.has_sent(&key, odd), "{odd}");
        }
        assert!(!begun.has_sent(&[2; 32], &state));
        assert_eq!(begun.word(&key, Word::Verifier).len(), 43);
        assert_ne!(begun.challenge(&key), begun.word(&key, Word::Verifier));
    }
}
