//! Connections to the application by other ways than TCP in clear, each configured as an operator would:
//! with files and settings.

mod frames;
mod http2;
mod streams;
mod tls;
mod unix;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use earwitness::config::{Config, Upstream};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::rig::PATIENCE;

/// The application of a configuration in which these settings stand.
fn upstream(address: &str, settings: &[(&str, String)]) -> Upstream {
    let rules = tempfile::tempdir().unwrap();
    let mut variables = vec![
        ("EARWITNESS_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("EARWITNESS_UPSTREAM".to_owned(), address.to_owned()),
        ("EARWITNESS_RULES".to_owned(), rules.path().display().to_string()),
    ];
    let named = |name: &str| format!("EARWITNESS_UPSTREAM_{name}");
    variables.extend(settings.iter().map(|(name, value)| (named(name), value.clone())));
    Config::load(None, variables).map_err(|problems| problems.render()).unwrap().upstream
}

/// Somebody who signs certificates, and the folder where all of them lie.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as the test's application holds them.
pub(crate) struct Certified {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    pub(crate) fn ca(&self) -> String {
        path(self.folder.path(), "ca.pem")
    }

    /// A certificate for that name, changed before it is signed.
    pub(crate) fn certify(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certified {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.path().join("own.pem"), certificate.pem()).unwrap();
        std::fs::write(self.folder.path().join("own.key"), key.serialize_pem()).unwrap();
        Certified {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// The settings for the certificate made last, as ours.
    fn own(&self) -> [(&'static str, String); 2] {
        let folder = self.folder.path();
        [("TLS_CERTIFICATE", path(folder, "own.pem")), ("TLS_KEY", path(folder, "own.key"))]
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// How the test's application speaks TLS.
pub(crate) fn server(certified: Certified, clients: Option<&Authority>) -> ServerConfig {
    let builder = ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    builder.with_single_cert(certified.chain, certified.key).unwrap()
}

/// What was said in a connection's handshake: the name asked for, the protocol agreed on.
type Hello = (Option<String>, Option<Vec<u8>>);
type Stream = StreamOwned<ServerConnection, TcpStream>;

/// An application behind TLS, one thread for each connection.
pub(crate) struct TlsApp {
    address: SocketAddr,
    hellos: Arc<Mutex<Vec<Hello>>>,
}

impl TlsApp {
    /// Runs the script on every connection whose handshake succeeded.
    fn scripted(server: ServerConfig, script: impl Fn(&mut Stream) + Send + Sync + 'static) -> TlsApp {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let hellos = Arc::new(Mutex::new(Vec::new()));
        let app = TlsApp { address, hellos: Arc::clone(&hellos) };
        let (server, script) = (Arc::new(server), Arc::new(script));
        thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let (server, script, hellos) =
                    (Arc::clone(&server), Arc::clone(&script), Arc::clone(&hellos));
                thread::spawn(move || {
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut connection = ServerConnection::new(server).unwrap();
                    if connection.complete_io(&mut socket).is_err() {
                        return;
                    }
                    let name = connection.server_name().map(str::to_owned);
                    hellos.lock().push((name, connection.alpn_protocol().map(<[u8]>::to_vec)));
                    script(&mut StreamOwned::new(connection, socket));
                });
            }
        });
        app
    }

    /// Answers every request with that.
    pub(crate) fn answering(server: ServerConfig, response: &'static str) -> TlsApp {
        TlsApp::scripted(server, move |stream| {
            while next_head(stream).is_some() && stream.write_all(response.as_bytes()).is_ok() {}
        })
    }

    /// Its address under a name that a certificate can be for.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn connections(&self) -> usize {
        self.hellos.lock().len()
    }
}

/// A request's head; `None` at the end of the connection.
fn next_head(stream: &mut impl Read) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}
