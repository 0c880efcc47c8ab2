//! Things that can be read, and the questions to the application.

use std::sync::Arc;

use super::SegmentPattern;
use crate::rules::expr::Expr;
use crate::yaml::{Source, Span};

/// A thing that can be read.
#[derive(Debug)]
pub struct Resource {
    /// Its name in the pack.
    pub name: String,
    /// How it is read.
    pub read: Read,
    /// Where in the answer it is.
    pub select: Expr,
    /// Target type.
    pub kind: String,
    /// Field that holds its identifier: an answer with another one is about another thing.
    pub id_field: Option<String>,
    /// Field that holds the organization that it belongs to.
    pub organization_field: Option<String>,
    /// Field that names it for people.
    pub name_field: Option<String>,
    /// What is known of its fields.
    pub fields: Vec<Field>,
    /// Fields that are never a change.
    pub ignore: Vec<String>,
    /// Requests that change it take turns.
    pub is_serialized: bool,
    /// Its last seen form is kept: a rule takes it, or the resource asks for it.
    pub is_remembered: bool,
    /// The application's own users show it too, when they read it at its address.
    pub is_observed: bool,
    /// What differs from what was remembered when it is read again is told.
    pub tells_drift: bool,
    /// Under which address it is remembered; by default that of the read.
    pub key: Option<Vec<SegmentPattern>>,
}

/// A field of a resource.
#[derive(Debug)]
pub struct Field {
    /// Member names joined by dots.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// Lists are compared by this member of their elements.
    pub key: Option<String>,
    /// A table (JSON object) from value to shown value.
    pub values: Option<Expr>,
}

/// A question to the application.
#[derive(Debug)]
pub struct Read {
    /// `GET`, `HEAD`, `PROPFIND`, `REPORT`, or `POST` where the rule calls it safe.
    pub method: String,
    /// Where to.
    pub address: Address,
    /// Query parameters.
    pub query: Vec<(String, Expr)>,
    /// Headers beside the caller's credentials.
    pub headers: Vec<(String, Expr)>,
    /// The caller's headers to send along, lower case.
    pub forward: Vec<String>,
    /// The body, if any.
    pub body: Option<Expr>,
    /// A service credential of the configuration, instead of the caller's.
    pub credentials: Option<CredentialName>,
    /// Limit in milliseconds.
    pub timeout_ms: u64,
}

/// The name of a service credential; which secret that is only the configuration knows.
#[derive(Debug)]
pub struct CredentialName {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub source: Arc<Source>,
    /// Where in it.
    pub span: Span,
}

/// Where a question goes.
#[derive(Debug)]
pub enum Address {
    /// The request's own path, as received, without its query.
    Own,
    /// A path with parts from `with`, else from the `match` line.
    Path(Vec<SegmentPattern>),
}

/// The thing beforehand.
#[derive(Debug)]
pub struct Before {
    /// Index into the pack's resources.
    pub resource: usize,
    /// Parts of its address that are not the `match` line's.
    pub with: Vec<(String, Expr)>,
    /// Where it is taken from.
    pub from: Whence,
}

/// Where the thing beforehand is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The application is asked.
    Application,
    /// The form that was seen last.
    Remembered,
    /// The application, and if it does not say, the form that was seen last.
    Either,
}

/// The thing afterwards.
#[derive(Debug)]
pub enum After {
    /// This value.
    Value(Expr),
    /// The value before with this laid over it (RFC 7396).
    Merged(Expr),
    /// Asked again after the answer.
    Read,
}
