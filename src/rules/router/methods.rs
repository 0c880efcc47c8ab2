//! The methods that a request may mean (THREATS E13 to E15): the one on the wire, those that headers and
//! query name in its place, and, for a POST, those that its body may still name.

use smallvec::SmallVec;

use super::{HeadView, headers};
use crate::event::{Note, NoteCode};

/// The methods of one request.
pub(super) struct Methods<'a> {
    wire: &'a str,
    /// Named beside the wire's, upper case.
    named: SmallVec<[String; 1]>,
}

/// How surely a method is meant; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is on the request line (a HEAD also stands for GET).
    Wire,
    /// A header or the query names it.
    Named,
    /// The body may name it.
    InBody,
}

impl<'a> Methods<'a> {
    pub(super) fn of(head: &HeadView<'a>) -> Methods<'a> {
        let mut methods = Methods { wire: head.method, named: SmallVec::new() };
        for (_, value) in headers::values(head.headers, &METHOD_HEADERS).take(VALUES_MAX) {
            for method in value.to_str().unwrap_or("").split(',').take(VALUES_MAX) {
                methods.add(method);
            }
        }
        if let Some((_, query)) = head.target.split_once('?') {
            // Some readers split at `;` too, as Rack did.
            let pairs = query.split(['&', ';']).take(PAIRS_MAX);
            let named = pairs.filter(|pair| may_be_method(pair)).filter_map(|pair| {
                let (name, method) = form_urlencoded::parse(pair.as_bytes()).next()?;
                is_method(&name).then_some(method)
            });
            for method in named.take(VALUES_MAX) {
                methods.add(&method);
            }
        }
        methods
    }

    /// Adds a method that is named beside the wire's; what is no method is passed over.
    fn add(&mut self, method: &str) {
        let method = method.trim().to_ascii_uppercase();
        let is_token = method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_token && !method.is_empty() && method.len() <= METHOD_BYTES_MAX && !self.names(&method) {
            self.named.push(method);
        }
    }

    /// True when the request line, a header or the query names this method.
    pub(super) fn names(&self, method: &str) -> bool {
        self.wire.eq_ignore_ascii_case(method) || self.named.iter().any(|named| named == method)
    }

    /// How surely a line's method is meant; `None` when it is not.
    pub(super) fn standing(&self, line_method: &str) -> Option<Standing> {
        let stands = |method: &str| {
            method.eq_ignore_ascii_case(line_method)
                || (line_method == "GET" && method.eq_ignore_ascii_case("HEAD"))
        };
        if stands(self.wire) {
            Some(Standing::Wire)
        } else if self.named.iter().any(|method| stands(method)) {
            Some(Standing::Named)
        } else if self.wire.eq_ignore_ascii_case("POST") && IN_BODY.contains(&line_method) {
            Some(Standing::InBody)
        } else {
            None
        }
    }

    /// What to tell: the methods that are named beside the wire's.
    pub(super) fn note(&self) -> Option<Note> {
        (!self.named.is_empty()).then(|| Note::with(NoteCode::MethodOverridden, self.named.join(", ")))
    }
}

/// True when a request with this method may change something. A method that nobody knows may (THREATS
/// E14).
pub fn is_mutating(method: &str) -> bool {
    !SAFE.iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// A quick look before decoding: this runs for every request with a query.
fn may_be_method(pair: &str) -> bool {
    pair.starts_with(['_', '%', '.', '[']) && pair.contains('=')
}

/// `_method`, also as a list, and as PHP spells names (`.method`).
fn is_method(name: &str) -> bool {
    let rest = name.strip_prefix(['_', '.', '[']).unwrap_or_default();
    rest.split('[').next().is_some_and(|rest| rest.eq_ignore_ascii_case("method"))
}

/// Headers by which frameworks let a client name the method.
const METHOD_HEADERS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Methods that a form's or a document's `_method` stands for.
const IN_BODY: [&str; 3] = ["PUT", "PATCH", "DELETE"];

/// Methods that are defined to change nothing (IANA's registry of methods, column "safe"), without those of
/// version control.
const SAFE: [&str; 8] = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH", "QUERY", "TRACE"];

const METHOD_BYTES_MAX: usize = 24;
const VALUES_MAX: usize = 8;
/// Pairs of a query; a head is at most 64 KiB, so an honest one has fewer.
const PAIRS_MAX: usize = 32 << 10;
