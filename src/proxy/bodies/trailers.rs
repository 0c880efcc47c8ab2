//! Fields behind a body, which some applications merge into the head without a look at their names
//! (RFC 9110 section 6.5.1; THREATS E31). What could then frame, route or authenticate a message, or say where it
//! comes from, is taken out in both directions; all else passes.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http_body::Frame;

use crate::proxy::wire::forwarding;

/// Takes those fields out of a frame of trailers; their names.
pub(super) fn drop_forbidden(frame: &mut Frame<Bytes>) -> Vec<HeaderName> {
    let Some(trailers) = frame.trailers_mut() else { return Vec::new() };
    let forbidden: Vec<_> = trailers.keys().filter(|name| is_forbidden(name)).cloned().collect();
    for name in &forbidden {
        trailers.remove(name);
    }
    forbidden
}

/// The same for a body of which nothing is kept.
pub(super) fn without_forbidden_trailers(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    drop_forbidden(&mut frame);
    frame
}

fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name)
        || name.as_str().starts_with("content-")
        || forwarding::is_forwarding(name.as_str())
        // CGI and WSGI give both spellings to the application under one name.
        || MEANT_ELSEWHERE.contains(&name.as_str().replace('_', "-").as_str())
}

const FORBIDDEN: [HeaderName; 16] = [
    header::HOST,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::WWW_AUTHENTICATE,
    header::COOKIE,
    header::SET_COOKIE,
    header::EXPECT,
    header::RANGE,
    header::LOCATION,
    header::MAX_FORWARDS,
];
const MEANT_ELSEWHERE: [&str; 6] = [
    "keep-alive",
    "proxy-connection",
    "x-request-id",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    // THREATS E31
    #[test]
    fn what_could_pose_as_a_header_of_the_message_is_taken_out() {
        let check = |name: &str, expected: bool| {
            let mut trailers = HeaderMap::new();
            trailers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), "x".parse().unwrap());
            let left = without_forbidden_trailers(Frame::trailers(trailers)).into_trailers().unwrap();
            assert_eq!(left.is_empty(), expected, "{name}");
        };
        for name in
            ["Content-Length", "Transfer-Encoding", "Host", "Content-Type", "TE", "Trailer", "Connection"]
        {
            check(name, true);
        }
        for name in ["Authorization", "Cookie", "Set-Cookie", "WWW-Authenticate", "Proxy-Authorization"] {
            check(name, true);
        }
        for name in ["Forwarded", "X-Forwarded-User", "x_forwarded_for", "X-Original-URL", "Earwitness-Read"]
        {
            check(name, true);
        }
        for name in ["X-HTTP-Method-Override", "x_http_method", "X-Request-Id", "Expect", "Location"] {
            check(name, true);
        }
        for name in ["grpc-status", "grpc-message", "Server-Timing", "X-Sum", "ETag", "Digest", "Date"] {
            check(name, false);
        }
    }
}
