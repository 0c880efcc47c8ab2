//! TLS to the application: whom to trust, under which name, and with which certificate of our own.
//!
//! Everything is read at the start, so that a file that is missing or does not fit is told before the first
//! client comes. Verification can be left out only in so many words (THREATS D11).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{ClientConfig, WantsClientCert};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::yaml::Problems;

use super::super::settings::{Setting, Settings};
use super::super::tls::file;
use super::super::tls::files::{TlsFault, certificates, of_pair, private_key, roots};

/// How TLS is spoken with the application: 1.2 or 1.3.
#[derive(Clone)]
pub struct UpstreamTls {
    /// Trust and our own certificate.
    pub client: Arc<ClientConfig>,
    /// The name that the application's certificate must be for, and that it is told (SNI) unless it is an
    /// address.
    pub server_name: ServerName<'static>,
    /// False when whoever answers is believed to be the application.
    pub is_verified: bool,
    /// SHA-256 of the files that were read: by it a reload sees that they have changed.
    files: [u8; 32],
}

impl UpstreamTls {
    /// The same, saying in the handshake what may be spoken (ALPN, RFC 7301), so that nothing else can be meant.
    pub fn speaking(&self, protocols: &[&[u8]]) -> UpstreamTls {
        let mut client = (*self.client).clone();
        client.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        UpstreamTls { client: Arc::new(client), ..self.clone() }
    }
}

impl PartialEq for UpstreamTls {
    fn eq(&self, other: &UpstreamTls) -> bool {
        let told = |tls: &UpstreamTls| (tls.server_name.clone(), tls.is_verified, tls.files);
        told(self) == told(other)
    }
}

impl fmt::Debug for UpstreamTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("UpstreamTls");
        shown.field("server_name", &self.server_name).field("is_verified", &self.is_verified);
        shown.finish_non_exhaustive()
    }
}

/// What stands under `upstream_tls`; `host` is that of an `https` address, without which nothing is built.
pub(super) fn tls(settings: &Settings, host: Option<&str>, problems: &mut Problems) -> Option<UpstreamTls> {
    let before = problems.error_count();
    let ca = settings.get(CA, problems);
    let insecure = settings.get(INSECURE, problems);
    let is_verified = !insecure.as_ref().is_some_and(|setting| setting.flag(problems));
    let name = settings.get(NAME, problems);
    let server_name = server_name(name.as_ref(), host, settings, problems);
    let trust = match (&ca, is_verified) {
        (Some(ca), true) => own_roots(ca, problems),
        (Some(ca), false) => {
            let cure = "remove `insecure: true`, and the file is what decides";
            ca.wrong(problems, "is given, and `insecure: true` trusts everybody", cure);
            None
        }
        (None, true) => host.and_then(|_| system_roots(settings, problems)),
        (None, false) => None,
    };
    let builder = match (trust, is_verified) {
        (Some(roots), true) => Some(builder().with_root_certificates(roots)),
        (None, true) => None,
        (_, false) => Some(builder().dangerous().with_custom_certificate_verifier(Arc::new(Unverified))),
    };
    let client = with_own_certificate(builder, settings, problems)?;
    let is_sound = problems.error_count() == before;
    is_sound.then_some(())?;
    let files = digest(settings);
    Some(UpstreamTls { client: Arc::new(client), server_name: server_name?, is_verified, files })
}

/// The first setting under `upstream_tls`, wherever it stands.
pub(super) fn first(settings: &Settings) -> Option<Setting<'_>> {
    KEYS.iter().find_map(|key| settings.find(key))
}

fn digest(settings: &Settings) -> [u8; 32] {
    let mut digest = Sha256::new();
    for setting in [CA, CERTIFICATE, KEY].iter().filter_map(|key| settings.find(key)) {
        let path = setting.path(setting.node.as_text().unwrap_or_default().trim());
        // They were read a moment ago; one that is gone by now counts as changed.
        digest.update(std::fs::read(path).map(Sha256::digest).unwrap_or_default());
    }
    digest.finalize().into()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder() -> ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
}

fn server_name(
    setting: Option<&Setting<'_>>,
    host: Option<&str>,
    settings: &Settings,
    problems: &mut Problems,
) -> Option<ServerName<'static>> {
    let cure = "write the name that stands in its certificate, such as `app.example.org`, or an address";
    let name = match setting {
        Some(setting) => setting.text(problems, cure)?,
        None => host?,
    };
    let parsed = ServerName::try_from(name.to_owned());
    if parsed.is_err()
        && let Some(setting) = setting.cloned().or_else(|| settings.find("upstream"))
    {
        setting.wrong(problems, "is no name that a certificate could be for", cure);
    }
    parsed.ok()
}

fn own_roots(setting: &Setting<'_>, problems: &mut Problems) -> Option<Arc<RootCertStore>> {
    read(setting, problems, |path| roots(CA, path)).map(Arc::new)
}

/// What the file that a setting names holds.
fn read<T>(
    setting: &Setting<'_>,
    problems: &mut Problems,
    read: impl FnOnce(&Path) -> Result<T, TlsFault>,
) -> Option<T> {
    let path = file(setting, problems)?;
    read(&path).map_err(|fault| tell(setting, &fault, problems)).ok()
}

fn tell(setting: &Setting<'_>, fault: &TlsFault, problems: &mut Problems) {
    let message = format!("`{}`: {}", fault.key, fault.what);
    problems.error("C06", setting.source, setting.node.span, message).cure(fault.cure);
}

/// Whom the system trusts. Some of a system's files may be odd; that there is nobody at all is a problem.
fn system_roots(settings: &Settings, problems: &mut Problems) -> Option<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let cure =
            "install its package of authorities (ca-certificates), or name a file in `upstream_tls.ca`";
        if let Some(setting) = settings.find("upstream") {
            setting.wrong(problems, "is https, and this system trusts no certificate authority", cure);
        }
        return None;
    }
    Some(Arc::new(roots))
}

fn with_own_certificate(
    builder: Option<ConfigBuilder<ClientConfig, WantsClientCert>>,
    settings: &Settings,
    problems: &mut Problems,
) -> Option<ClientConfig> {
    let certificate = settings.get(CERTIFICATE, problems);
    let key = settings.get(KEY, problems);
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Some(builder?.with_no_client_auth()),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(one), None) | (None, Some(one)) => {
            let cure = "give both `certificate` and `key`: PEM files that belong together";
            one.wrong(problems, "needs the other one: `certificate` and `key` go together", cure);
            return None;
        }
    };
    let chain = read(&certificate, problems, |path| certificates(CERTIFICATE, path));
    let own_key = read(&key, problems, |path| private_key(KEY, path));
    let client = builder?.with_client_auth_cert(chain?, own_key?);
    client.map_err(|error| tell(&key, &of_pair(error, CERTIFICATE, KEY), problems)).ok()
}

const CA: &str = "upstream_tls.ca";
const CERTIFICATE: &str = "upstream_tls.certificate";
const KEY: &str = "upstream_tls.key";
const NAME: &str = "upstream_tls.server_name";
const INSECURE: &str = "upstream_tls.insecure";
const KEYS: [&str; 5] = [CA, NAME, CERTIFICATE, KEY, INSECURE];

/// Believes every certificate. That whoever shows it has its key is still checked: it costs nothing.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
