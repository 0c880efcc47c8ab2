//! The keys of `oidc`: whose tokens readers may show beside our own, what its claims grant, and (`sign_in`) whether people
//! are sent there to sign in.

mod sign_in;
#[cfg(test)]
mod tests;

use http::Uri;

use crate::yaml::Problems;

use super::settings::{Setting, Settings};
use super::{GRANTS, Grant};
pub use sign_in::SignIn;

/// A provider of identities (OpenID Connect), and what its tokens say to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// Its identifier, exactly as its tokens have it; its metadata is found below it.
    pub issuer: String,
    /// Who its tokens must be for: us.
    pub audience: String,
    /// What claims grant.
    pub grants: Vec<ClaimGrant>,
    /// How people sign in there; `None` where they bring tokens of it from elsewhere.
    pub sign_in: Option<SignIn>,
}

/// What a claim grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimGrant {
    /// The claim's name.
    claim: String,
    /// The value that it must have; `None` for any.
    value: Option<String>,
    /// The grant as written, with `*` where the value goes.
    grant: String,
}

impl ClaimGrant {
    /// `groups=audit -> auditor`, or `administers=* -> organization:*`.
    pub fn parse(text: &str) -> Option<ClaimGrant> {
        let (left, grant) = text.split_once("->")?;
        let (claim, value) = left.split_once('=')?;
        let (claim, value, grant) = (claim.trim(), value.trim(), grant.trim());
        let value = (value != "*").then(|| value.to_owned());
        let is_sound = !claim.is_empty() && value.as_ref().is_none_or(|value| !value.is_empty());
        // A `*` takes the claim's value, so it says nothing where one value is meant; and who has any value of a claim
        // is not for that an auditor.
        let takes_value = grant.ends_with(":*") || grant.ends_with("/*");
        let is_grant = Grant::parse(&grant.replace('*', "x")).is_some() && grant.matches('*').count() <= 1;
        let fits = value.is_none() == takes_value && (takes_value || !grant.contains('*'));
        (is_sound && is_grant && fits).then(|| ClaimGrant {
            claim: claim.to_owned(),
            value,
            grant: grant.to_owned(),
        })
    }

    /// The claim's name.
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// What this value of the claim grants.
    pub fn grant(&self, value: &str) -> Option<Grant> {
        match &self.value {
            Some(wanted) => Grant::parse(&self.grant).filter(|_| wanted == value),
            None => Grant::parse(&self.grant.replacen('*', value, 1)),
        }
    }
}

/// The provider, if there is one.
pub(super) fn oidc(settings: &Settings, address: Option<&str>, problems: &mut Problems) -> Option<Oidc> {
    let sign_in = sign_in::sign_in(settings, address, problems);
    let issuer = settings.get("oidc.issuer", problems);
    let audience = settings.get("oidc.audience", problems);
    let grants = settings.get("oidc.grants", problems);
    if issuer.is_none() && audience.is_none() && grants.is_none() && sign_in.is_none() {
        return None;
    }
    for (key, given, example) in [
        ("oidc.issuer", &issuer, "https://id.example.org"),
        ("oidc.audience", &audience, "earwitness"),
        ("oidc.grants", &grants, "[ \"groups=audit -> auditor\" ]"),
    ] {
        if given.is_none() {
            settings.missing(key, example, problems);
        }
    }
    let issuer = self::issuer(&issuer?, problems);
    let audience =
        audience?.text(problems, "name the client by which the provider knows Earwitness")?.to_owned();
    let grants = self::grants(&grants?, problems);
    Some(Oidc { issuer: issuer?, audience, grants, sign_in })
}

/// An address that is asked over TLS, or on this machine.
fn issuer(setting: &Setting<'_>, problems: &mut Problems) -> Option<String> {
    let cure = "write it as the provider does: `https://id.example.org`; `http://` is for this machine alone";
    let text = setting.text(problems, cure)?;
    let is_sound = text.parse::<Uri>().is_ok_and(|uri| is_plain(text, &uri) && is_safe(&uri));
    if !is_sound {
        setting.wrong(problems, "is not the address of a provider", cure);
    }
    is_sound.then(|| text.to_owned())
}

/// An address alone: nothing is asked of it, and nobody named.
pub(super) fn is_plain(text: &str, uri: &Uri) -> bool {
    !bare_host(uri).is_empty() && uri.query().is_none() && !text.contains(['#', '@'])
}

/// What nobody on the way can read or change.
pub(super) fn is_safe(uri: &Uri) -> bool {
    let is_here = bare_host(uri).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here)
}

pub(super) fn bare_host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

fn grants(setting: &Setting<'_>, problems: &mut Problems) -> Vec<ClaimGrant> {
    let cure = format!("write `CLAIM=VALUE -> GRANT`, or `CLAIM=* -> organization:*`; a grant is {GRANTS}");
    let mut grants = Vec::new();
    for item in setting.items(&[','], problems, &cure) {
        match ClaimGrant::parse(&item.text) {
            Some(grant) => grants.push(grant),
            None => setting.wrong_at(item.span, problems, "holds what is no grant of a claim", &cure),
        }
    }
    grants
}

/// Keys of the section.
pub(super) const KEYS: [&str; 6] =
    ["issuer", "audience", "grants", "client_id", "client_secret_file", "scopes"];
