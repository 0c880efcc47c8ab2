//! How the names in a head are written, where hyper would write them otherwise.
//!
//! hyper folds names into small letters and writes all of them in one way, for which Title-Case is chosen: most
//! clients and applications write it. (Its own memory of names costs both sides a second map for each message.) So
//! only a head with a name in another case leaves its [`Spelling`] beside hyper, and the gate that hyper writes the
//! head to restores it: the letters' case and nothing else, so that no length changes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use smallvec::SmallVec;
use tokio::io::AsyncWrite;

use super::lines::end_of;

/// The names of a head in their order, each with a colon behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spelling(Box<[u8]>);

/// What a gate does to the next head that hyper writes.
#[derive(Debug, Default)]
pub(crate) struct Respelling {
    due: Option<Rc<Spelling>>,
    /// A head in its spelling.
    head: Vec<u8>,
    /// How much of it is written.
    written: usize,
}

impl Spelling {
    /// Of a head that was looked at; `None` where hyper writes the same.
    pub(crate) fn of(head: &[u8]) -> Option<Rc<Spelling>> {
        if names(head).all(|(_, name)| is_titled(name)) {
            return None;
        }
        let mut all = Vec::new();
        for (_, name) in names(head) {
            all.extend_from_slice(name);
            all.push(b':');
        }
        Some(Rc::new(Spelling(all.into())))
    }

    /// Writes the names of a head as they are spelled here. Where one came twice, the lines of both are in order; the
    /// search goes on from the last one found, because most lines are still in order too.
    fn restore(&self, head: &mut [u8]) {
        let lines: SmallVec<[(usize, usize); 32]> = names(head).map(|(at, name)| (at, name.len())).collect();
        let mut from = 0;
        for (at, length) in lines {
            let name = &mut head[at..at + length];
            if let Some((spelled, next)) = self.find(name, from).or_else(|| self.find(name, 0)) {
                name.copy_from_slice(spelled);
                from = next;
            }
        }
    }

    /// That name, from there on, and where the one behind it begins.
    fn find(&self, name: &[u8], from: usize) -> Option<(&[u8], usize)> {
        let mut at = from;
        while let Some(end) = memchr(b':', &self.0[at..]) {
            let spelled = &self.0[at..at + end];
            at += end + 1;
            if spelled.eq_ignore_ascii_case(name) {
                return Some((spelled, at));
            }
        }
        None
    }
}

impl Respelling {
    /// The next that is written begins with a head that came in that spelling.
    pub(crate) fn expect(&mut self, spelling: Option<Rc<Spelling>>) {
        self.due = spelling;
    }

    /// Writes to the socket in the place of hyper, whose slices these are. What it says was written is as long in
    /// either case.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let (Some(spelling), Some(first)) = (self.due.take(), slices.first())
            && let Some(end) = end_of(first, 0)
        {
            self.head = first[..end].to_vec();
            spelling.restore(&mut self.head);
        }
        let left = &self.head[self.written..];
        if left.is_empty() {
            return Pin::new(socket).poll_write_vectored(context, slices);
        }
        let mut all: SmallVec<[IoSlice<'_>; 4]> = SmallVec::new();
        all.push(IoSlice::new(left));
        if let Some((first, rest)) = slices.split_first() {
            all.extend(first.get(left.len()..).map(IoSlice::new));
            all.extend(rest.iter().map(|slice| IoSlice::new(slice)));
        }
        let count = ready!(Pin::new(socket).poll_write_vectored(context, &all))?;
        self.written += count.min(left.len());
        drop(all);
        if self.written == self.head.len() {
            *self = Respelling::default();
        }
        Poll::Ready(Ok(count))
    }
}

/// The names in a head, and where they stand.
fn names(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        // (The first line has no name.)
        at += memchr(b'\n', &head[at..])? + 1;
        let length = memchr(b':', &head[at..])?;
        Some((at, &head[at..at + length]))
    })
}

/// As hyper writes it.
fn is_titled(name: &[u8]) -> bool {
    let mut previous = b'-';
    name.iter().all(|&byte| {
        let is_capital = std::mem::replace(&mut previous, byte) == b'-';
        if is_capital { !byte.is_ascii_lowercase() } else { !byte.is_ascii_uppercase() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_restored_as_they_came_and_nothing_else() {
        let check = |came: &str, written: &str, expected: &str| {
            let mut head = written.as_bytes().to_vec();
            if let Some(spelling) = Spelling::of(came.as_bytes()) {
                spelling.restore(&mut head);
            }
            assert_eq!(String::from_utf8(head).unwrap(), expected, "{came}");
        };
        let titled = "GET / HTTP/1.1\r\nHost: x\r\nX-1a: y\r\nX_b: a:B\r\n\r\n";
        assert_eq!(Spelling::of(titled.as_bytes()), None);
        assert_eq!(Spelling::of(b"GET / HTTP/1.0\r\n\r\n"), None);
        check(
            "GET /a:b HTTP/1.1\r\nhost: x\r\nETag: y\r\nDNT: 1\r\n\r\n",
            "GET /a:b HTTP/1.1\r\nDnt: 1\r\nHost: HOST:\r\nForwarded: host=x\r\nEtag: y\r\n\r\n",
            "GET /a:b HTTP/1.1\r\nDNT: 1\r\nhost: HOST:\r\nForwarded: host=x\r\nETag: y\r\n\r\n",
        );
        check(
            "HTTP/1.1 200 OK\r\nset-cookie: a\r\nx-y: 1\r\nSet-cookie: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Y: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-cookie: b\r\nx-y: 1\r\n\r\n",
        );
    }
}
