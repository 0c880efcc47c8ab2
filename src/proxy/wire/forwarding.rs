//! Who the client is, and the headers that tell the application: `X-Forwarded-*`, `Forwarded`
//! (RFC 7239), `X-Request-Id`.
//!
//! What a peer claims is believed only from `trusted_proxies`; from anybody else such headers, and those
//! that move a route behind our back, are taken off in every spelling and counted (THREATS E08, E51, E53).
//! Every value set here is built from parsed addresses and checked bytes, never from free text (D10).

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::header::{FORWARDED, HOST, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use smallvec::SmallVec;

use super::Bond;
use super::ids::Ids;
use crate::exchange::{Certificate, TRACEPARENT, trace_id};
use crate::serve::Arrival;
use crate::telemetry::Metrics;

/// A client's connection, as far as forwarding cares.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Whom the connection is from.
    pub(crate) address: SocketAddr,
    /// The address alone, without the IPv6 form of an IPv4 address.
    pub(crate) ip: IpAddr,
    /// The socket's other end: another one where a PROXY header named whom the connection is from.
    pub(crate) socket_ip: IpAddr,
    /// True when it is one of `trusted_proxies`.
    pub(crate) is_trusted: bool,
    /// `http` or `https`: how this connection came, whatever the peer says of others.
    pub(crate) scheme: &'static str,
    /// Who is recorded as having shown it: nobody where the peer speaks for others.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// `X-Forwarded-For` when nothing is appended to.
    for_value: HeaderValue,
    /// What ties it to a connection of the application's.
    pub(crate) bond: Rc<Bond>,
    /// The last `Host` of this connection and the `Forwarded` made of it: it seldom changes. A copy of its own: as it came, it
    /// would keep hyper's buffer, eight kilobytes, for as long as the connection lasts.
    last: RefCell<Option<(HeaderValue, HeaderValue)>>,
}

impl Peer {
    /// Who has arrived.
    pub(crate) fn new(arrival: &Arrival, trusted: &[IpNet]) -> Peer {
        let address = arrival.client;
        let ip = address.ip().to_canonical();
        let is_trusted = is_trusted(ip, trusted);
        Peer {
            address,
            ip,
            socket_ip: arrival.peer.ip().to_canonical(),
            is_trusted,
            certificate: arrival.certificate.clone().filter(|_| !is_trusted),
            scheme: arrival.scheme,
            for_value: value(&ip.to_string()),
            bond: Rc::new(Bond::new(arrival.beside.clone())),
            last: RefCell::new(None),
        }
    }

    /// The client behind trusted proxies: right to left, the first address that is not trusted; what cannot
    /// be parsed ends the walk (THREATS E51).
    pub(crate) fn client_ip(&self, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
        let mut ip = self.ip;
        if !self.is_trusted {
            return ip;
        }
        let lines: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { return ip };
            for item in line.rsplit(',') {
                let Some(next) = parse_address(item.trim()) else { return ip };
                ip = next;
                if !is_trusted(ip, trusted) {
                    return ip;
                }
            }
        }
        ip
    }

    fn forwarded(&self, host: Option<&HeaderValue>) -> HeaderValue {
        if let Some((last, made)) = &*self.last.borrow()
            && Some(last) == host
        {
            return made.clone();
        }
        let (node, proto) = (self.node(), self.scheme);
        let Some(host) = host else { return value(&format!("for={node};proto={proto}")) };
        let made = match host.to_str() {
            Ok(text) if !text.is_empty() => value(&format!("for={node};host=\"{text}\";proto={proto}")),
            Ok(_) | Err(_) => value(&format!("for={node};proto={proto}")),
        };
        *self.last.borrow_mut() = copied(host).map(|host| (host, made.clone()));
        made
    }

    /// RFC 7239 section 6: an IPv6 address is bracketed and quoted.
    fn node(&self) -> String {
        match self.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("\"[{ip}]\""),
        }
    }
}

/// Sets the forwarding headers of a request; returns the request's id.
/// `identity` are headers that only a trusted peer may set.
pub(crate) fn set(
    headers: &mut HeaderMap,
    peer: &Peer,
    identity: &[HeaderName],
    ids: &Ids,
    metrics: &Metrics,
) -> HeaderValue {
    if !peer.is_trusted {
        remove_claims(headers, identity, metrics);
    }
    let host = headers.get(HOST).cloned();
    let forwarded = peer.forwarded(host.as_ref());
    let proto = HeaderValue::from_static(peer.scheme);
    if peer.is_trusted {
        append(headers, &X_FORWARDED_FOR, &peer.for_value);
        append(headers, &FORWARDED, &forwarded);
        headers.entry(X_FORWARDED_PROTO).or_insert(proto);
        if let Some(host) = host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
    } else {
        headers.insert(X_FORWARDED_FOR, peer.for_value.clone());
        headers.insert(FORWARDED, forwarded);
        headers.insert(X_FORWARDED_PROTO, proto);
        if let Some(host) = host {
            headers.insert(X_FORWARDED_HOST, host);
        }
    }
    request_id(headers, ids)
}

/// Keeps the trace of a request, or begins one; `tracestate` belongs to a trace that was kept (W3C Trace Context
/// section 4.3).
pub(crate) fn trace(headers: &mut HeaderMap, ids: &Ids) {
    if trace_id(headers).is_none() {
        headers.remove(&TRACESTATE);
        headers.insert(TRACEPARENT, ids.trace_parent());
    }
}

/// The client's request id if it is sane, else one of ours; set in the headers either way. Nothing in it may
/// end a quoted string or an item of a list, wherever it is printed (THREATS D10).
fn request_id(headers: &mut HeaderMap, ids: &Ids) -> HeaderValue {
    let sent = headers.get(&X_REQUEST_ID);
    let is_sane = sent.is_some_and(|id| {
        let bytes = id.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b';' | b',');
        !bytes.is_empty() && bytes.len() <= REQUEST_ID_BYTES_MAX && bytes.iter().all(is_plain)
    });
    let id = match sent {
        Some(id) if is_sane => id.clone(),
        Some(_) | None => ids.header(),
    };
    headers.insert(X_REQUEST_ID, id.clone());
    id
}

/// One list over all lines, ours last.
fn append(headers: &mut HeaderMap, name: &HeaderName, item: &HeaderValue) {
    let mut list: Vec<u8> = Vec::new();
    for line in headers.get_all(name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(item.as_bytes());
    headers.insert(name, HeaderValue::from_bytes(&list).unwrap_or_else(|_| item.clone()));
}

fn remove_claims(headers: &mut HeaderMap, identity: &[HeaderName], metrics: &Metrics) {
    let is_identity = |name: &str| identity.iter().any(|known| is_alike(name, known.as_str()));
    let claims: SmallVec<[(HeaderName, &str); 4]> = headers
        .keys()
        .filter_map(|name| match (is_forwarding(name.as_str()), is_identity(name.as_str())) {
            (true, _) => Some((name.clone(), "forwarding")),
            (false, true) => Some((name.clone(), "identity")),
            (false, false) => None,
        })
        .collect();
    for (name, kind) in claims {
        headers.remove(name);
        metrics.headers_removed.with_label_values(&[kind]).inc();
    }
    let mut announced = headers.get_all(TRAILER).iter().filter_map(|line| line.to_str().ok());
    let is_announced = |line: &str| line.split(',').any(|name| is_identity(&name.trim().to_lowercase()));
    if !identity.is_empty() && announced.any(is_announced) {
        // Trailers that are not announced are not sent on.
        headers.remove(TRAILER);
    }
}

/// Equal when `_` and `-` count the same on both sides, as CGI and WSGI have it.
fn is_alike(left: &str, right: &str) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte };
    left.len() == right.len() && left.bytes().map(folded).eq(right.bytes().map(folded))
}

/// Whether a name, which is in lower case, says where a request comes from or goes to, in any spelling that
/// CGI and WSGI fold into it. So does the mark of our own reads, which nobody else may wear (THREATS E64).
pub(crate) fn is_forwarding(name: &str) -> bool {
    // Most names are decided by their first letter.
    match name.as_bytes().first() {
        Some(b'f') => name == "forwarded",
        Some(b'e') => same(name, READ_MARK.as_str()),
        Some(b'x') => {
            let rest = name.get(1..).unwrap_or_default();
            let starts = |prefix: &str| rest.len() >= prefix.len() && same(&rest[..prefix.len()], prefix);
            starts("-forwarded-")
                || ["-forwarded", "-original-url", "-rewrite-url", "-script-name"]
                    .iter()
                    .any(|name| same(rest, name))
        }
        Some(_) | None => false,
    }
}

/// Equal when `_` counts as `-`.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left
            .bytes()
            .zip(right.bytes())
            .all(|(left, right)| left == right || (left == b'_' && right == b'-'))
}

/// An address as proxies write it: bare, with a port, bracketed.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|ip: IpAddr| ip.to_canonical())
}

/// Whether that address, in its canonical form, is one of `trusted_proxies`.
pub(crate) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&ip))
}

/// The same in memory of its own.
fn copied(value: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes()).ok()
}

fn value(text: &str) -> HeaderValue {
    // Only a Host with a quote or a control byte could fail, and the gate lets none pass.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Marks our own reads for the application.
pub(in crate::proxy) const READ_MARK: HeaderName = HeaderName::from_static("earwitness-read");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const REQUEST_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str, trusted: &[IpNet]) -> Peer {
        let peer = SocketAddr::new(address.parse().unwrap(), 1);
        let arrival = Arrival { peer, client: peer, scheme: "http", certificate: None, beside: None };
        Peer::new(&arrival, trusted)
    }

    #[test]
    fn what_is_kept_for_a_connection_keeps_no_buffer_that_a_request_came_in() {
        let (peer, buffer) = (peer("192.0.2.1", &[]), bytes::Bytes::from(b"office.example".to_vec()));
        let host = HeaderValue::from_maybe_shared(buffer.clone()).unwrap();
        let made = peer.forwarded(Some(&host));
        assert_eq!(made, "for=192.0.2.1;host=\"office.example\";proto=http");
        assert!(!buffer.is_unique(), "the header is a part of the buffer");
        drop(host);
        assert!(buffer.is_unique());
        assert_eq!(peer.forwarded(Some(&HeaderValue::from_static("office.example"))), made);
    }

    fn client_of(address: &str, lines: &[&str]) -> String {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "::1/128", "2001:db8::/32"].iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        peer(address, &trusted).client_ip(&headers, &trusted).to_string()
    }

    // THREATS E51
    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_trusted() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("192.0.2.1", &["1.1.1.1"], "192.0.2.1"),
            ("192.0.2.1", &[], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["9.9.9.9, 1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["9.9.9.9, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["9.9.9.9", "1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["1.1.1.1", "10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.1.1.1:443"], "1.1.1.1"),
            ("10.0.0.1", &["[2001:db9::1]:443"], "2001:db9::1"),
            ("10.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
            ("10.0.0.1", &["2001:db9::1"], "2001:db9::1"),
            ("10.0.0.1", &["9.9.9.9, 2001:db8::7"], "9.9.9.9"),
            ("10.0.0.1", &["::ffff:1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["::ffff:10.0.0.9"], "10.0.0.9"),
            ("::ffff:10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            ("::1", &["1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.1.1.1,"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["_hidden"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1"], "10.0.0.1"),
            ("10.0.0.1", &["01.1.1.1"], "10.0.0.1"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client_of(peer, lines), *expected, "{peer} {lines:?}");
        }
        let many = vec!["10.0.0.2"; 10_000].join(",");
        assert_eq!(client_of("10.0.0.1", &[&many]), "10.0.0.2");
    }

    // THREATS E08, E53
    #[test]
    fn forwarding_names_are_known_in_every_spelling() {
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded_user",
            "x-forwarded",
            "x-original-url",
            "x_rewrite-url",
            "x-script_name",
            "x-forwarded-prefix",
            "x_forwarded-proto",
            "earwitness-read",
            "earwitness_read",
        ] {
            assert!(is_forwarding(name), "{name}");
        }
        for name in ["x", "", "x-forwarded2", "from", "x-request-id", "forwarded-for", "x-original-urls"] {
            assert!(!is_forwarding(name), "{name}");
        }
    }
}
