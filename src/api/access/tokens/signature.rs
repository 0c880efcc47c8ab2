//! What a link says, signed with its own text by HMAC-SHA-256 (RFC 2104): what it shows and how much of it, until when, in
//! whose frames. The file has the signature and not the text, so who can write there makes no more out of a link that
//! was handed on than it was when it was made.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::file::Token;
use crate::api::log::cursor::keyed;
use crate::config::Secret;

impl Token {
    /// The same, signed where it is a link; for when everything that it says is there.
    #[must_use]
    pub fn signed(mut self, text: &Secret) -> Token {
        let signature = statement(&self, text.expose().as_bytes()).finalize().into_bytes().into();
        if let Some(link) = &mut self.link {
            link.signature = signature;
        }
        self
    }

    /// False for a link that says something else than it did when this text was made for it.
    pub(in crate::api::access) fn is_signed_by(&self, text: &[u8]) -> bool {
        let fits = |signature: &[u8; 32]| statement(self, text).verify_slice(signature).is_ok();
        self.link.as_ref().is_none_or(|link| fits(&link.signature))
    }
}

/// What a token says, under that text.
fn statement(token: &Token, text: &[u8]) -> Hmac<Sha256> {
    let grants: Vec<String> = token.grants.iter().map(ToString::to_string).collect();
    let link = token.link.as_ref().map(|link| (&link.by, link.shows, &link.sites));
    let statement = serde_json::to_vec(&(&token.id, grants, token.created, token.expires, link));
    keyed(text, &statement.expect("texts and times are JSON, and memory takes them"))
}

#[cfg(test)]
mod tests {
    use super::super::file::Link;
    use super::super::text::fresh;
    use super::*;
    use crate::config::{Grant, Shows};

    // THREATS Q10
    #[test]
    fn a_link_says_what_it_said_when_it_was_made_or_is_of_no_use() {
        let now = "2026-01-31T08:00:00Z".parse().unwrap();
        let new = fresh().unwrap();
        let text = new.text.expose().as_bytes();
        let one = |id: &str| vec![Grant::Target { r#type: "booking".to_owned(), id: id.to_owned() }];
        let link =
            Link::new("oidc:u4".to_owned(), Shows::Sentences, vec!["https://office.example".to_owned()]);
        let made = Token { link: Some(link.clone()), ..Token::new(new.hash, "a".to_owned(), one("7"), now) };
        assert!(!made.is_signed_by(text));
        let signed = made.signed(&new.text);
        assert!(signed.is_signed_by(text) && !signed.is_signed_by(b"another"));
        let own = signed.link.clone().unwrap();
        let told = |link: Link| Token { link: Some(link), ..signed.clone() };
        for other in [
            Token { grants: one("8"), ..signed.clone() },
            Token { grants: [one("7"), one("8")].concat(), ..signed.clone() },
            Token { expires: Some(now), ..signed.clone() },
            told(Link { shows: Shows::Records, ..own.clone() }),
            told(Link { sites: Vec::new(), ..own.clone() }),
            told(Link { by: "admin.token".to_owned(), ..own.clone() }),
            told(link),
        ] {
            assert!(!other.is_signed_by(text), "{other:?}");
        }
        // Neither its name nor its end by hand is part of what it shows; a token is no link.
        assert!(Token { name: "b".to_owned(), revoked: Some(now), ..signed.clone() }.is_signed_by(text));
        assert!(Token { link: None, ..signed }.is_signed_by(text));
    }
}
