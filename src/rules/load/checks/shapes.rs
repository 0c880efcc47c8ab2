//! What can stand in bodies of each format, as documents.md shows it.

use crate::rules::expr::ReachStep;
use crate::yaml::nearest;

/// What can stand at a place.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything.
    Open,
    /// A value without members, or several of them.
    Plain,
    List(&'static Shape),
    /// Members whose names the sender chooses.
    Map(&'static Shape),
    /// These members, and no others.
    Members(&'static [(&'static str, Shape)]),
    /// These members beside others that nobody knows: what looks like a slip is one.
    Known(&'static [(&'static str, Shape)]),
    /// Nothing: another name is meant.
    Meant(&'static str),
}

/// A name that finds nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// The name that was probably meant.
    pub(super) meant: Option<&'static str>,
}

impl Shape {
    /// The first name on the way that finds nothing.
    pub(super) fn miss(&'static self, steps: &[ReachStep]) -> Option<Miss> {
        let (step, rest) = steps.split_first()?;
        match (self, step) {
            (Shape::Open, _) => None,
            (Shape::Plain | Shape::List(_), ReachStep::Name(_)) => Some(Miss { meant: None }),
            (Shape::Plain, ReachStep::Index(_) | ReachStep::Any) => self.miss(rest),
            (Shape::List(inner), ReachStep::Index(_) | ReachStep::Any) => inner.miss(rest),
            (Shape::Map(inner), _) => inner.miss(rest),
            (Shape::Members(members) | Shape::Known(members), ReachStep::Name(name)) => {
                match members.iter().find(|(known, _)| known == name) {
                    Some((_, Shape::Meant(meant))) => Some(Miss { meant: Some(meant) }),
                    Some((_, inner)) => inner.miss(rest),
                    None => {
                        let meant = nearest(name, members.iter().map(|(known, _)| *known));
                        (meant.is_some() || matches!(self, Shape::Members(_))).then_some(Miss { meant })
                    }
                }
            }
            (Shape::Members(_) | Shape::Known(_), ReachStep::Index(_) | ReachStep::Any) => None,
            (Shape::Meant(meant), _) => Some(Miss { meant: Some(meant) }),
        }
    }
}

/// The shape of a request's body.
pub(super) fn sent(format: &str) -> &'static Shape {
    match format {
        "form" => &FORM,
        "multipart" => &MULTIPART,
        "graphql" => &GRAPHQL,
        _ => either(format),
    }
}

/// The shape of an answer's body. To what was sent, an answer of another type is usual (a form is answered with a
/// page): only one to a request without a body is what `formats` says.
pub(super) fn answered(format: &str, is_to_sent: bool) -> &'static Shape {
    match format {
        "html-form" => &PAGE,
        "webdav" => either(format),
        _ if is_to_sent => &Shape::Open,
        "form" => &FORM,
        _ => either(format),
    }
}

fn either(format: &str) -> &'static Shape {
    match format {
        "text" => &Shape::Plain,
        "icalendar" => &EVENT,
        "jsonl" => &LINES,
        "webdav" => &WEBDAV,
        _ => &Shape::Open,
    }
}

static FORM: Shape = Shape::Map(&Shape::Plain);

static LINES: Shape = Shape::List(&Shape::Open);

/// A part may be a document, so that all names but the likely slips of a file's may be there.
static MULTIPART: Shape = Shape::Map(&Shape::Known(&[
    ("filename", Shape::Plain),
    ("sha256", Shape::Plain),
    ("sha1", Shape::Meant("sha256")),
    ("md5", Shape::Meant("sha256")),
]));

static GRAPHQL: Shape = Shape::Members(&[
    ("arguments", Shape::Map(&Shape::Open)),
    ("alias", Shape::Plain),
    ("operationName", Shape::Plain),
]);

static PAGE: Shape = Shape::Members(&[
    ("title", Shape::Plain),
    (
        "forms",
        Shape::List(&Shape::Members(&[
            ("id", Shape::Plain),
            ("name", Shape::Plain),
            ("method", Shape::Plain),
            ("action", Shape::Plain),
            ("fields", Shape::Map(&Shape::Plain)),
        ])),
    ),
    ("errors", Shape::List(&Shape::Plain)),
]);

static EVENT: Shape = Shape::Members(&[
    ("component", Shape::Plain),
    ("method", Shape::Plain),
    ("iCalUID", Shape::Plain),
    ("summary", Shape::Plain),
    ("description", Shape::Plain),
    ("location", Shape::Plain),
    ("url", Shape::Plain),
    ("sequence", Shape::Plain),
    ("status", Shape::Plain),
    ("visibility", Shape::Plain),
    ("transparency", Shape::Plain),
    ("start", TIME),
    ("end", TIME),
    ("due", TIME),
    ("completed", TIME),
    ("recurrenceId", TIME),
    ("created", Shape::Plain),
    ("updated", Shape::Plain),
    ("organizer", Shape::Members(&[("email", Shape::Plain), ("displayName", Shape::Plain)])),
    (
        "attendees",
        Shape::List(&Shape::Members(&[
            ("email", Shape::Plain),
            ("displayName", Shape::Plain),
            ("responseStatus", Shape::Plain),
            ("role", Shape::Plain),
            ("type", Shape::Plain),
        ])),
    ),
    ("categories", Shape::List(&Shape::Plain)),
    ("recurrence", Shape::List(&Shape::Plain)),
    (
        "reminders",
        Shape::Members(&[(
            "overrides",
            Shape::List(&Shape::Members(&[("method", Shape::Plain), ("minutes", Shape::Plain)])),
        )]),
    ),
    ("overrides", Shape::List(&EVENT)),
]);

const TIME: Shape =
    Shape::Members(&[("dateTime", Shape::Plain), ("timeZone", Shape::Plain), ("date", Shape::Plain)]);

/// Other bodies of WebDAV are plain XML, under the name of their root.
static WEBDAV: Shape = Shape::Known(&[
    ("set", Shape::Map(&Shape::Open)),
    ("remove", Shape::List(&Shape::Plain)),
    (
        "responses",
        Shape::List(&Shape::Members(&[
            ("href", Shape::Plain),
            ("status", Shape::Plain),
            ("props", Shape::Map(&Shape::Open)),
            ("failed", Shape::Map(&Shape::Plain)),
            ("recipient", Shape::Plain),
            ("requestStatus", Shape::Plain),
        ])),
    ),
    ("aces", ACES),
    ("fixed", ACES),
]);

const ACES: Shape = Shape::List(&Shape::Members(&[
    ("principal", Shape::Plain),
    ("grant", Shape::List(&Shape::Plain)),
    ("deny", Shape::List(&Shape::Plain)),
    ("invert", Shape::Plain),
]));
