//! One tail's way along the log: oldest first, a bounded stretch at a time, from its place to the newest event and then
//! with it.
//!
//! Sequences are dense, so a stretch is asked for by its upper end, whatever it holds; the filter looks at each event
//! here. What a rare filter costs is therefore what was recorded since, never the whole log.

use std::time::Instant;

use axum::body::Bytes;
use axum::http::request::Parts;
use tokio::sync::mpsc;

use crate::event::own;
use crate::store::{Filter, Found, Order, Query};

use super::super::cursor::{Cursors, Place as Mark, Way};
use super::{Pace, Place};
use crate::api::access::Caller;
use crate::api::answers::form::Form;
use crate::api::listener::state::{AskError, State};

/// A tail that goes along the log.
pub(super) struct Follower {
    state: State,
    /// The request that asked for it.
    parts: Parts,
    /// Who asked, who is looked at again and again.
    caller: Caller,
    /// His.
    cursors: Cursors,
    filter: Filter,
    /// All below was looked at.
    below: u64,
    /// When the reader was looked at last.
    checked: Option<Instant>,
}

impl Follower {
    pub(super) fn new(
        state: State,
        parts: Parts,
        caller: Caller,
        Place { filter, below }: Place,
    ) -> Follower {
        let cursors = state.inner.cursors.of(&caller);
        Follower { state, parts, caller, cursors, filter, below, checked: None }
    }

    /// Follows until the reader leaves or may not read any more, the log cannot be read, its time is over, or all end.
    pub(super) async fn run(mut self, sender: mpsc::Sender<Bytes>, pace: Pace) {
        let mut ending = self.state.inner.tails.ending.subscribe();
        let work = async {
            let mut greeting = Some(self.greeting());
            loop {
                // Room first, then the log: a reader who takes nothing costs one message.
                let Ok(Ok(room)) = tokio::time::timeout(pace.patience, sender.reserve()).await else {
                    return;
                };
                let next = match greeting.take() {
                    Some(greeting) => Some(greeting),
                    None => self.next(pace).await,
                };
                let Some(message) = next else { return };
                room.send(message);
            }
        };
        tokio::select! {
            () = work => (),
            () = sender.closed() => (),
            _ = ending.wait_for(|is_ending| *is_ending) => (),
            () = tokio::time::sleep(pace.life) => (),
        }
    }

    /// Waits for the next message: events, or after a while the place alone. `None` at the end.
    async fn next(&mut self, pace: Pace) -> Option<Bytes> {
        let start = Instant::now();
        loop {
            let newest = self.state.newest();
            let has_news = newest >= self.below;
            if has_news || start.elapsed() >= pace.heart {
                self.may_read(pace).await.then_some(())?;
            }
            if has_news {
                let message = self.stretch(newest).await.ok()?;
                if !message.is_empty() {
                    return Some(message);
                }
            }
            if start.elapsed() >= pace.heart {
                return Some(self.heartbeat());
            }
            if !has_news {
                tokio::time::sleep(pace.look).await;
            }
        }
    }

    /// False when a token was taken back, or a role (THREATS Q04). Where much is told, this is not looked at for each message.
    async fn may_read(&mut self, pace: Pace) -> bool {
        if self.checked.is_none_or(|checked| checked.elapsed() >= pace.check) {
            self.state.look_at_tokens().await;
            self.checked = Some(Instant::now());
            return self.state.sees(&self.caller).await == self.filter.visible;
        }
        true
    }

    /// The messages of the next stretch of the log; often none.
    async fn stretch(&mut self, newest: u64) -> Result<Bytes, AskError> {
        let (first, end) = (self.below, newest.saturating_add(1).min(self.below.saturating_add(STRETCH)));
        let page = self
            .state
            .ask(move |reader, time_max| {
                let limit = usize::try_from(end - first).unwrap_or(1);
                let (filter, order) = (Filter::default(), Order::Newest);
                reader.query(&Query { filter, order, after: Some(end), limit, time_max })
            })
            .await?;
        if page.is_cut {
            // Pages are cut at their old end, which here comes first.
            return Err(AskError::Busy);
        }
        let (mut bytes, mut told) = (Vec::new(), 0);
        self.below = end;
        let form = Form::of(&self.caller);
        for found in page.events.iter().rev().filter(|found| found.sealed.sequence >= first) {
            let Found { sealed, event } = found;
            if !self.filter.matches(event) {
                continue;
            }
            told += u64::from(!own::is_of_reading(event));
            self.push_id(&mut bytes, sealed.sequence.saturating_add(1));
            bytes.extend_from_slice(b"data: ");
            // JSON as it is stored has no line ends outside strings, and none inside.
            form.push(&mut bytes, sealed);
            bytes.extend_from_slice(b"\n\n");
            if bytes.len() >= MESSAGE_BYTES {
                self.below = sealed.sequence.saturating_add(1);
                break;
            }
        }
        if told > 0 {
            self.state.note_followed(&self.parts, told);
        }
        Ok(bytes.into())
    }

    /// Tells that the tail runs, and when to come back after it broke off.
    fn greeting(&self) -> Bytes {
        let mut bytes = b"retry: 2000\n".to_vec();
        self.push_id(&mut bytes, self.below);
        bytes.push(b'\n');
        bytes.into()
    }

    /// A comment, so that the connection is seen to live, and the place, so that nothing is looked at twice.
    fn heartbeat(&self) -> Bytes {
        let mut bytes = b": nothing new\n".to_vec();
        self.push_id(&mut bytes, self.below);
        bytes.push(b'\n');
        bytes.into()
    }

    fn push_id(&self, bytes: &mut Vec<u8>, below: u64) {
        let place = Mark { sequence: below, way: Way::On };
        let id = self.cursors.seal(place, &self.filter, Order::Newest);
        bytes.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
}

/// Entries that are looked at with one turn to read.
const STRETCH: u64 = 200;
/// A message that has grown to this is sent; the next begins with the next event.
const MESSAGE_BYTES: usize = 256 << 10;
