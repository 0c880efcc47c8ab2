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

/// The names of a head that are not in Title-Case, in their order, each with a colon behind it. (Where one comes twice,
/// once in Title-Case, both lines are written in the other.)
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spelling(Vec<u8>);

/// What the look at a head finds of them on its way: nothing in most, and then nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<u8>);

/// What a gate does to the next head that hyper writes.
#[derive(Debug, Default)]
pub(crate) struct Respelling {
    due: Option<Rc<Spelling>>,
    /// A head in its spelling.
    head: Vec<u8>,
    /// How much of it is written.
    written: usize,
}

impl Found {
    /// Takes note of a name.
    pub(crate) fn name(&mut self, name: &[u8]) {
        if !is_titled(name) {
            if self.0.is_empty() {
                self.0.reserve(NAMES_BYTES);
            }
            self.0.extend_from_slice(name);
            self.0.push(b':');
        }
    }

    /// `None` where hyper writes the same.
    pub(crate) fn spelling(self) -> Option<Rc<Spelling>> {
        if self.0.is_empty() { None } else { Some(Rc::new(Spelling(self.0))) }
    }
}

impl Spelling {
    /// The head that those bytes begin with, its names as they are spelled here; empty where they begin with none. The
    /// search for a name goes on from the last one found: most lines are in their order still, and those of one name
    /// always are.
    fn restored(&self, bytes: &[u8]) -> Vec<u8> {
        let mut head = bytes.to_vec();
        let names: SmallVec<[&[u8]; 16]> = self.0.split_inclusive(|byte| *byte == b':').collect();
        let mut next = 0;
        let mut at = 0;
        // (The first line has no name.)
        while let Some(length) = memchr(b'\n', &head[at..]) {
            at += length + 1;
            let line = &mut head[at..];
            if line.starts_with(b"\r\n") {
                head.truncate(at + 2);
                return head;
            }
            // Where its colon stands is asked first: it tells most names apart.
            let is_of_line = |name: &[u8]| {
                line.get(name.len() - 1) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name)
            };
            let found = names[next..].iter().position(|name| is_of_line(name)).map(|index| next + index);
            if let Some(index) = found.or_else(|| names[..next].iter().position(|name| is_of_line(name))) {
                line[..names[index].len()].copy_from_slice(names[index]);
                next = index + 1;
            }
        }
        Vec::new()
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
        if let (Some(spelling), Some(first)) = (self.due.take(), slices.first()) {
            self.head = spelling.restored(first);
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

/// Room for the names of most heads.
const NAMES_BYTES: usize = 128;

/// As hyper writes it.
fn is_titled(name: &[u8]) -> bool {
    if name.first().is_some_and(u8::is_ascii_lowercase) {
        return false;
    }
    // Without a branch: most names are, to their end.
    name.windows(2).fold(true, |is_titled, pair| {
        let is_wrong =
            if pair[0] == b'-' { pair[1].is_ascii_lowercase() } else { pair[1].is_ascii_uppercase() };
        is_titled & !is_wrong
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_restored_as_they_came_and_nothing_else() {
        let found = |names: &[&str]| {
            let mut found = Found::default();
            names.iter().for_each(|name| found.name(name.as_bytes()));
            found.spelling()
        };
        let check = |came: &[&str], written: &str, expected: &str| {
            let rest = "X-Y: 1\r\n\r\n";
            let head = found(came).unwrap().restored([written, rest].concat().as_bytes());
            assert_eq!(String::from_utf8(head).unwrap(), expected, "{came:?}");
            assert_eq!(
                found(came).unwrap().restored(&written.as_bytes()[..written.len() - 2]),
                b"",
                "{came:?}"
            );
        };
        assert_eq!(found(&["Host", "X-1a", "X_b", "A--B", "1-X"]), None);
        assert_eq!(found(&[]), None);
        check(
            &["host", "ETag", "DNT", "X-Y"],
            "GET /a:b HTTP/1.1\r\nDnt: 1\r\nHost: HOST:\r\nForwarded: host=x\r\nEtag: y\r\n\r\n",
            "GET /a:b HTTP/1.1\r\nDNT: 1\r\nhost: HOST:\r\nForwarded: host=x\r\nETag: y\r\n\r\n",
        );
        check(
            &["set-cookie", "x-y", "Set-cookie"],
            "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Y: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-cookie: b\r\nx-y: 1\r\n\r\n",
        );
    }
}
