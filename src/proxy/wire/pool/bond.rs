//! Applications that ask a *connection* who it is: NTLM and Negotiate (RFC 4559, MS-NTHT). There, what was
//! proved in one request holds for all that follow on the same connection.
//!
//! Such a connection must carry one client and no other, or the second acts as the first (THREATS E35). So the
//! first sign of these schemes, in a request or an answer, ties the client's connection to one of its own: it
//! speaks HTTP/1.1, never goes back to the others, and ends with the client's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use tokio::time::Instant;

use super::own::Idle;
use crate::proxy::wire::answer_gate::Sender;
use crate::serve::{Beside, Ticket};

/// A client's connection as those to the application see it: what ties it to one of them. Lives as long as the client's connection, or
/// as what it left behind is under way.
#[derive(Debug, Default)]
pub(crate) struct Bond {
    is_tied: Cell<bool>,
    /// What passes beside hyper to and from the client.
    beside: Option<Rc<Beside>>,
    /// The application's connection, while nothing is under way on it.
    idle: RefCell<Option<Idle>>,
}

impl Bond {
    /// Of a client that nothing was said to yet.
    pub(crate) fn new(beside: Option<Rc<Beside>>) -> Bond {
        Bond { beside, ..Bond::default() }
    }

    /// For the request under way.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.beside.as_ref().map(Beside::ticket)
    }

    /// True once a sign of such a scheme was seen; it stays so.
    pub(super) fn is_tied(&self) -> bool {
        self.is_tied.get()
    }

    pub(super) fn tie(&self) {
        self.is_tied.set(true);
    }

    /// The client's own connection if it is there and still open, and whether it has rested. How long it
    /// rested does not matter: closing it would ask the client for its password again.
    pub(super) fn take(&self) -> Option<(Sender, bool)> {
        let idle = self.idle.borrow_mut().take()?;
        let has_rested = idle.has_rested(Instant::now());
        (!idle.is_broken()).then_some((idle.sender, has_rested))
    }

    /// Keeps a connection for this client's next request. Only one: several requests at a time come over
    /// HTTP/2, where such schemes do not work.
    pub(super) fn keep(&self, idle: Idle) {
        *self.idle.borrow_mut() = Some(idle);
    }
}

/// True when a request proves something to the connection it is sent over.
pub(crate) fn is_bound(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| names_scheme(value.as_bytes()))
}

/// True when an answer asks its connection to.
pub(super) fn is_challenge(headers: &HeaderMap) -> bool {
    let mut challenges =
        headers.get_all(WWW_AUTHENTICATE).iter().flat_map(|line| line.as_bytes().split(is_comma));
    challenges.any(names_scheme)
}

fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

/// Whether credentials or a challenge begin with one of the schemes (RFC 9110 section 11.3). A comma within
/// a quoted realm can make a challenge look like one: then a connection is not shared, and nothing else.
fn names_scheme(text: &[u8]) -> bool {
    let scheme = text.trim_ascii().split(|byte| *byte == b' ').next().unwrap_or_default();
    SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

const SCHEMES: [&[u8]; 4] = [b"ntlm", b"negotiate", b"nego2", b"kerberos"];

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS E35
    #[test]
    fn a_scheme_that_binds_a_connection_is_seen_in_every_spelling() {
        let check = |lines: &[&str], expected: bool| {
            let (mut sent, mut asked) = (HeaderMap::new(), HeaderMap::new());
            for line in lines {
                sent.append(AUTHORIZATION, line.parse().unwrap());
                asked.append(WWW_AUTHENTICATE, line.parse().unwrap());
            }
            assert_eq!((is_bound(&sent), is_challenge(&asked)), (expected, expected), "{lines:?}");
        };
        check(&["NTLM TlRMTVNTUAAB"], true);
        check(&["ntlm"], true);
        check(&["Negotiate YII="], true);
        check(&["Basic realm=x", "NEGOTIATE"], true);
        check(&["Nego2"], true);
        check(&[" Kerberos x"], true);
        check(&["Basic eA=="], false);
        check(&["Bearer NTLM"], false);
        check(&["Digest realm=\"NTLM\""], false);
        check(&["NTLMv2 x"], false);
        check(&[], false);
        let mut asked = HeaderMap::new();
        asked.insert(WWW_AUTHENTICATE, "Basic realm=\"x\", Negotiate, NTLM".parse().unwrap());
        assert!(is_challenge(&asked));
    }
}
