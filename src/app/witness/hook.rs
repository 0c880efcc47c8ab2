//! Sends a checkpoint to an address of the operator's: a POST, no redirect, nothing of the answer but its status.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Sends a note.
///
/// # Errors
/// When nobody takes it within a few seconds.
pub(super) async fn send(url: &Uri, note: String) -> Result<()> {
    tokio::time::timeout(PATIENCE, post(url, note)).await.context("it does not answer")?
}

async fn post(url: &Uri, note: String) -> Result<()> {
    let host = url.host().context("the address has no host")?;
    let is_tls = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    if !is_tls {
        return ask(stream, url, note).await;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    ask(stream, url, note).await
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Uri,
    note: String,
) -> Result<()> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let host =
        url.authority().map_or("", |authority| authority.as_str()).rsplit('@').next().unwrap_or_default();
    let request = Request::post(target).header(HOST, host).header(CONTENT_TYPE, "text/plain; charset=utf-8");
    let answer = sender.send_request(request.body(Full::new(Bytes::from(note)))?).await;
    connection.abort();
    let status = answer?.status();
    ensure!(status.is_success(), "it answers {status}");
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(5);
