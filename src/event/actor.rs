//! Who did it, and how sure that is; who may see it.

use serde::{Deserialize, Serialize};

/// A person or program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// `user guest attendee system app unknown`.
    pub r#type: String,
    /// Stable identifier in the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Role at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Organization at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Team at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Keyed hash of the credential that was presented: equal credentials have equal hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// How sure it is that this is who acted.
    pub assurance: Assurance,
    /// What the assurance rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How old the evidence was when the request came, in seconds; missing where it belongs to this exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_age_s: Option<u64>,
}

impl Actor {
    /// The types, by their words.
    pub const TYPES: [&str; 6] = ["user", "guest", "attendee", "system", "app", "unknown"];
}

/// How sure it is who acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assurance {
    /// Nothing says who it was.
    #[default]
    None,
    /// Several candidates.
    Ambiguous,
    /// Somebody says so; nobody checked.
    Claimed,
    /// The application was asked whose credential this is.
    LookedUp,
    /// Checked by us, or the application accepted this very credential in this exchange.
    Verified,
}

impl Assurance {
    /// The word used in rules and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Assurance::None => "none",
            Assurance::Ambiguous => "ambiguous",
            Assurance::Claimed => "claimed",
            Assurance::LookedUp => "lookedUp",
            Assurance::Verified => "verified",
        }
    }
}

/// What an actor's assurance rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// The application was asked.
    Application,
    /// A login that the application accepted was seen; weaker than asking, since nobody asked again.
    Login,
    /// A signature was checked.
    Signature,
    /// A client certificate.
    Certificate,
    /// A header from a trusted peer.
    Peer,
    /// A credential that the application did not refuse.
    Accepted,
    /// The body or an unchecked header says so.
    Claimed,
}

impl Evidence {
    /// The word used in rules and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::Application => "application",
            Evidence::Login => "login",
            Evidence::Signature => "signature",
            Evidence::Certificate => "certificate",
            Evidence::Peer => "peer",
            Evidence::Accepted => "accepted",
            Evidence::Claimed => "claimed",
        }
    }
}

/// Who may see an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Its organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

impl Scope {
    /// True when neither organization nor team is known.
    pub fn is_empty(&self) -> bool {
        self.organization.is_none() && self.team.is_none()
    }
}
