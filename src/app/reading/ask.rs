//! Questions to an audit listener, for the commands that need one.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The answer to a GET, as a document.
///
/// # Errors
/// When the listener does not answer, refuses, or says something else.
pub(in crate::app) async fn ask(authority: &str, target: &str, token: Option<&str>) -> Result<Value> {
    let (status, body) = fetch(authority, target, token).await?;
    Ok(serde_json::from_slice(&admitted(&format!("http://{authority}"), status, body)?)?)
}

/// The answer to a GET, whatever it is.
///
/// # Errors
/// When the listener does not answer.
pub(super) async fn fetch(authority: &str, target: &str, token: Option<&str>) -> Result<(StatusCode, Bytes)> {
    send(Method::GET, authority, target, token, Bytes::new()).await
}

/// The answer to a POST of a document, as a document.
///
/// # Errors
/// When the listener cannot be reached, refuses, or says something else.
pub(in crate::app) async fn post_json(
    authority: &str,
    target: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<Value> {
    let body = Bytes::from(serde_json::to_vec(body)?);
    let (status, body) = send(Method::POST, authority, target, token, body).await?;
    Ok(serde_json::from_slice(&admitted(&format!("http://{authority}"), status, body)?)?)
}

/// The answer to a POST without a body, as a document.
///
/// # Errors
/// When the listener does not answer, refuses, or says something else.
pub(in crate::app) async fn post(authority: &str, target: &str, token: Option<&str>) -> Result<Value> {
    let (status, body) = send(Method::POST, authority, target, token, Bytes::new()).await?;
    Ok(serde_json::from_slice(&admitted(&format!("http://{authority}"), status, body)?)?)
}

async fn send(
    method: Method,
    authority: &str,
    target: &str,
    token: Option<&str>,
    body: Bytes,
) -> Result<(StatusCode, Bytes)> {
    let answer = tokio::time::timeout(PATIENCE, exchange(method, authority, target, token, body)).await;
    answer.with_context(|| format!("http://{authority} does not answer"))?
}

async fn exchange(
    method: Method,
    authority: &str,
    target: &str,
    token: Option<&str>,
    body: Bytes,
) -> Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(authority).await;
    let stream = stream.with_context(|| format!("nothing answers at http://{authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(target).header(HOST, authority);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let answer = sender.send_request(request.body(Full::new(body))?).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    Ok((status, body))
}

/// The body of an answer that is one.
///
/// # Errors
/// When it is a refusal, in its own words, or does not come from an audit listener.
pub(super) fn admitted(who: &str, status: StatusCode, body: Bytes) -> Result<Bytes> {
    if matches!(status, StatusCode::OK | StatusCode::ACCEPTED) {
        return Ok(body);
    }
    let problem: Value = serde_json::from_slice(&body)
        .with_context(|| format!("{who} answers {status}, and not as an audit listener does"))?;
    let wrong = problem["errors"].as_array().into_iter().flatten().map(|wrong| {
        let word = |name: &str| wrong[name].as_str().unwrap_or_default();
        format!("\n  {} {}; it takes {}", word("parameter"), word("detail"), word("accepts"))
    });
    let wrong: String = wrong.collect();
    bail!("{who} answers {status}: {}{wrong}", problem["detail"].as_str().unwrap_or_default())
}

const PATIENCE: Duration = Duration::from_secs(30);
/// A page of 100 events, or all blind spots, with room to spare.
const ANSWER_BYTES_MAX: usize = 64 << 20;
