//! `GET /audit/v1/export`: all events asked for, as a file that is written while it is read.
//!
//! It asks for page after page, each within the limits of a query, and holds one of them at a time: while the reader takes
//! nothing, it asks for nothing. When the reader goes away it ends with the page under way, and so do its temporary files.
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
use clap::ValueEnum;
use http_body::Frame;
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::config::Grant;
use crate::export::{Dialect, EVERYTHING, Encoder, ExportError, Facts, Format, Place, Shape, Telltale};
use crate::store::{Filter, Found, Order, Page, Query, Sight, Visible};

use super::super::access::Caller;
use super::super::cursor::Way;
use super::super::events::push_event;
use super::super::parameters::{self, Question, once};
use super::super::problem::{Problem, Wrong};
use super::super::state::{AskError, State};
use super::query::chars_max;
use super::turns::Turn;

/// `GET /audit/v1/export`.
pub(in crate::api) async fn export(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let visible = caller.sees();
    let wish = Wish::read(&state, &parts, &caller).map_err(Problem::parameters)?;
    let turn = state.inner.exports.begin(caller.id.as_deref().unwrap_or_default())?;
    let made = Timestamp::now();
    let head = head(wish.shape.format(), made);
    let log = newest(&state, &visible).await?;
    let facts = Facts::new(made, wish.said, Some(scope(&visible)), wish.after.is_some(), log);
    let mut bytes = Vec::new();
    let encoder = Encoder::new(wish.shape, facts, &mut bytes).map_err(failed)?;
    let exporting = Exporting { state, parts, caller, visible, filter: wish.filter, after: wish.after };
    // The first page is read before anything is said, so that what fails at once has a status.
    let first = match wish.id {
        None => exporting.page().await?,
        Some(id) => exporting.one(id).await?,
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(exporting.run(Written { encoder, bytes }, first, sender, turn));
    let mut response = Response::new(Body::new(File(receiver)));
    response.headers_mut().extend(head);
    Ok(response)
}

/// What is asked for.
struct Wish {
    shape: Shape,
    filter: Filter,
    after: Option<u64>,
    /// One event, instead of those that a filter lets through.
    id: Option<Uuid>,
    /// The filters as they were given.
    said: Vec<(String, String)>,
}

/// The parameters that are no filter.
#[derive(Default)]
struct Own {
    format: Option<Format>,
    columns: Option<String>,
    dialect: Option<Dialect>,
    telltale: Option<Telltale>,
    id: Option<Uuid>,
}

impl Wish {
    fn read(state: &State, parts: &Parts, caller: &Caller) -> Result<Wish, Vec<Wrong>> {
        let (mut own, mut said, mut wrong) = (Own::default(), Vec::new(), Vec::new());
        let mut others = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()) {
            let Some((_, accepts)) = OWN.iter().find(|(known, _)| *known == name) else {
                others.append_pair(&name, &value);
                if name != "cursor" {
                    said.push((name.into_owned(), value.into_owned()));
                }
                continue;
            };
            if let Err(detail) = own.take(&name, value.trim())
                && wrong.len() < WRONG_MAX
            {
                wrong.push(Wrong { parameter: name.into_owned(), detail, accepts: (*accepts).to_owned() });
            }
        }
        let (cursors, page_max) = (state.inner.cursors.of(caller), state.inner.limits.page_max);
        let question = parameters::read(&others.finish(), &caller.sees(), &cursors, page_max);
        let (question, shape) = match (question, own.shape()) {
            (Ok(question), Ok(shape)) if wrong.is_empty() => (question, shape),
            (question, shape) => {
                wrong.extend(shape.err().into_iter().chain(question.err()).flatten());
                return Err(wrong);
            }
        };
        let Question { filter, place, .. } = question;
        if place.is_some_and(|place| place.way == Way::Back) {
            let detail = "leads back; an export goes on".to_owned();
            let accepts =
                "`pagination.nextCursor` of a page with the same filters, newest first, once".to_owned();
            return Err(vec![Wrong { parameter: "cursor".to_owned(), detail, accepts }]);
        }
        let after = place.map(|place| place.sequence);
        if own.id.is_some() && !said.is_empty() {
            let detail = "names one event: filters say nothing more".to_owned();
            return Err(vec![Wrong { parameter: "id".to_owned(), detail, accepts: ID.to_owned() }]);
        }
        said.extend(own.id.map(|id| ("id".to_owned(), id.to_string())));
        Ok(Wish { shape, filter, after, id: own.id, said })
    }
}

impl Own {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "format" => once(&mut self.format, word(value)?),
            "dialect" => once(&mut self.dialect, word(value)?),
            "facts" => once(&mut self.telltale, word(value)?),
            "id" => once(&mut self.id, Uuid::parse_str(value).map_err(|_| "is no id".to_owned())?),
            "columns" if value.chars().count() > chars_max(name) => Err("is too long".to_owned()),
            "columns" => once(&mut self.columns, value.to_owned()),
            "order" => Err("is for pages: an export is newest first".to_owned()),
            _ => Err("is for pages: an export has no limit".to_owned()),
        }
    }

    fn shape(&self) -> Result<Shape, Vec<Wrong>> {
        let columns: Vec<&str> =
            self.columns.iter().flat_map(|columns| columns.split(',')).map(str::trim).collect();
        let format = self.format.unwrap_or(Format::Ndjson);
        Shape::new(format, &columns, self.dialect, self.telltale.unwrap_or_default()).map_err(|odd| {
            let wrong = odd.into_iter().map(|odd| {
                let accepts =
                    OWN.iter().find(|(name, _)| *name == odd.wish).map_or("", |(_, accepts)| accepts);
                Wrong { parameter: odd.wish.to_owned(), detail: odd.detail, accepts: accepts.to_owned() }
            });
            wrong.collect()
        })
    }
}

fn word<T: ValueEnum>(value: &str) -> Result<T, String> {
    T::from_str(value, false).map_err(|_| "is none of these".to_owned())
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
    /// Not yet sent.
    bytes: Vec<u8>,
}

type Pieces = mpsc::Sender<io::Result<Bytes>>;

impl Exporting {
    /// Writes and sends page after page, and the end.
    async fn run(mut self, file: Written, first: Page, sender: Pieces, turn: Turn) {
        let finished = match self.write(file, first, &sender).await {
            Ok(encoder) => {
                let mut out = Sending(sender.clone());
                blocking(move || encoder.finish(&mut out)).await
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
        first: Page,
        sender: &Pieces,
    ) -> Result<Encoder, ExportError> {
        let mut page = first;
        loop {
            let next = match page.is_cut {
                // Cut before anything was found: go on where this page was to begin.
                true => page.next.or(self.after).or(Some(Order::Newest.start())),
                false => page.next,
            };
            self.state.note_followed(&self.parts, page.events.len() as u64);
            file = blocking(move || file.with(&page.events)).await?;
            let bytes = Bytes::from(std::mem::take(&mut file.bytes));
            if !bytes.is_empty() && sender.send(Ok(bytes)).await.is_err() {
                return Err(gone());
            }
            let Some(next) = next else { return Ok(file.encoder) };
            self.after = Some(next);
            page = self.page().await.map_err(|error| ExportError::Io(io::Error::other(error)))?;
            // His right may have ended meanwhile, and a workbook sends nothing that would tell that he is gone.
            if sender.is_closed() || self.state.sees(&self.caller) != self.visible {
                return Err(gone());
            }
        }
    }

    /// The next page. Other readers come first: an export waits for as long as they do not let it.
    async fn page(&self) -> Result<Page, AskError> {
        let mut patience = PATIENCE;
        loop {
            let (filter, order, after) = (self.filter.clone(), Order::Newest, self.after);
            let limit = self.state.inner.limits.page_max;
            let asked = self
                .state
                .ask(move |reader, time_max| reader.query(&Query { filter, order, after, limit, time_max }));
            match asked.await {
                Err(AskError::Busy) if patience > 0 => patience -= 1,
                answer => return answer,
            }
        }
    }

    /// One event, as a page of its own.
    async fn one(&self, id: Uuid) -> Result<Page, Problem> {
        let found = self.state.ask(move |reader, _| reader.get(id)).await?;
        let found = found.filter(|found| self.visible.shows(&found.event));
        let found = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "No event has this id."))?;
        Ok(Page { events: vec![found], ..Page::default() })
    }
}

impl Written {
    /// The same with these events.
    fn with(mut self, events: &[Found]) -> Result<Written, ExportError> {
        let mut event = Vec::new();
        for found in events {
            event.clear();
            push_event(&mut event, &found.sealed);
            let text = std::str::from_utf8(&event).map_err(io::Error::other)?;
            self.encoder.put(text, &mut self.bytes)?;
        }
        Ok(self)
    }
}

/// Encoding takes a moment, and a workbook writes to a disk: neither belongs where requests are served.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ExportError::Io(io::Error::other(error))))
}

/// The newest event that somebody sees: where the log stands for him.
async fn newest(state: &State, visible: &Visible) -> Result<Option<Place>, AskError> {
    let filter = Filter { visible: visible.clone(), ..Filter::default() };
    let page = state.ask(move |reader, time_max| {
        reader.query(&Query { filter, order: Order::Newest, after: None, limit: 1, time_max })
    });
    let page = page.await?;
    let place = page.events.first().and_then(|found| {
        let mut event = Vec::new();
        push_event(&mut event, &found.sealed);
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

/// The parameters beside the filters, and what they take.
pub(in crate::api) const OWN: &[(&str, &str)] = &[
    ("format", "ndjson, json, csv, xlsx, cloudevents or ocsf, once"),
    (
        "columns",
        "paths into the event with commas between them, such as time,actor.email; not for cloudevents and ocsf, once",
    ),
    ("dialect", "comma, semicolon or sep, for csv, once"),
    ("facts", "yes or no, once"),
    ("id", ID),
    ("limit", "nothing: an export has no limit"),
    ("order", "nothing: an export is newest first"),
];
const ID: &str = "the id of one event, instead of filters, once";
const WRONG_MAX: usize = 20;
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
