//! What is kept of a request that no rule concerns until its answer tells whether it is a blind spot.
//!
//! Kept is what costs a reference count: method, address, host. Only where a request may change something and
//! its template is not known yet, names are copied for the sample.

use std::net::IpAddr;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, response};
use jiff::Timestamp;

use super::Proxy;
use super::wire::forwarding::Peer;
use crate::blind::{Answered, Sample, Seen, is_telling};
use crate::rules::router::{HeadView, is_mutating};

/// A request on its way past all rules.
pub(super) struct Passing {
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    client: IpAddr,
    answered: Answered,
    may_change: bool,
    sample: Option<Sample>,
}

impl Passing {
    /// Of a head as it is forwarded.
    pub(super) fn new(proxy: &Proxy, parts: &Parts, peer: &Peer, answered: Answered) -> Passing {
        let mut passing = Passing {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            host: parts.headers.get(HOST).cloned(),
            client: peer.ip,
            answered,
            may_change: is_mutating(parts.method.as_str()),
            sample: None,
        };
        passing.may_change = passing.may_change || proxy.audit.is_listed(&passing.head(&HeaderMap::new()));
        if passing.may_change {
            passing.client = peer.client_ip(&parts.headers, &proxy.config.trusted_proxies);
            let is_wanted = !proxy.audit.knows(parts.method.as_str(), passing.target())
                && proxy.audit.is_missed(&passing.head(&HeaderMap::new()));
            passing.sample = is_wanted.then(|| Sample::of(passing.target(), &parts.headers));
        }
        passing
    }

    /// Its answer is there: counts it where it may have changed something.
    pub(super) fn end(&self, proxy: &Proxy, answer: &response::Parts) {
        let may_change = self.may_change || is_telling(self.target(), answer.status, &answer.headers);
        if may_change && proxy.audit.is_missed(&self.head(&HeaderMap::new())) {
            proxy.audit.missed(&Seen {
                method: self.method.as_str(),
                target: self.target(),
                status: answer.status.as_u16(),
                answered: self.answered,
                client: self.client,
                at: Timestamp::now(),
                sample: self.sample.as_ref(),
            });
        }
    }

    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    /// For the question whether it is excluded, to which headers say nothing.
    fn head<'a>(&'a self, headers: &'a HeaderMap) -> HeadView<'a> {
        let host = self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
        HeadView { method: self.method.as_str(), target: self.target(), host, headers, is_trusted: false }
    }
}
