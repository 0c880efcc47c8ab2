//! Questions to an audit listener, for the commands that need one.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The answer to a GET, as a document.
///
/// # Errors
/// When the listener cannot be reached, refuses, or says something else.
pub(super) async fn ask(authority: &str, target: &str, token: Option<&str>) -> Result<Value> {
    let stream = TcpStream::connect(authority).await;
    let stream = stream.with_context(|| format!("nothing answers at http://{authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = http::Request::get(target).header(HOST, authority);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    let answer: Value = serde_json::from_slice(&body)
        .with_context(|| format!("http://{authority} answers {status}, and not as an audit listener does"))?;
    if status != StatusCode::OK {
        bail!("http://{authority} answers {status}: {}", answer["detail"].as_str().unwrap_or_default());
    }
    Ok(answer)
}

/// A page of 100 events, or all blind spots, with room to spare.
const ANSWER_BYTES_MAX: usize = 64 << 20;
