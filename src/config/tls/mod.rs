//! `tls`: with what clients are met over TLS, and which of them must show a certificate.

pub(super) mod files;

pub use files::{TlsFault, TlsFaults};

use std::path::PathBuf;

use crate::yaml::{Problems, Yaml};

use super::check::required;
use super::settings::{Setting, Settings};

/// How clients connect over TLS. The files are PEM; they are read by [`Tls::load`], again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate, then those that lead to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The least that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Whether clients show certificates. The file holds those who may issue them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    Unasked,
    /// They may.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

impl ClientCertificates {
    /// The file with those who may issue them.
    pub fn issuers(&self) -> Option<&PathBuf> {
        match self {
            ClientCertificates::Unasked => None,
            ClientCertificates::Optional(file) | ClientCertificates::Required(file) => Some(file),
        }
    }
}

/// What `tls` says; `None` where it is not there, or wrong. Its files are read once, so that what is wrong with
/// them is told with everything else.
pub(super) fn tls(settings: &Settings, problems: &mut Problems) -> Option<Tls> {
    let is_given = |key: &str| settings.find(key).is_some();
    if !is_given("tls") && !KEYS.iter().any(|key| is_given(&format!("tls.{key}"))) {
        return None;
    }
    let certificate = required(settings, CERTIFICATE, "tls/certificate.pem", problems, file);
    let key = required(settings, KEY, "tls/key.pem", problems, file);
    let min_version = settings.get(MIN_VERSION, problems).map(|setting| version(&setting, problems));
    let clients = clients(settings, problems);
    let tls = Tls {
        certificate: certificate?,
        key: key?,
        min_version: min_version.unwrap_or(Some(TlsVersion::Tls12))?,
        clients: clients?,
    };
    if let Err(faults) = tls.load() {
        for fault in faults.0 {
            if let Some(setting) = settings.find(fault.key) {
                let message = format!("`{}`: {}", fault.key, fault.what);
                problems.error("C06", setting.source, setting.node.span, message).cure(fault.cure);
            }
        }
    }
    Some(tls)
}

/// `None` when something about it is wrong.
fn clients(settings: &Settings, problems: &mut Problems) -> Option<ClientCertificates> {
    let errors_before = problems.error_count();
    let wish = settings.get(CLIENT_CERTIFICATES, problems);
    let issuers = match (settings.get(CLIENT_CA, problems), &wish) {
        (Some(setting), _) => Some(file(&setting, problems)?),
        (None, Some(_)) => Some(required(settings, CLIENT_CA, "tls/clients.pem", problems, file)?),
        (None, None) => None,
    };
    let cure = "write `optional` or `required`; required is the default where `client_ca` stands";
    let word = wish.as_ref().map(|setting| setting.text(problems, cure).unwrap_or_default());
    if problems.error_count() > errors_before {
        return None;
    }
    match (word, issuers) {
        (_, None) => Some(ClientCertificates::Unasked),
        (None | Some("required"), Some(issuers)) => Some(ClientCertificates::Required(issuers)),
        (Some("optional"), Some(issuers)) => Some(ClientCertificates::Optional(issuers)),
        (Some(_), Some(_)) => {
            wish?.wrong(problems, "is neither `optional` nor `required`", cure);
            None
        }
    }
}

/// The path of a file that a setting names.
pub(super) fn file(setting: &Setting<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let cure = "name a file with PEM text";
    let text = setting.text(problems, cure)?;
    if is_pem(text) {
        setting.wrong(problems, "holds PEM text itself", "put it into a file, and name that");
        return None;
    }
    Some(setting.path(text))
}

/// Whether somebody wrote the text of a key where its file should be named: it must not be shown.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

fn version(setting: &Setting<'_>, problems: &mut Problems) -> Option<TlsVersion> {
    // Without quotes YAML takes it for a number.
    let text = match &setting.node.value {
        Yaml::Number(number) => number.to_string(),
        Yaml::Text(text) => text.trim().to_owned(),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => String::new(),
    };
    match text.as_str() {
        "1.2" => Some(TlsVersion::Tls12),
        "1.3" => Some(TlsVersion::Tls13),
        _ => {
            setting.wrong(problems, "is neither 1.2 nor 1.3", "write \"1.2\" or \"1.3\"; 1.2 is the default");
            None
        }
    }
}

/// Keys under `tls`.
pub(super) const KEYS: [&str; 5] = ["certificate", "key", "min_version", "client_ca", "client_certificates"];
const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";
const MIN_VERSION: &str = "tls.min_version";
const CLIENT_CA: &str = "tls.client_ca";
const CLIENT_CERTIFICATES: &str = "tls.client_certificates";
