//! Signing people in at their provider: the authorization code flow (OpenID Connect Core 1.0 section 3.1) with PKCE
//! (RFC 7636). A browser is sent there, comes back with a code, and the code is exchanged for an ID token, which says who it is.
//!
//! Where to send a browser, and where it comes back to, stand in the configuration and in the provider's metadata. Nothing that a
//! request says becomes an address.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize, parse};
use hmac::Mac as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};

use crate::config::{self, Oidc};

use super::begun::{Begun, Word};
use super::fetch::{self, FetchError, Form};
use super::jwt::{Answers, Person};
use super::provider::{Provider, metadata};
use super::renew::Renewal;
use crate::api::log::cursor::keyed;

/// The way in by a provider; shared by all requests.
pub(in crate::api) struct SignIn {
    issuer: String,
    pub(super) client: config::SignIn,
    key: [u8; 32],
    /// How long one goes by what the provider has said of somebody.
    pub(super) roles_last: Duration,
    /// When the metadata was asked for, and what it said. Held while it is asked, so that one asks for all.
    known: Arc<Mutex<Known>>,
    /// Exchanges at a time.
    pub(super) turns: Semaphore,
}

#[derive(Default)]
struct Known {
    asked: Option<Instant>,
    endpoints: Option<(Instant, Endpoints)>,
}

/// What the provider's metadata says of its addresses.
#[derive(Clone)]
pub(super) struct Endpoints {
    authorization: String,
    token: String,
    /// True when the client's secret can only be sent in the form.
    wants_secret_in_form: bool,
    /// True when its answers name it (RFC 9207).
    names_itself: bool,
}

/// Where a browser goes, and what it keeps until it comes back.
pub(in crate::api) struct Sent {
    pub(in crate::api) to: String,
    pub(in crate::api) cookie: String,
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub(in crate::api) enum Refused {
    /// The provider says so; he himself may have.
    Denied,
    /// Not begun in this browser, or too long ago.
    Lost,
    /// The provider does not answer, or nothing of use.
    Unreachable,
    /// What it says about him cannot be believed.
    Unsound,
    /// He is known, and nothing is granted to him.
    Nothing(Box<Person>),
    /// Too many are signing in.
    Busy,
    /// The provider would have to ask him something, which it was told not to do.
    Asleep,
}

/// Whether the provider may ask somebody anything while he is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Manner {
    /// As it sees fit.
    Open,
    /// Nothing (OpenID Connect Core 1.0 section 3.1.2.1, `prompt=none`): who is still signed in there comes back at once.
    Quiet,
}

/// Who has come back.
#[derive(Debug)]
pub(in crate::api) struct Arrived {
    pub(in crate::api) person: Person,
    /// By what the provider says later what he may do; `None` where it gives nothing for it.
    pub(in crate::api) renewal: Option<Renewal>,
}

impl Refused {
    /// What the page is told, and what stands in the log.
    pub(in crate::api) fn word(&self) -> &'static str {
        match self {
            Refused::Denied => "denied",
            Refused::Lost => "lost",
            Refused::Unreachable => "unreachable",
            Refused::Unsound => "unsound",
            Refused::Nothing(_) => "nothing",
            Refused::Busy => "busy",
            Refused::Asleep => "asleep",
        }
    }
}

impl SignIn {
    /// The way in that the configuration opens, if it does.
    pub(in crate::api) fn new(
        oidc: &Oidc,
        roles_last: Duration,
        installation_key: &[u8; 32],
    ) -> Option<SignIn> {
        Some(SignIn {
            issuer: oidc.issuer.clone(),
            client: oidc.sign_in.clone()?,
            key: keyed(installation_key, b"earwitness sign-in 1").finalize().into_bytes().into(),
            roles_last,
            known: Arc::default(),
            turns: Semaphore::new(EXCHANGES_MAX),
        })
    }

    /// What people know the provider by: its host.
    pub(in crate::api) fn provider_name(&self) -> String {
        let host = self.issuer.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        host.unwrap_or_default()
    }

    /// Sends a browser to the provider; it comes back to the page with this query.
    pub(in crate::api) async fn begin(&self, query: &str, manner: Manner) -> Result<Sent, Refused> {
        let endpoints = self.endpoints().await?;
        // A query that no cookie has room for is left behind: signing in matters more.
        let query = if query.len() <= QUERY_BYTES_MAX { query } else { "" };
        let begun = Begun::new(query, Timestamp::now().as_second()).map_err(|error| {
            tracing::error!(%error, "no sign-in can be begun");
            Refused::Busy
        })?;
        let joint = if endpoints.authorization.contains('?') { '&' } else { '?' };
        let mut asked = Serializer::new(String::new());
        if manner == Manner::Quiet {
            asked.append_pair("prompt", "none");
        }
        let asked = asked
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client.client_id)
            .append_pair("redirect_uri", &self.redirect())
            .append_pair("scope", &self.client.scopes.join(" "))
            .append_pair("state", &begun.word(&self.key, Word::State))
            .append_pair("nonce", &begun.word(&self.key, Word::Nonce))
            .append_pair("code_challenge", &begun.challenge(&self.key))
            .append_pair("code_challenge_method", "S256")
            .finish();
        let to = format!("{}{joint}{asked}", endpoints.authorization);
        Ok(Sent { to, cookie: begun.cookie().to_owned() })
    }

    /// Who has come back: `cookie` is what his browser kept, `answer` the query that the provider gave it.
    ///
    /// # Errors
    /// When he is not to be signed in.
    pub(in crate::api) async fn finish(
        &self,
        provider: &Arc<Provider>,
        cookie: Option<&str>,
        answer: &str,
    ) -> Result<Arrived, Refused> {
        let answer = Answer::read(answer).ok_or(Refused::Lost)?;
        let begun = cookie.and_then(|cookie| Begun::read(cookie, Timestamp::now().as_second()));
        let state = answer.state.as_deref().unwrap_or_default();
        let begun = begun.filter(|begun| begun.has_sent(&self.key, state)).ok_or(Refused::Lost)?;
        let endpoints = self.endpoints().await?;
        // RFC 9207 section 2.4: an answer of another issuer is none to what we asked.
        let is_ours = answer.issuer.as_ref().map_or(!endpoints.names_itself, |issuer| *issuer == self.issuer);
        if !is_ours {
            return Err(Refused::Unsound);
        }
        let code = match answer.error {
            None => answer.code.ok_or(Refused::Denied)?,
            Some(error) if ASLEEP.contains(&error.as_str()) => return Err(Refused::Asleep),
            Some(_) => return Err(Refused::Denied),
        };
        let _turn = self.turns.try_acquire().map_err(|_| Refused::Busy)?;
        let given = self.exchange(&endpoints, &code, &begun).await?;
        let token = given["id_token"].as_str().ok_or(Refused::Unsound)?;
        provider.prepare(token.as_bytes()).await;
        let nonce = begun.word(&self.key, Word::Nonce);
        let person = self.person(provider, token, &Answers::SignIn { nonce: &nonce })?;
        if person.grants.is_empty() {
            return Err(Refused::Nothing(Box::new(person)));
        }
        let renewal = given["refresh_token"].as_str();
        let renewal = renewal.map(|token| Renewal::new(person.subject.clone(), nonce, token));
        Ok(Arrived { person, renewal })
    }

    /// The page, with the query with which somebody left it to sign in, and `why` he was not signed in.
    ///
    /// The query is written anew out of its pairs, and stands behind the address of the configuration: it leads nowhere else.
    pub(in crate::api) fn back(&self, cookie: Option<&str>, why: Option<&Refused>) -> String {
        let begun = cookie.and_then(|cookie| Begun::read(cookie, Timestamp::now().as_second()));
        self.page(&begun.map(|begun| begun.query()).unwrap_or_default(), why)
    }

    /// The same, with this query.
    pub(in crate::api) fn page(&self, query: &str, why: Option<&Refused>) -> String {
        let pairs = parse(query.as_bytes()).take(PAIRS_MAX);
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let query = if query.is_empty() { query } else { format!("?{query}") };
        let why = why.map(|why| format!("#signIn={}", why.word())).unwrap_or_default();
        format!("{}/{query}{why}", self.client.address)
    }

    fn redirect(&self) -> String {
        format!("{}{CALLBACK}", self.client.address)
    }

    /// RFC 6749 section 4.1.3.
    async fn exchange(&self, endpoints: &Endpoints, code: &str, begun: &Begun) -> Result<Value, Refused> {
        let (redirect, verifier) = (self.redirect(), begun.word(&self.key, Word::Verifier));
        let asked = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", &verifier),
        ];
        self.ask(endpoints, &asked).await.map_err(|error| {
            tracing::warn!(%error, issuer = self.issuer, "a code cannot be exchanged");
            // It has answered that the code is none, or not ours.
            if matches!(error, FetchError::Status(status) if status.is_client_error()) {
                Refused::Denied
            } else {
                Refused::Unreachable
            }
        })
    }

    /// Asks for tokens, as the client that we are.
    pub(super) async fn ask(
        &self,
        endpoints: &Endpoints,
        asked: &[(&str, &str)],
    ) -> Result<Value, FetchError> {
        fetch::post(&endpoints.token, self.form(endpoints, asked)).await
    }

    fn form(&self, endpoints: &Endpoints, asked: &[(&str, &str)]) -> Form {
        let id = self.client.client_id.as_str();
        let mut form = Serializer::new(String::new());
        form.extend_pairs(asked).append_pair("client_id", id);
        let secret = self.client.client_secret.as_ref().map(config::Secret::expose);
        let mut authorization = None;
        match secret {
            Some(secret) if endpoints.wants_secret_in_form => {
                form.append_pair("client_secret", secret);
            }
            // RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
            Some(secret) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
                authorization = HeaderValue::try_from(format!("Basic {pair}")).ok();
            }
            None => {}
        }
        Form { text: form.finish(), authorization }
    }

    /// Where the provider's addresses are, asked again after a while and never often; those that are known go on while it cannot
    /// be reached. Dropped halfway, its answer is taken all the same: who hangs up must not keep the others out.
    pub(super) async fn endpoints(&self) -> Result<Endpoints, Refused> {
        let mut known = Arc::clone(&self.known).lock_owned().await;
        let is_fresh = known.endpoints.as_ref().is_some_and(|(at, _)| at.elapsed() < METADATA_FRESH);
        if !is_fresh && known.asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            let issuer = self.issuer.clone();
            // It ends by itself: a document comes within a limit of time.
            let asked = tokio::spawn(async move {
                known.ask(&issuer).await;
                known
            });
            known = asked.await.map_err(|_| Refused::Unreachable)?;
        }
        known.endpoints.as_ref().map(|(_, endpoints)| endpoints.clone()).ok_or(Refused::Unreachable)
    }
}

impl Known {
    async fn ask(&mut self, issuer: &str) {
        self.asked = Some(Instant::now());
        match metadata(issuer).await.and_then(|metadata| Endpoints::read(&metadata)) {
            Ok(endpoints) => self.endpoints = Some((Instant::now(), endpoints)),
            Err(error) => tracing::error!(%error, issuer, "the provider's addresses cannot be read"),
        }
    }
}

impl Endpoints {
    fn read(metadata: &Value) -> Result<Endpoints, FetchError> {
        let address = |name: &str| {
            let text = metadata[name].as_str().filter(|text| !text.contains('#'))?;
            text.parse::<Uri>().is_ok_and(|uri| fetch::is_safe(&uri)).then(|| text.to_owned())
        };
        let missing =
            FetchError::Other("its metadata does not say where people sign in and codes are exchanged");
        let (Some(authorization), Some(token)) =
            (address("authorization_endpoint"), address("token_endpoint"))
        else {
            return Err(missing);
        };
        // Without a word of it, the header is meant (OpenID Connect Discovery 1.0 section 3).
        let methods = metadata["token_endpoint_auth_methods_supported"].as_array();
        let has = |name: &str| methods.is_some_and(|methods| methods.iter().any(|method| method == name));
        Ok(Endpoints {
            authorization,
            token,
            wants_secret_in_form: has("client_secret_post") && !has("client_secret_basic"),
            names_itself: metadata["authorization_response_iss_parameter_supported"] == true,
        })
    }
}

/// What a provider lets a browser bring back (RFC 6749 section 4.1.2).
#[derive(Default)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl Answer {
    /// `None` where anything stands in it twice (RFC 6749 section 3.1): which of them was meant, nobody can know.
    fn read(query: &str) -> Option<Answer> {
        let mut answer = Answer::default();
        for (name, value) in parse(query.as_bytes()).take(PAIRS_MAX) {
            let place = match name.as_ref() {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.issuer,
                "error" => &mut answer.error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(answer)
    }
}

/// Where the provider sends people back to, below the address of the configuration.
pub(in crate::api) const CALLBACK: &str = "/audit/v1/session/oidc/callback";
/// What a provider says that was to ask nothing, and cannot help it (OpenID Connect Core 1.0 section 3.1.2.6).
const ASLEEP: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];
/// Of a page's address: what a cookie has room for.
const QUERY_BYTES_MAX: usize = 2_000;
const PAIRS_MAX: usize = 200;
const EXCHANGES_MAX: usize = 16;
const METADATA_FRESH: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_secs(5);
