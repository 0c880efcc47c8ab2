//! Reads the files that `tls` names and makes of them what rustls serves with: at the start, where a fault is a
//! problem of the configuration, and again whenever they change. A key's bytes never stand in a message.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::{CERTIFICATE, CLIENT_CA, ClientCertificates, KEY, MIN_VERSION, Tls, TlsVersion};

/// What is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {what}; {cure}")]
pub struct TlsFault {
    /// The setting that names the file, dotted.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub cure: &'static str,
}

/// Everything that is wrong with the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct TlsFaults(pub Vec<TlsFault>);

impl Tls {
    /// Reads the files anew.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(&self) -> Result<ServerConfig, TlsFaults> {
        let provider = Arc::new(ring::default_provider());
        let (chain, key) = (certificates(CERTIFICATE, &self.certificate), private_key(KEY, &self.key));
        let roots = self.clients.issuers().map(|file| roots(CLIENT_CA, file)).transpose();
        let (chain, key, roots) = match (chain, key, roots) {
            (Ok(chain), Ok(key), Ok(roots)) => (chain, key, roots),
            (chain, key, roots) => {
                return Err(TlsFaults([chain.err(), key.err(), roots.err()].into_iter().flatten().collect()));
            }
        };
        self.assemble(provider, chain, key, roots).map_err(|fault| TlsFaults(vec![fault]))
    }

    fn assemble(
        &self,
        provider: Arc<CryptoProvider>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        roots: Option<RootCertStore>,
    ) -> Result<ServerConfig, TlsFault> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.min_version.and_later())
            .map_err(|error| fault(MIN_VERSION, error.to_string(), "write \"1.2\""))?;
        let Some(roots) = roots else {
            return builder
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(|error| of_pair(error, CERTIFICATE, KEY));
        };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = self.clients.asked(verifier).build().map_err(|error| {
            fault(CLIENT_CA, format!("cannot be used: {error}"), "give certificates of authorities")
        })?;
        let mut config = builder
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| of_pair(error, CERTIFICATE, KEY))?;
        // A resumed session would bring a certificate along that is not looked at again, though it may have
        // expired since (THREATS D11).
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

impl ClientCertificates {
    fn asked(&self, verifier: ClientCertVerifierBuilder) -> ClientCertVerifierBuilder {
        match self {
            ClientCertificates::Optional(_) => verifier.allow_unauthenticated(),
            ClientCertificates::Unasked | ClientCertificates::Required(_) => verifier,
        }
    }
}

impl TlsVersion {
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            TlsVersion::Tls12 => &FROM_12,
            TlsVersion::Tls13 => &FROM_13,
        }
    }
}

/// The authorities in the file that a setting names.
pub(in crate::config) fn roots(key: &'static str, file: &Path) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(key, file)? {
        roots.add(certificate).map_err(|error| {
            fault(key, format!("holds no authority's certificate: {error}"), "give the issuer's own")
        })?;
    }
    Ok(roots)
}

/// The certificates in the file that a setting names, first to last; at least one.
pub(in crate::config) fn certificates(
    key: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    const CURE: &str = "it must hold `-----BEGIN CERTIFICATE-----` and what follows";
    let text = read(key, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(fault(key, format!("{} holds no certificate in PEM", file.display()), CURE))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(fault(key, format!("{} is broken: {error}", file.display()), CURE)),
    }
}

/// The private key in the file that a setting names.
pub(in crate::config) fn private_key(
    key: &'static str,
    file: &Path,
) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let text = read(key, file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let what = format!("{} holds no private key in PEM", file.display());
        fault(key, what, "it must hold `-----BEGIN PRIVATE KEY-----` and what follows, without a password")
    })
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, TlsFault> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text));
    match read {
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            Err(fault(key, format!("{} is larger than 1 MiB", file.display()), "name the right file"))
        }
        Ok(_) => Ok(text),
        Err(error) => {
            let what = format!("{} cannot be read: {error}", file.display());
            Err(fault(key, what, "check the path and its permissions"))
        }
    }
}

/// Which of the two is to blame for what rustls says of them.
pub(in crate::config) fn of_pair(error: Error, certificate: &'static str, key: &'static str) -> TlsFault {
    match error {
        Error::InconsistentKeys(_) => {
            fault(key, "does not belong to the certificate".to_owned(), "give the key it was issued for")
        }
        Error::InvalidCertificate(error) => {
            fault(certificate, format!("cannot be used: {error}"), "put one's own certificate first")
        }
        error => fault(key, format!("cannot be used: {error}"), "use an RSA, ECDSA or Ed25519 key"),
    }
}

fn fault(key: &'static str, what: String, cure: &'static str) -> TlsFault {
    TlsFault { key, what, cure }
}

static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
const FILE_BYTES_MAX: u64 = 1 << 20;
