//! The keys of `oidc` by which people sign in at the provider themselves: as which client they are sent there.

use std::fs::File;
use std::io::Read as _;

use crate::yaml::Problems;

use super::super::Secret;
use super::super::settings::{Setting, Settings};

/// The client of a provider that people are sent by (OpenID Connect Core 1.0 section 3.1).
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the provider knows it by; whom its ID tokens are for.
    pub client_id: String,
    /// What the provider knows it by for sure; `None` for a public client.
    pub client_secret: Option<Secret>,
    /// Where people's browsers find the viewer, without a slash at its end: `https://audit.example.org`.
    pub address: String,
    /// What the provider is asked to tell, `openid` first.
    pub scopes: Vec<String>,
}

impl PartialEq for SignIn {
    /// Whether a reload has changed anything. Secrets have no comparison of their own.
    fn eq(&self, other: &SignIn) -> bool {
        let secret = |one: &SignIn| one.client_secret.as_ref().map(|secret| secret.expose().to_owned());
        self.client_id == other.client_id
            && self.address == other.address
            && self.scopes == other.scopes
            && secret(self) == secret(other)
    }
}

impl Eq for SignIn {}

/// The client, where people sign in at the provider. `address` is where they find the viewer, if that is known.
pub(super) fn sign_in(settings: &Settings, address: Option<&str>, problems: &mut Problems) -> Option<SignIn> {
    let client_id = settings.get("oidc.client_id", problems);
    let secret = settings.get("oidc.client_secret_file", problems);
    let scopes = settings.get("oidc.scopes", problems);
    if client_id.is_none() && secret.is_none() && scopes.is_none() {
        return None;
    }
    if client_id.is_none() {
        settings.missing("oidc.client_id", "earwitness", problems);
    }
    // The provider sends people back there: it stands in the configuration, and is not made of what a request says.
    if settings.find("admin.address").is_none() {
        settings.missing("admin.address", "https://audit.example.org", problems);
    }
    let client_secret = secret.as_ref().map(|setting| client_secret(setting, problems));
    let scopes =
        scopes.map_or_else(|| SCOPES.map(str::to_owned).into(), |setting| scopes_of(&setting, problems));
    let client_id = client_id?.text(problems, "write the client's id as the provider has it")?.to_owned();
    let client_secret = match client_secret {
        Some(secret) => Some(secret?),
        None => None,
    };
    Some(SignIn { client_id, client_secret, address: address?.to_owned(), scopes })
}

/// On one line of a file: its text never stands in the configuration.
fn client_secret(setting: &Setting<'_>, problems: &mut Problems) -> Option<Secret> {
    let cure = "write the client's secret there, on one line";
    let path = setting.path(setting.text(problems, cure)?);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text));
    let wrong = match read {
        Err(error) => Some(format!("names a file that cannot be read: {error}")),
        Ok(_) if text.trim().is_empty() => Some("names a file that is empty".to_owned()),
        Ok(_) => None,
    };
    if let Some(wrong) = wrong {
        setting.wrong(problems, &wrong, cure);
        return None;
    }
    Some(Secret::new(text.trim()))
}

/// RFC 6749 section 3.3. What makes the provider tell who somebody is, is always among them.
fn scopes_of(setting: &Setting<'_>, problems: &mut Problems) -> Vec<String> {
    let cure = "write what the provider calls them: `[profile, email, groups]`";
    let mut scopes = vec![OPENID.to_owned()];
    for item in setting.items(&[',', ' '], problems, cure) {
        let is_scope = item.text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if !is_scope {
            setting.wrong_at(item.span, problems, "holds what is no scope", cure);
        } else if !scopes.contains(&item.text) {
            scopes.push(item.text);
        }
    }
    scopes
}

const OPENID: &str = "openid";
const SCOPES: [&str; 3] = [OPENID, "profile", "email"];
const SECRET_BYTES_MAX: u64 = 4 << 10;
