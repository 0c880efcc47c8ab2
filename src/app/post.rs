//! Sends something to an address of the operator's: a POST, no redirect, nothing of the answer but its status.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// An address that things are sent to, each over a connection of its own.
pub(super) struct Post {
    url: Uri,
    /// Where it is an `https` address: whom the system trusts.
    tls: Option<TlsConnector>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// It has no time now, and may have later.
#[derive(Debug, thiserror::Error)]
#[error("it answers {status}")]
pub(super) struct Busy {
    status: StatusCode,
    /// When to come again, where it says so in seconds (RFC 9110 section 10.2.3).
    pub(super) after: Option<Duration>,
}

impl Post {
    /// To that address, `http` or `https`. Reads the system's certificates for the latter.
    ///
    /// # Errors
    /// When no TLS can be spoken.
    pub(super) fn to(url: &Uri) -> Result<Post> {
        let is_tls = url.scheme_str() == Some("https");
        Ok(Post { url: url.clone(), tls: is_tls.then(connector).transpose()?, headers: Vec::new() })
    }

    /// The same, with these headers on what is sent.
    #[must_use]
    pub(super) fn with(self, headers: &[(HeaderName, HeaderValue)]) -> Post {
        Post { headers: headers.to_vec(), ..self }
    }

    /// Sends it.
    ///
    /// # Errors
    /// When nobody takes it within a few seconds; [`Busy`] where it may be sent again.
    pub(super) async fn send(&self, content_type: &'static str, body: Bytes) -> Result<()> {
        tokio::time::timeout(PATIENCE, self.post(content_type, body)).await.context("it does not answer")?
    }

    async fn post(&self, content_type: &'static str, body: Bytes) -> Result<()> {
        let host = self.url.host().context("the address has no host")?.trim_matches(['[', ']']);
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        let Some(tls) = &self.tls else { return self.ask(stream, content_type, body).await };
        let stream = tls.connect(ServerName::try_from(host.to_owned())?, stream).await?;
        self.ask(stream, content_type, body).await
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<()> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let target = self.url.path_and_query().map_or("/", |target| target.as_str());
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit('@').next().unwrap_or_default();
        let request = Request::post(target).header(HOST, host).header(CONTENT_TYPE, content_type);
        let mut request = request.body(Full::new(body))?;
        request.headers_mut().extend(self.headers.iter().cloned());
        let answer = sender.send_request(request).await;
        connection.abort();
        let answer = answer?;
        let status = answer.status();
        if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            return Err(Busy { status, after: after.map(Duration::from_secs) }.into());
        }
        ensure!(status.is_success(), "it answers {status}");
        Ok(())
    }
}

fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

const PATIENCE: Duration = Duration::from_secs(5);
