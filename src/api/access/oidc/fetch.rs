//! Documents of the provider: over TLS, verified by the authorities that the system trusts, or from this machine. No
//! redirection is followed: what is asked is what the configuration, or the provider's metadata, says.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// It does not answer, or not in time.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answers something else.
    #[error("it answers {0}")]
    Status(StatusCode),
    /// What it answers is of no use.
    #[error("{0}")]
    Other(&'static str),
}

/// What is sent in order to get a document by POST.
pub(super) struct Form {
    /// Encoded.
    pub(super) text: String,
    pub(super) authorization: Option<HeaderValue>,
}

/// A document at an address.
pub(super) async fn get(url: &str) -> Result<Value, FetchError> {
    document(url, None).await
}

/// The document that a form is answered with.
pub(super) async fn post(url: &str, form: Form) -> Result<Value, FetchError> {
    document(url, Some(form)).await
}

/// An address that nobody on the way can read or change what is said to.
pub(super) fn is_safe(uri: &Uri) -> bool {
    let is_here = bare_host(uri).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !bare_host(uri).is_empty() && (uri.scheme_str() == Some("https") || is_here)
}

async fn document(url: &str, form: Option<Form>) -> Result<Value, FetchError> {
    let answer = tokio::time::timeout(PATIENCE, answer(url, form)).await;
    let body = answer.map_err(|_| FetchError::Unreachable("no answer in time".to_owned()))??;
    serde_json::from_slice(&body).map_err(|_| FetchError::Other("it answers what is no JSON"))
}

async fn answer(url: &str, form: Option<Form>) -> Result<Bytes, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Other("an address that it names is none"))?;
    let authority = uri.authority().ok_or(FetchError::Other("an address that it names has no host"))?;
    let host = bare_host(&uri);
    let is_tls = uri.scheme_str() == Some("https");
    if !is_safe(&uri) {
        return Err(FetchError::Other("an address that it names is not https"));
    }
    let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
    if !is_tls {
        return exchange(stream, &uri, form).await;
    }
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Other("it has no name for TLS"))?;
    let stream = TlsConnector::from(trust()?).connect(name, stream).await.map_err(unreachable)?;
    exchange(stream, &uri, form).await
}

/// One request on a connection of its own.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &Uri,
    form: Option<Form>,
) -> Result<Bytes, FetchError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // It ends with the sender, which this function owns.
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::get(path);
    let mut body = Bytes::new();
    if let Some(form) = form {
        request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request =
            form.authorization.into_iter().fold(request, |request, it| request.header(AUTHORIZATION, it));
        body = form.text.into();
    }
    let request = request.header(HOST, host).header(ACCEPT, "application/json").body(Full::new(body));
    let request = request.map_err(|_| FetchError::Other("no request can be made of it"))?;
    let answer = sender.send_request(request).await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
    Ok(body.map_err(|_| FetchError::Other("its answer is too long, or broke off"))?.to_bytes())
}

fn bare_host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

/// Read anew each time, which is seldom.
fn trust() -> Result<Arc<ClientConfig>, FetchError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions();
    let config = config.map_err(|_| FetchError::Other("TLS cannot be spoken here"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn unreachable(error: impl std::fmt::Display) -> FetchError {
    FetchError::Unreachable(error.to_string())
}

const PATIENCE: Duration = Duration::from_secs(5);
const BODY_BYTES_MAX: usize = 1 << 20;
