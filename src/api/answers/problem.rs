//! Refusals, in the one form of RFC 9457 (`application/problem+json`).
//!
//! A problem tells the client what it can do about it. What went wrong inside stays in our log: paths,
//! partitions and error texts of the store are nobody's business on the wire.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

/// Why a request is refused.
#[derive(Debug)]
pub(in crate::api) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    wrong: Vec<Wrong>,
    /// What is wrong with files, each with its place and cure.
    problems: Option<Value>,
    /// The methods that a route takes, where another was used.
    allow: Option<&'static str>,
}

/// One parameter that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::api) struct Wrong {
    /// Its name, as sent.
    pub(in crate::api) parameter: String,
    /// What is wrong with it.
    pub(in crate::api) detail: String,
    /// What it takes.
    pub(in crate::api) accepts: String,
}

/// The body (RFC 9457 section 3.1); the first wrong parameter stands at the top, all of them in `errors`.
#[derive(Serialize)]
struct View<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Wrong],
    #[serde(skip_serializing_if = "Option::is_none")]
    problems: Option<&'a Value>,
}

impl Problem {
    /// A problem that its status and a sentence say wholly.
    pub(in crate::api) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { status, detail: detail.into(), wrong: Vec::new(), problems: None, allow: None }
    }

    /// Another method than the route takes.
    pub(in crate::api) fn method(allow: &'static str) -> Problem {
        let detail = format!("This address takes {}.", allow.replace(',', " and "));
        Problem { allow: Some(allow), ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// True when somebody was kept out.
    pub(in crate::api) fn is_refusal(&self) -> bool {
        let of_access = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
        of_access.contains(&self.status)
    }

    /// Rules or configuration that cannot be put into force.
    pub(in crate::api) fn files(problems: Value) -> Problem {
        let detail = "Rules or configuration are wrong; those in force stay as they are.";
        Problem { problems: Some(problems), ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// Parameters that are wrong; at least one.
    pub(in crate::api) fn parameters(wrong: Vec<Wrong>) -> Problem {
        let detail = wrong.first().map(|first| format!("`{}` {}", first.parameter, first.detail));
        let detail = detail.unwrap_or_default();
        Problem { wrong, ..Problem::new(StatusCode::BAD_REQUEST, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let first = self.wrong.first();
        let (r#type, title) = match (first, &self.problems) {
            (Some(_), _) => (PARAMETERS, "The query has parameters that cannot be used"),
            (None, Some(_)) => (FILES, "Rules or configuration cannot be put into force"),
            (None, None) => ("about:blank", self.status.canonical_reason().unwrap_or("Error")),
        };
        let view = View {
            r#type,
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            parameter: first.map(|wrong| wrong.parameter.as_str()),
            accepts: first.map(|wrong| wrong.accepts.as_str()),
            errors: &self.wrong,
            problems: self.problems.as_ref(),
        };
        let body = serde_json::to_vec(&view).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some((name, value)) = header(self.status) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The header that a refusal of this status must have, or that tells the client what to do next.
fn header(status: StatusCode) -> Option<(HeaderName, &'static str)> {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Some((CONNECTION, "close")),
        // A turn comes back in two seconds at the latest.
        StatusCode::TOO_MANY_REQUESTS => Some((RETRY_AFTER, "2")),
        StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "1")),
        StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer realm=\"earwitness\"")),
        _ => None,
    }
}

/// A name, not an address: docs/api.md explains it.
const PARAMETERS: &str = "urn:problem-type:earwitness:parameters";
const FILES: &str = "urn:problem-type:earwitness:files";
