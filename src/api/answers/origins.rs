//! Pages of other origins, and which of them may read (CORS, as the Fetch standard has it): those that `admin.origins` names,
//! exactly, with a token that they show themselves. What a browser adds by itself, a cookie, is not looked at, and that they are
//! let in where nobody needs a token goes for none of them: any page could ask that way.
//!
//! They read, and change nothing: signing in would leave a cookie, and who signs whom in is for our own page (THREATS Q07).

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::access::{Caller, Proof};
use super::problem::Problem;

/// The origins whose pages may read.
pub(in crate::api) struct Origins(Vec<String>);

impl Origins {
    /// As the configuration names them.
    pub(in crate::api) fn new(origins: &[String]) -> Origins {
        Origins(origins.to_vec())
    }

    /// The origin of the page that asks, where it is one of these. The one that we are asked at is no other one.
    pub(in crate::api) fn of(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = asked.get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
        let (_, authority) = origin.to_str().ok()?.split_once("://")?;
        let is_here = asked.get(HOST).is_some_and(|host| host == authority);
        let is_listed = self.0.iter().any(|known| origin == known.as_str());
        (is_listed && !is_here).then(|| origin.clone())
    }

    /// Says of every answer that it depends on the origin, where it does.
    pub(in crate::api) fn vary(&self, answer: &mut Response) {
        if !self.0.is_empty() {
            answer.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

/// True when a browser asks whether its page may ask. It asks without a token.
pub(in crate::api) fn is_preflight(method: &Method, asked: &HeaderMap) -> bool {
    method == Method::OPTIONS && asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What it is told.
pub(in crate::api) fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, If-None-Match, Last-Event-ID"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets a page of one of these origins read what its reader may.
///
/// # Errors
/// When it shows no token, or is to change something.
pub(in crate::api) fn check(caller: &Caller, method: &Method) -> Result<(), Problem> {
    if *caller.proof() == Proof::Place {
        let detail = "Pages of other origins show a token: `Authorization: Bearer …`.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    }
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "Pages of other origins read, and change nothing."))
}

/// Lets the page see the answer.
pub(in crate::api) fn show(answer: &mut Response, origin: HeaderValue) {
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Content-Disposition, ETag, Retry-After"),
    );
}
