//! The provider as the listener knows it: its keys, fetched when the first token comes, again after a while, and when a
//! token names one that is not among them; but never often, whatever tokens name (THREATS Q12). While it cannot be
//! reached, the keys that are known go on for a day.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::config::Oidc;

use super::fetch::{self, FetchError};
use super::jwt::{self, Answers, Person};
use super::keys::Keys;

/// A provider; shared by all requests.
pub(in crate::api) struct Provider {
    oidc: Oidc,
    keys: ArcSwap<Known>,
    /// When it was last asked, and that nobody else asks it now.
    asked: Arc<Mutex<Option<Instant>>>,
}

#[derive(Default)]
struct Known {
    keys: Keys,
    since: Option<Instant>,
}

impl Provider {
    /// A provider that has not been asked for anything.
    pub(in crate::api) fn new(oidc: Oidc) -> Provider {
        Provider { oidc, keys: ArcSwap::default(), asked: Arc::default() }
    }

    /// Gets the keys where they are old, or the one that a token names is not among them. Whoever comes meanwhile waits:
    /// he needs them too. Dropped halfway, the provider's answer is taken all the same: a stranger who hangs up must not keep
    /// the others from new keys.
    pub(in crate::api) async fn prepare(self: &Arc<Provider>, token: &[u8]) {
        let Some(id) = jwt::key_id(token) else { return };
        if !self.wants(&id) {
            return;
        }
        let asked = Arc::clone(&self.asked).lock_owned().await;
        if !self.wants(&id) || asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return;
        }
        let own = Arc::clone(self);
        // It ends by itself: each of its two ways out has a limit of time.
        let _ = tokio::spawn(async move { own.ask(asked).await }).await;
    }

    /// Asks for the keys; holds the turn to do so until there is an answer.
    async fn ask(&self, mut asked: OwnedMutexGuard<Option<Instant>>) {
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => self.keys.store(Known { keys, since: Some(Instant::now()) }.into()),
            Err(error) => {
                tracing::error!(%error, issuer = self.oidc.issuer, "the provider's keys cannot be read")
            }
        }
    }

    /// Whom a token is about, when it is sound and of now.
    pub(in crate::api::access) fn person(&self, token: &[u8]) -> Option<Person> {
        let known = self.keys.load();
        known.since.filter(|at| at.elapsed() < KEYS_LAST)?;
        jwt::read(token, &self.oidc, &known.keys, Timestamp::now())
    }

    /// Whom an ID token is about, that was made for this client and what it has asked: when it is sound and of now.
    pub(super) fn signed_in(&self, token: &[u8], client_id: &str, answers: &Answers<'_>) -> Option<Person> {
        let known = self.keys.load();
        known.since.filter(|at| at.elapsed() < KEYS_LAST)?;
        jwt::read_id_token(token, &self.oidc, client_id, answers, &known.keys, Timestamp::now())
    }

    fn wants(&self, id: &str) -> bool {
        let known = self.keys.load();
        !known.keys.has(id) || known.since.is_none_or(|at| at.elapsed() >= KEYS_FRESH)
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let metadata = metadata(&self.oidc.issuer).await?;
        let place = metadata["jwks_uri"].as_str().ok_or(FetchError::Other("its metadata names no keys"))?;
        let keys = Keys::read(&fetch::get(place).await?);
        // A set without any is a mistake of the provider's, and must not take the place of good ones.
        if keys.is_empty() { Err(FetchError::Other("it has no keys that are of use here")) } else { Ok(keys) }
    }
}

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 4): it must name the issuer that was asked.
pub(super) async fn metadata(issuer: &str) -> Result<Value, FetchError> {
    let metadata = fetch::get(&format!("{}{METADATA}", issuer.trim_end_matches('/'))).await?;
    if metadata["issuer"] == issuer {
        return Ok(metadata);
    }
    Err(FetchError::Other("its metadata is that of another issuer"))
}

const METADATA: &str = "/.well-known/openid-configuration";
const ASK_EVERY: Duration = Duration::from_secs(30);
const KEYS_FRESH: Duration = Duration::from_secs(600);
const KEYS_LAST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A provider that nobody answers for yet.
    async fn silent() -> (Arc<Provider>, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let oidc = Oidc { issuer, audience: "earwitness".to_owned(), grants: Vec::new(), sign_in: None };
        (Arc::new(Provider::new(oidc)), listener)
    }

    /// Answers the next request.
    async fn answer(listener: &TcpListener, body: &Value) {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
        let body = body.to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }

    fn metadata(provider: &Provider) -> Value {
        let issuer = &provider.oidc.issuer;
        json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") })
    }

    fn set(id: &str) -> Value {
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": URL_SAFE_NO_PAD.encode([1; 32]) }] })
    }

    fn token(id: &str) -> Vec<u8> {
        let head = json!({ "alg": "EdDSA", "kid": id });
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(head.to_string())).into_bytes()
    }

    // THREATS Q12
    #[tokio::test]
    async fn a_stranger_who_hangs_up_does_not_keep_the_others_from_the_keys() {
        let (provider, listener) = silent().await;
        let stranger = tokio::spawn({
            let provider = Arc::clone(&provider);
            async move { provider.prepare(&token("nothing")).await }
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        stranger.abort();
        assert!(stranger.await.unwrap_err().is_cancelled());
        let body = metadata(&provider).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        answer(&listener, &set("one")).await;
        provider.prepare(&token("one")).await;
        assert!(!provider.wants("one"));
    }

    #[tokio::test]
    async fn a_set_without_keys_takes_no_key_away() {
        let (provider, listener) = silent().await;
        for (set, expected) in
            [(set("one"), true), (json!({}), true), (json!({ "keys": [] }), true), (set("two"), false)]
        {
            *provider.asked.lock().await = None;
            let metadata = metadata(&provider);
            let token = token("two");
            tokio::join!(provider.prepare(&token), async {
                answer(&listener, &metadata).await;
                answer(&listener, &set).await;
            });
            assert_eq!(provider.keys.load().keys.has("one"), expected, "{set}");
        }
    }
}
