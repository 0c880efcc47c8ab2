//! The provider as the listener knows it: its keys, fetched when the first token comes, again after a while, and when a
//! token names one that is not among them; but never often, whatever tokens name (THREATS Q12). While it cannot be
//! reached, the keys that are known go on for a day.

use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::config::Oidc;

use super::fetch::{self, FetchError};
use super::jwt::{self, Person};
use super::keys::Keys;

/// A provider; shared by all requests.
pub(in crate::api) struct Provider {
    oidc: Oidc,
    keys: ArcSwap<Known>,
    /// When it was last asked, and that nobody else asks it now.
    asked: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    keys: Keys,
    since: Option<Instant>,
}

impl Provider {
    /// A provider that has not been asked for anything.
    pub(in crate::api) fn new(oidc: Oidc) -> Provider {
        Provider { oidc, keys: ArcSwap::default(), asked: Mutex::new(None) }
    }

    /// Gets the keys where they are old, or the one that a token names is not among them. Whoever comes meanwhile waits:
    /// he needs them too.
    pub(in crate::api) async fn prepare(&self, token: &[u8]) {
        let Some(id) = jwt::key_id(token) else { return };
        if !self.wants(&id) {
            return;
        }
        let mut asked = self.asked.lock().await;
        if !self.wants(&id) || asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return;
        }
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

    fn wants(&self, id: &str) -> bool {
        let known = self.keys.load();
        !known.keys.has(id) || known.since.is_none_or(|at| at.elapsed() >= KEYS_FRESH)
    }

    /// OpenID Connect Discovery 1.0, section 4: the metadata must name the issuer that was asked.
    async fn fetch(&self) -> Result<Keys, FetchError> {
        let issuer = self.oidc.issuer.as_str();
        let metadata = fetch::get(&format!("{}{METADATA}", issuer.trim_end_matches('/'))).await?;
        if metadata["issuer"] != issuer {
            return Err(FetchError::Other("its metadata is that of another issuer"));
        }
        let place = metadata["jwks_uri"].as_str().ok_or(FetchError::Other("its metadata names no keys"))?;
        Ok(Keys::read(&fetch::get(place).await?))
    }
}

const METADATA: &str = "/.well-known/openid-configuration";
const ASK_EVERY: Duration = Duration::from_secs(30);
const KEYS_FRESH: Duration = Duration::from_secs(600);
const KEYS_LAST: Duration = Duration::from_secs(86_400);
