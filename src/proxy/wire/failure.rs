//! Everything that can go wrong between client and application, and the one function that turns it into an
//! answer. What the client is told never holds more than what it sent and the request's id.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::answer_gate::Unsound;
use crate::exchange::Ending;
use crate::proxy::bodies::AnswerBody;
use crate::serve::Refusal;
use crate::telemetry::RequestKind;

/// Why a request was not answered by the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The gate refused its head.
    #[error("{0}")]
    Refused(Refusal),
    /// `methods` in the configuration.
    #[error("this method is not served here")]
    Method,
    /// THREATS E34.
    #[error("the Connection header names a header that must arrive")]
    Nominated,
    /// `websocket: refuse` in a rule (THREATS E32).
    #[error("no WebSocket is served here")]
    WebSocket,
    /// The client broke off, or broke the rules of chunked bodies.
    #[error("the request's body broke off or is malformed")]
    RequestBroken,
    /// `client_stall_ms`, of one stream among others.
    #[error("the request's body did not arrive in time")]
    RequestStalled,
    /// `request_body_bytes_max`.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// `requests_max`.
    #[error("too many requests are under way")]
    Crowded,
    /// Its intent is not on the disk, and a rule says `on_failure: refuse`.
    #[error("this request must be recorded, and cannot be at the moment")]
    Unrecorded,
    /// No connection could be made, or the application refused to look: it has not seen the request.
    #[error("the application could not be reached")]
    Unreachable,
    /// The connection broke before the head of an answer: the application may have acted.
    #[error("the application closed the connection without an answer")]
    Gone,
    /// The answer's head could be read in two ways (THREATS D06): the application may have acted.
    #[error("the application's answer is malformed")]
    Unsound(Unsound),
    /// No head of an answer within `upstream_ms`.
    #[error("the application did not answer in time")]
    Timeout,
}

impl Failure {
    fn status(self) -> StatusCode {
        match self {
            Failure::Refused(Refusal::HeadTooLarge | Refusal::TooManyHeaders) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Failure::Refused(Refusal::HeadTooSlow) => StatusCode::REQUEST_TIMEOUT,
            Failure::Refused(_) | Failure::Nominated | Failure::RequestBroken => StatusCode::BAD_REQUEST,
            Failure::RequestStalled => StatusCode::REQUEST_TIMEOUT,
            Failure::Method => StatusCode::METHOD_NOT_ALLOWED,
            Failure::WebSocket => StatusCode::FORBIDDEN,
            Failure::Unrecorded => StatusCode::SERVICE_UNAVAILABLE,
            Failure::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Unreachable | Failure::Gone | Failure::Unsound(_) => StatusCode::BAD_GATEWAY,
            Failure::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The limit that was reached, if one was.
    pub(crate) fn limit(self) -> Option<&'static str> {
        match self {
            Failure::Refused(Refusal::HeadTooLarge)
            | Failure::Unsound(Unsound::Message(Refusal::HeadTooLarge)) => Some("head_bytes_max"),
            Failure::Refused(Refusal::TooManyHeaders)
            | Failure::Unsound(Unsound::Message(Refusal::TooManyHeaders)) => Some("headers_max"),
            Failure::BodyTooLarge => Some("request_body_bytes_max"),
            Failure::Crowded => Some("requests_max"),
            Failure::RequestStalled => Some("client_stall_ms"),
            Failure::Timeout => Some("upstream_ms"),
            // (A head that is too slow is counted by the connection's clock.)
            Failure::Refused(_)
            | Failure::Method
            | Failure::Nominated
            | Failure::WebSocket
            | Failure::RequestBroken
            | Failure::Unrecorded
            | Failure::Unreachable
            | Failure::Unsound(_)
            | Failure::Gone => None,
        }
    }

    /// How the request is counted.
    pub(crate) fn kind(self) -> RequestKind {
        match self {
            Failure::Refused(_)
            | Failure::Method
            | Failure::Nominated
            | Failure::WebSocket
            | Failure::RequestBroken
            | Failure::RequestStalled
            | Failure::Unrecorded
            | Failure::BodyTooLarge
            | Failure::Crowded => RequestKind::Refused,
            Failure::Unreachable | Failure::Gone | Failure::Unsound(_) | Failure::Timeout => {
                RequestKind::Failed
            }
        }
    }

    /// How an exchange that failed so ended.
    pub(crate) fn ending(self) -> Ending {
        match self {
            Failure::Refused(_)
            | Failure::Method
            | Failure::Nominated
            | Failure::Unrecorded
            | Failure::BodyTooLarge
            | Failure::Crowded => Ending::Refused,
            Failure::RequestBroken | Failure::RequestStalled => Ending::ClientGone,
            Failure::WebSocket => Ending::Denied,
            Failure::Unreachable => Ending::UpstreamUnreachable,
            Failure::Gone | Failure::Unsound(_) => Ending::UpstreamGone,
            Failure::Timeout => Ending::UpstreamTimeout,
        }
    }
}

/// The answer to a request that failed. `request_id` is the one the application saw or would have seen.
pub(crate) fn answer(failure: Failure, request_id: &str) -> Response<AnswerBody> {
    let status = failure.status();
    let text = format!("{status}: {failure}.\nRequest id: {request_id}\n");
    let mut response = Response::new(AnswerBody::whole(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match failure.kind() {
        RequestKind::Refused if matches!(failure, Failure::Crowded | Failure::Unrecorded) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // What follows on this connection is not to be trusted.
        RequestKind::Refused => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // The client may have sent what it takes to be the other protocol's.
        RequestKind::Failed if failure == Failure::Unsound(Unsound::Switch) => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        RequestKind::Failed if failure == Failure::Unreachable => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        RequestKind::Failed | RequestKind::Passed | RequestKind::Audited => {}
    }
    response
}
