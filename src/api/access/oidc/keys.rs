//! The public keys of a provider (JSON Web Key Set, RFC 7517), and checking a signature by one. Pure.
//!
//! Only signatures with a key that is not ours to know: nothing symmetric, nothing without a signature (RFC 8725
//! section 3.1). Each key is of one kind, so that no token can choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// The keys of a set that can check a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys(Vec<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: String,
    kind: Kind,
    /// The one algorithm that it is for, where the set says so.
    algorithm: Option<Algorithm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point (SEC 1 section 2.3.3).
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// How a token may be signed (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(super) fn parse(text: &str) -> Option<Algorithm> {
        match text {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }
}

impl Keys {
    /// The keys in a document; those that we do not understand, and ids that stand twice, are left out.
    pub(super) fn read(document: &Value) -> Keys {
        let list = document["keys"].as_array().into_iter().flatten().take(KEYS_MAX);
        let mut keys: Vec<Key> = list.filter_map(Key::read).collect();
        let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
        keys.retain(|key| ids.iter().filter(|id| **id == key.id).count() == 1);
        Keys(keys)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// True when the key of that id has signed this, in this way.
    pub(super) fn have_signed(
        &self,
        id: &str,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(key) = self.0.iter().find(|key| key.id == id) else { return false };
        if key.algorithm.is_some_and(|only| only != algorithm) {
            return false;
        }
        let verified = match (&key.kind, algorithm) {
            (Kind::Rsa { n, e }, Algorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Kind::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Kind::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Kind::Ed25519(key), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            (Kind::Rsa { .. }, Algorithm::Es256 | Algorithm::EdDsa)
            | (Kind::P256(_), Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::EdDsa)
            | (Kind::Ed25519(_), Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256) => return false,
        };
        verified.is_ok()
    }
}

impl Key {
    fn read(key: &Value) -> Option<Key> {
        let text = |name: &str| key[name].as_str();
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if key.get("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let algorithm = match key.get("alg") {
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
            None => None,
        };
        let kind = match (text("kty")?, text("crv")) {
            ("RSA", _) => Kind::Rsa { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x").filter(|x| x.len() == 32)?, bytes("y").filter(|y| y.len() == 32)?);
                Kind::P256([&[4][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => Kind::Ed25519(bytes("x")?),
            (_, _) => return None,
        };
        Some(Key { id: text("kid")?.to_owned(), kind, algorithm })
    }
}

const KEYS_MAX: usize = 100;
