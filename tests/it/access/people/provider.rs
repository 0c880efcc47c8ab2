//! A provider of identities, which here is a stand-in on loopback: metadata, keys and the exchange of codes as OpenID Connect
//! has them, signed by a key of its own. The page on which somebody would show a password is the test's part.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::rig::{App, value_of};

/// A provider.
pub(super) struct Provider {
    app: App,
    folder: tempfile::TempDir,
    world: Arc<Mutex<World>>,
}

struct World {
    key: Ed25519KeyPair,
    keys_asked: usize,
    /// What its metadata has beside the usual.
    metadata: Value,
    codes: HashMap<String, Code>,
    /// What is had by each refresh token; `None` where it gives none.
    refresh: Option<HashMap<String, Value>>,
    /// How often a token was asked for by one.
    refreshed: usize,
    is_out: bool,
}

/// What somebody has agreed to.
struct Code {
    asked: HashMap<String, String>,
    claims: Value,
}

/// The client that it knows, and its secret, which has what a form encodes.
pub(super) const CLIENT: &str = "viewer";
/// With which its refresh tokens begin.
pub(super) const REFRESH: &str = "refresh+";
const SECRET: &str = "s+cret/of the:viewer";

impl Provider {
    pub(super) fn start() -> Provider {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        let world = World {
            key,
            keys_asked: 0,
            metadata: json!({}),
            codes: HashMap::new(),
            refresh: None,
            refreshed: 0,
            is_out: false,
        };
        let world = Arc::new(Mutex::new(world));
        let own = Arc::clone(&world);
        let app = App::scripted(move |wire| {
            while let Some(request) = wire.next_request() {
                let (status, body) = own.lock().answer(&request);
                let line = match status {
                    200 => "200 OK",
                    400 => "400 Bad Request",
                    _ => "503 Service Unavailable",
                };
                let body = body.to_string();
                let length = body.len();
                if !wire.try_send(format!("HTTP/1.1 {line}\r\nContent-Length: {length}\r\n\r\n{body}")) {
                    return;
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        Provider { app, folder, world }
    }

    /// The secret of its client, as its operator keeps it.
    pub(super) fn secret_file(&self) -> PathBuf {
        self.folder.path().join("secret")
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://{}/realm", self.app.address)
    }

    /// How often its keys were asked for.
    pub(super) fn keys_asked(&self) -> usize {
        self.world.lock().keys_asked
    }

    /// Says more in its metadata from now on.
    pub(super) fn says(&self, more: Value) {
        self.world.lock().metadata = more;
    }

    /// Gives refresh tokens from now on, each of which is good once.
    pub(super) fn gives_refresh_tokens(&self) {
        self.world.lock().refresh = Some(HashMap::new());
    }

    /// Says this of everybody from now on who has signed in; `Null` when it says nothing of them any more.
    pub(super) fn says_of_all(&self, claims: &Value) {
        let mut world = self.world.lock();
        let refresh = world.refresh.as_mut().unwrap();
        match claims {
            Value::Null => refresh.clear(),
            claims => refresh.values_mut().for_each(|known| *known = claims.clone()),
        }
    }

    /// Gives no tokens while that is so.
    pub(super) fn is_out(&self, is_out: bool) {
        self.world.lock().is_out = is_out;
    }

    /// How often it was asked by a refresh token.
    pub(super) fn refreshed(&self) -> usize {
        self.world.lock().refreshed
    }

    /// A token for somebody.
    pub(super) fn token(&self, key_id: &str, more: &Value) -> String {
        self.world.lock().token(&self.issuer(), key_id, more)
    }

    /// Somebody of these claims has signed in, and agrees to what stands in the address: the code that his browser brings back.
    pub(super) fn agree(&self, address: &str, claims: &Value) -> String {
        let (before, query) = address.split_once('?').unwrap();
        assert_eq!(before, format!("{}/authorize", self.issuer()));
        let asked: HashMap<String, String> = pairs(query);
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{address}");
        let mut claims = claims.clone();
        if claims.get("nonce").is_none() {
            claims["nonce"] = json!(asked["nonce"]);
        }
        let mut world = self.world.lock();
        let code = format!("code+{}/=", world.codes.len());
        world.codes.insert(code.clone(), Code { asked, claims });
        code
    }
}

impl World {
    fn answer(&mut self, request: &str) -> (u16, Value) {
        let issuer = format!("http://{}/realm", value_of(request, "host").unwrap());
        let (line, body) = (request.lines().next().unwrap(), request.split_once("\r\n\r\n").unwrap().1);
        match line.split(' ').nth(1).unwrap() {
            "/realm/.well-known/openid-configuration" => {
                let mut metadata = json!({
                    "issuer": issuer, "jwks_uri": format!("{issuer}/keys"),
                    "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
                });
                metadata.as_object_mut().unwrap().extend(self.metadata.as_object().unwrap().clone());
                (200, metadata)
            }
            "/realm/token" => self.exchange(&issuer, value_of(request, "authorization"), &pairs(body)),
            "/realm/keys" => {
                self.keys_asked += 1;
                let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
                (200, json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x }] }))
            }
            other => panic!("{other} is no address of a provider"),
        }
    }

    /// RFC 6749 section 4.1.3, RFC 7636 section 4.6. A code is good once, whatever comes of it.
    fn exchange(
        &mut self,
        issuer: &str,
        authorization: Option<&str>,
        form: &HashMap<String, String>,
    ) -> (u16, Value) {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", encoded(SECRET))));
        let is_client =
            authorization == Some(&basic) || form.get("client_secret").is_some_and(|own| own == SECRET);
        let wrong = |error: &str| (400, json!({ "error": error }));
        if self.is_out {
            return (503, json!({ "error": "temporarily_unavailable" }));
        }
        if !is_client || form["client_id"] != CLIENT {
            return wrong("invalid_client");
        }
        if form["grant_type"] == "refresh_token" {
            self.refreshed += 1;
            let known = self.refresh.as_mut().and_then(|known| known.remove(&form["refresh_token"]));
            return known.map_or_else(|| wrong("invalid_grant"), |claims| self.given(issuer, claims));
        }
        let Some(Code { asked, claims }) = self.codes.remove(&form["code"]) else {
            return wrong("invalid_grant");
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        let fits = challenge == asked["code_challenge"] && form["redirect_uri"] == asked["redirect_uri"];
        if !fits || form["grant_type"] != "authorization_code" {
            return wrong("invalid_grant");
        }
        self.given(issuer, claims)
    }

    /// RFC 6749 section 5.1.
    fn given(&mut self, issuer: &str, claims: Value) -> (u16, Value) {
        let mut all = json!({ "aud": CLIENT });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let token = self.token(issuer, "one", &all);
        let mut given = json!({ "access_token": "x", "token_type": "Bearer", "id_token": token });
        if let Some(known) = &mut self.refresh {
            let mut bits = [0; 16];
            SystemRandom::new().fill(&mut bits).unwrap();
            let refresh = format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(bits));
            known.insert(refresh.clone(), claims);
            given["refresh_token"] = json!(refresh);
        }
        (200, given)
    }

    fn token(&self, issuer: &str, key_id: &str, more: &Value) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({ "iss": issuer, "aud": "earwitness", "iat": now, "exp": now + 300 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let head = json!({ "alg": "EdDSA", "kid": key_id });
        let parts = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes())))
    }
}

pub(super) fn pairs(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
