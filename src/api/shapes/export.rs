//! `GET /audit/v1/export`: all events asked for, as a file that is written while it is read.
//!
//! It asks for page after page, each within the limits of a query, and for one more while it writes one: while the reader
//! takes nothing, it asks for no other. When the reader goes away it ends with the page under way, and so do its temporary files.
//! An export that breaks off lacks its end, in the file and in HTTP.

use std::borrow::Cow;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Extract};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::Frame;
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::config::Grant;
use crate::export::{EVERYTHING, Encoder, ExportError, Facts, Format, Place};
use crate::store::{Filter, Order, Page, Query, Sealed, Sight, Visible};

use super::super::access::Caller;
use super::super::answers::form::Form;
use super::super::answers::problem::Problem;
use super::super::listener::state::{AskError, State};
use super::super::listener::turns::{Full, Turn};
use super::super::log::history::Family;
use super::proving::Proving;
use super::wish::Wish;

/// `GET /audit/v1/export`.
pub(in crate::api) async fn export(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let visible = caller.sees();
    let wish = Wish::read(&state, &parts, &caller).map_err(Problem::parameters)?;
    let turn = state.inner.exports.begin(caller.id.as_deref().unwrap_or_default()).map_err(refused)?;
    let made = Timestamp::now();
    let head = head(wish.shape.format(), made);
    let form = Form::of(&caller);
    let log = newest(&state, &visible, form).await?;
    let (filter, is_cut) = followed(&state, wish.filter).await?;
    let facts = Facts::new(made, wish.said, Some(scope(&visible)), wish.after.is_some(), log).cut(is_cut);
    let proving = Proving::begin(&state, wish.proof).await?;
    let facts = facts.signed_by(proving.as_ref().map(|proving| proving.signed.clone()));
    // Nothing that is newer than the checkpoint.
    let after = wish.after.or(proving.as_ref().map(|proving| proving.size.saturating_add(1)));
    let mut bytes = Vec::new();
    let encoder = Encoder::new(wish.shape, facts, &mut bytes).map_err(failed)?;
    let exporting = Exporting { state, parts, caller, visible, filter, after };
    // The first page is read before anything is said, so that what fails at once has a status.
    let first = match wish.id {
        None => exporting.page().await?,
        Some(id) => exporting.one(id).await?,
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(exporting.run(Written { encoder, form, bytes, proving }, first, sender, turn));
    let mut response = Response::new(Body::new(File(receiver)));
    response.headers_mut().extend(head);
    Ok(response)
}

/// An export under way.
struct Exporting {
    state: State,
    /// What was asked.
    parts: Parts,
    /// Whose it is.
    caller: Caller,
    visible: Visible,
    filter: Filter,
    after: Option<u64>,
}

/// What there is of the file.
struct Written {
    encoder: Encoder,
    /// In which its reader gets events.
    form: Form,
    /// Not yet sent.
    bytes: Vec<u8>,
    /// What it is proven by, where it is.
    proving: Option<Proving>,
}

type Pieces = mpsc::Sender<io::Result<Bytes>>;

impl Exporting {
    /// Writes and sends page after page, and the end.
    async fn run(mut self, file: Written, first: Page<Sealed>, sender: Pieces, turn: Turn) {
        let finished = match self.write(file, first, &sender).await {
            Ok(file) => {
                let mut out = Sending(sender.clone());
                blocking(move || file.finish(&mut out)).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = finished
            && !sender.is_closed()
        {
            tracing::warn!(%error, "an export broke off");
            // The connection is cut: what was sent must not look like all of it.
            let _ = sender.send(Err(io::Error::other("the export broke off"))).await;
        }
        drop(turn);
    }

    async fn write(
        &mut self,
        mut file: Written,
        first: Page<Sealed>,
        sender: &Pieces,
    ) -> Result<Written, ExportError> {
        let mut page = first;
        loop {
            let next = match page.is_cut {
                // Cut before anything was found: go on where this page was to begin.
                true => page.next.or(self.after).or(Some(Order::Newest.start())),
                false => page.next,
            };
            self.state.note_followed(&self.parts, page.events.len() as u64);
            let writing = blocking(move || file.with(&page.events));
            let (written, read) = match next {
                Some(next) => {
                    self.after = Some(next);
                    let (written, read) = tokio::join!(writing, self.page());
                    (written, Some(read))
                }
                None => (writing.await, None),
            };
            file = written?;
            let bytes = Bytes::from(std::mem::take(&mut file.bytes));
            if !bytes.is_empty() && sender.send(Ok(bytes)).await.is_err() {
                return Err(gone());
            }
            let Some(read) = read else { return Ok(file) };
            page = read.map_err(|error| ExportError::Io(io::Error::other(error)))?;
            // His right may have ended meanwhile, and a workbook sends nothing that would tell that he is gone.
            if sender.is_closed() || self.state.sees(&self.caller).await != self.visible {
                return Err(gone());
            }
        }
    }

    /// The next page. Other readers come first: an export waits for as long as they do not let it.
    async fn page(&self) -> Result<Page<Sealed>, AskError> {
        let mut patience = PATIENCE;
        loop {
            let (filter, order, after) = (self.filter.clone(), Order::Newest, self.after);
            let limit = self.state.inner.limits.page_max;
            let asked = self.state.ask(move |reader, time_max| {
                reader.entries(&Query { filter, order, after, limit, time_max })
            });
            match asked.await {
                Err(AskError::Busy) if patience > 0 => patience -= 1,
                answer => return answer,
            }
        }
    }

    /// One event, as a page of its own.
    async fn one(&self, id: Uuid) -> Result<Page<Sealed>, Problem> {
        let found = self.state.ask(move |reader, _| reader.get(id)).await?;
        let found = found.filter(|found| self.visible.shows(&found.event));
        let found = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "No event has this id."))?;
        Ok(Page { events: vec![found.sealed], ..Page::default() })
    }
}

impl Written {
    /// The same with these events.
    fn with(mut self, events: &[Sealed]) -> Result<Written, ExportError> {
        let mut event = Vec::new();
        let mut betweens = match &mut self.proving {
            None => Vec::new(),
            Some(proving) => proving.before(events)?,
        }
        .into_iter()
        .peekable();
        for sealed in events {
            let place = sealed.sequence;
            if let Some(between) = betweens.next_if(|between| between.first == place.saturating_add(1)) {
                self.encoder.put_between(&between, &mut self.bytes);
            }
            event.clear();
            self.form.push(&mut event, sealed);
            let text = std::str::from_utf8(&event).map_err(io::Error::other)?;
            self.encoder.put(text, &mut self.bytes)?;
        }
        Ok(self)
    }

    /// Writes what stands behind the last event.
    fn finish(mut self, out: &mut Sending) -> Result<(), ExportError> {
        if let Some(proving) = self.proving {
            let rest = proving.rest()?;
            rest.iter().for_each(|between| self.encoder.put_between(between, &mut self.bytes));
            out.write_all(&self.bytes)?;
        }
        self.encoder.finish(out)
    }
}

/// Encoding takes a moment, and a workbook writes to a disk: neither belongs where requests are served.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ExportError::Io(io::Error::other(error))))
}

/// The same filter of a thing and of what it became or was before; true when there may be more of it.
async fn followed(state: &State, filter: Filter) -> Result<(Filter, bool), AskError> {
    let Some(thing) = filter.things.first().cloned() else { return Ok((filter, false)) };
    let family = state.ask(move |reader, time_max| {
        let family = Family::of(reader, &thing, &filter, time_max)?;
        Ok((Filter { things: family.things, ..filter }, family.is_cut))
    });
    family.await
}

/// The newest event that somebody sees: where the log stands for him.
async fn newest(state: &State, visible: &Visible, form: Form) -> Result<Option<Place>, AskError> {
    let filter = Filter { visible: visible.clone(), ..Filter::default() };
    let page = state.ask(move |reader, time_max| {
        reader.entries(&Query { filter, order: Order::Newest, after: None, limit: 1, time_max })
    });
    let page = page.await?;
    let place = page.events.first().and_then(|sealed| {
        let mut event = Vec::new();
        form.push(&mut event, sealed);
        Place::of(std::str::from_utf8(&event).ok()?).ok()
    });
    Ok(place)
}

/// What a reader may see, in the words in which it was granted to him.
fn scope(visible: &Visible) -> String {
    let granted = |sight: &Sight| match sight.clone() {
        Sight::Organization(id) => Grant::Organization(id),
        Sight::Team(id) => Grant::Team(id),
        Sight::Target { r#type, id } => Grant::Target { r#type, id },
        Sight::Actor(id) => Grant::Actor(id),
    };
    match visible {
        Visible::Everything => EVERYTHING.to_owned(),
        Visible::Only(sights) => {
            let words: Vec<String> = sights.iter().map(|sight| granted(sight).to_string()).collect();
            words.join(" ")
        }
    }
}

/// The head of the answer. Nothing of the file's name comes from a request (THREATS X09).
fn head(format: Format, made: Timestamp) -> [(HeaderName, HeaderValue); 2] {
    let name = format!("earwitness-{}.{}", made.strftime("%Y-%m-%dT%H-%M-%SZ"), format.extension());
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
    ]
}

fn failed(error: ExportError) -> Problem {
    tracing::error!(%error, "an export cannot begin");
    let detail = Cow::Borrowed("The export cannot be written; the log of Earwitness says why.");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

fn refused(full: Full) -> Problem {
    let detail = match full {
        Full::Own => "Another export of yours is under way; each reader has one at a time.",
        Full::All => "Too many exports are under way; ask again later.",
    };
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
}

fn gone() -> ExportError {
    ExportError::Io(io::ErrorKind::BrokenPipe.into())
}

/// What is written goes to the reader, in pieces. Blocks until he takes them.
struct Sending(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file as a body; dropping it ends the export.
struct File(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for File {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}

/// How often an export waits again for a turn to read.
const PATIENCE: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees_is_told_as_it_was_granted() {
        let check = |grant: &str, sight: Sight| assert_eq!(scope(&Visible::Only(vec![sight])), grant);
        check("organization:a", Sight::Organization("a".to_owned()));
        check("team:b", Sight::Team("b".to_owned()));
        check("target:booking/7", Sight::Target { r#type: "booking".to_owned(), id: "7".to_owned() });
        check("actor:u:1", Sight::Actor("u:1".to_owned()));
        assert_eq!(scope(&Visible::Everything), EVERYTHING);
    }
}
