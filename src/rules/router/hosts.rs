//! For which hosts a pack is meant (THREATS E09).
//!
//! Hosts are compared folded, without port, user and trailing dot. A host that no pack names is not a way
//! out: when every pack is bound to hosts, all of them are tried, and the event says so.

use smallvec::SmallVec;

use crate::event::{Note, NoteCode};
use crate::rules::model::Pack;

/// The hosts of all packs.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// By pack; empty for any host.
    bound: Vec<Vec<String>>,
}

/// Which packs serve one host.
pub(super) enum Host {
    /// No pack is bound to hosts.
    Any,
    /// These packs.
    Known(SmallVec<[bool; 8]>),
    /// Every pack is bound to hosts, and none to this one.
    Unknown,
}

impl Hosts {
    pub(super) fn new(packs: &[Pack]) -> Hosts {
        Hosts { bound: packs.iter().map(|pack| pack.hosts.clone()).collect() }
    }

    /// Which packs serve a host, given as received.
    pub(super) fn of(&self, host: &str) -> Host {
        if self.bound.iter().all(Vec::is_empty) {
            return Host::Any;
        }
        let host = bare(host);
        let fits = |patterns: &Vec<String>| {
            patterns.is_empty() || patterns.iter().any(|pattern| is_named(&host, pattern))
        };
        let served: SmallVec<[bool; 8]> = self.bound.iter().map(fits).collect();
        if served.contains(&true) { Host::Known(served) } else { Host::Unknown }
    }
}

impl Host {
    pub(super) fn is_served_by(&self, pack: usize) -> bool {
        match self {
            Host::Any | Host::Unknown => true,
            Host::Known(served) => served.get(pack).copied().unwrap_or(false),
        }
    }

    pub(super) fn note(&self) -> Option<Note> {
        match self {
            Host::Any | Host::Known(_) => None,
            Host::Unknown => Some(Note::plain(NoteCode::HostUnknown)),
        }
    }
}

/// A host folded, without user, port and trailing dot.
fn bare(host: &str) -> String {
    let host = host.rsplit('@').next().unwrap_or("").trim();
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    };
    without_port.trim_end_matches('.').to_ascii_lowercase()
}

/// `*.x.org` names every subdomain of x.org, but not x.org.
fn is_named(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => host == pattern,
    }
}
