//! Checked rules: what a rule file means, with nothing left that could be wrong.
//!
//! Inheritance is done: what stands in `defaults` or on the rule has been laid into each [`Entry`].

mod alias;
mod mode;
mod route;
mod things;

pub use alias::Alias;
pub use mode::{Guarantee, Mode, OnFailure};
pub(crate) use route::path_of;
pub use things::{Address, After, Before, CredentialName, Field, Read, Resource, Whence};

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::described::Exception;
use super::expr::{Condition, Expr, Path};
pub use super::identity::{Session, SessionPlace};
use super::router::Router;
use super::trial::Trial;
use crate::exchange::EnvelopeKind;
use crate::yaml::{Source, Span};

/// All packs in force, in the configured order. Fixed once made: its router points into `packs`.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// The packs.
    pub packs: Vec<Pack>,
    router: Router,
    /// Finds what stands in `blind_spots`.
    listed: Router,
}

impl RuleSet {
    /// These packs, with the router that finds their rules.
    pub fn new(packs: Vec<Pack>) -> RuleSet {
        let (router, listed) = (Router::new(&packs), Router::of_listed(&packs));
        RuleSet { packs, router, listed }
    }

    /// SHA-256 (hex) of all packs, in their order, each by name, path prefix and version: the same on every
    /// machine, wherever the files lie.
    pub fn version(&self) -> String {
        let mut hash = Sha256::new();
        for text in self.packs.iter().flat_map(|pack| [&pack.name, &pack.base, &pack.version]) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What finds the rules of a request.
    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    /// What finds the requests of which an operator says that they may change something.
    pub(super) fn listed(&self) -> &Router {
        &self.listed
    }
}

/// A folder of rules for one application.
#[derive(Debug)]
pub struct Pack {
    /// The folder's name: the first half of a rule's full id.
    pub name: String,
    /// What people call the application.
    pub title: String,
    /// A path prefix in front of the application, stripped before matching and put back for reads; no
    /// trailing slash. Empty for none.
    pub base: String,
    /// Only these hosts, folded, without port (`*.x.org` for any subdomain); empty for any.
    pub hosts: Vec<String>,
    /// What may stand around each of its routes.
    pub aliases: Vec<Alias>,
    /// SHA-256 (hex) of what its files mean, and of what `overrides` make of its rules.
    pub version: String,
    /// Its files, as they were named when they were read; none for a pack that was built from texts.
    pub files: Vec<String>,
    /// In an order in which each uses only earlier ones.
    pub vars: Vec<(String, Expr)>,
    /// How bodies are read where the content type does not tell.
    pub formats: Vec<FormatLine>,
    /// Things that can be read; rules refer to them by index.
    pub resources: Vec<Resource>,
    /// The ways to find out who acts, in order.
    pub actors: Vec<ActorWay>,
    /// Secrets beside the built-in ones.
    pub redact: Vec<RedactTarget>,
    /// Paths excepted from redaction.
    pub reveal: Vec<Path>,
    /// Requests not audited on purpose.
    pub exclude: Vec<Exclusion>,
    /// Requests that may change something although their method says otherwise: blind spots where nothing records
    /// them.
    pub blind_spots: Vec<MatchLine>,
    /// Requests that no rule covers on purpose, for `coverage`.
    pub exceptions: Vec<Exception>,
    /// The rules, files by name, rules as written; behind them those that open envelopes.
    pub rules: Vec<Rule>,
}

/// Requests not audited on purpose.
#[derive(Debug)]
pub struct Exclusion {
    /// Which requests, by method and path.
    pub line: MatchLine,
    /// Only these operations of an envelope; empty for any.
    pub operations: Vec<String>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// `calcom/booking.rescheduled`.
    pub id: String,
    /// Which requests, by method, host and path.
    pub lines: Vec<MatchLine>,
    /// Only these operations of an envelope; empty for any.
    pub operations: Vec<String>,
    /// The envelope at these lines, whose calls meet the pack's rules in place of the request; then what the
    /// rule records is what could not be opened. A line of `formats` makes such a rule.
    pub opens: Option<EnvelopeKind>,
    /// Which of those.
    pub when: Condition,
    /// Whether it records.
    pub mode: Mode,
    /// Whether the caller waits for the record.
    pub guarantee: Guarantee,
    /// What happens when nothing can be recorded; `None` where the rule does not say.
    pub on_failure: Option<OnFailure>,
    /// True when the application refuses these requests without a good credential: then one that it did not
    /// refuse is verified.
    pub is_authenticated: bool,
    /// True when a request for a WebSocket is answered 403 in the place of the application.
    pub refuses_websocket: bool,
    /// In an order in which each uses only earlier ones (and the pack's).
    pub vars: Vec<(String, Expr)>,
    /// The thing beforehand.
    pub before: Option<Before>,
    /// The thing afterwards.
    pub after: Option<After>,
    /// Everything below `match` once per item.
    pub for_each: Option<ForEach>,
    /// What to record: one entry where the rule says it itself, else those of `events`.
    pub entries: Vec<Entry>,
    /// What to record when no entry fired.
    pub otherwise: Option<Entry>,
    /// Secrets beside the pack's.
    pub redact: Vec<RedactTarget>,
    /// What it does to the caller's session.
    pub session: Option<Session>,
    /// SHA-256 (hex) of what it and its `defaults` say, without its tests: two rules with one digest do the same,
    /// as far as their packs share the rest.
    pub digest: String,
    /// Where the rule stands.
    pub source: Arc<Source>,
    /// Where its id stands.
    pub span: Span,
    /// Its tests.
    pub tests: Vec<Trial>,
}

impl Rule {
    /// True for a rule that records nothing: it only remembers what users of the application read.
    pub fn is_observer(&self) -> bool {
        self.entries.is_empty() && self.otherwise.is_none()
    }
}

/// `POST|PUT /v2/bookings/{bookingUid}/cancel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchLine {
    /// Upper case.
    pub methods: Vec<String>,
    /// The path, segment by segment.
    pub segments: Vec<SegmentPattern>,
}

/// One segment of a `match` line. A slash at the end of a line is an empty literal at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentPattern {
    /// `bookings`, decoded.
    Literal(String),
    /// `{name}.ics`: a prefix, a named part that is not empty, a suffix.
    Part {
        /// In front of the part.
        prefix: String,
        /// The part's name.
        name: String,
        /// Behind it.
        suffix: String,
    },
    /// `{calendar*}`: one or more segments.
    Tail(String),
}

/// How bodies at a path are read.
#[derive(Debug)]
pub struct FormatLine {
    /// Where.
    pub at: MatchLine,
    /// `json`, `superjson`, `jsonl`, `form`, `multipart`, `text`, `html-form`, `icalendar`, `xml`, `soap`, `webdav`.
    pub format: String,
    /// Of XML, the names of elements that are lists even when there is one.
    pub lists: Vec<String>,
}

/// What to go through.
#[derive(Debug)]
pub enum ForEach {
    /// Each match of a path; a singular path's list gives its elements.
    Each(Expr),
    /// Every combination, by name.
    Product(Vec<(String, Expr)>),
}

/// One way to find out who acts.
#[derive(Debug)]
pub struct ActorWay {
    /// Its name, for `explain`.
    pub name: String,
    /// When it counts.
    pub when: Condition,
    /// A question to the application.
    pub ask: Option<Read>,
    /// Whoever a login was seen of, instead of `actor`.
    pub is_learned: bool,
    /// Members of the actor.
    pub actor: Vec<(String, Expr)>,
    /// Members of the one on whose behalf.
    pub on_behalf_of: Option<Vec<(String, Expr)>>,
}

/// What is redacted beside the built-in names and shapes.
#[derive(Debug)]
pub enum RedactTarget {
    /// Members of this name (folded, without `-` and `_`), anywhere.
    Name(String),
    /// What this path finds.
    Path(Path),
}

/// What to record.
#[derive(Debug)]
pub struct Entry {
    /// When, beside the rule's own condition.
    pub when: Condition,
    /// True when the entry's condition is one `changed: f` alone or it goes through `$.changes.f`: then it
    /// carries the changes of these fields and no others.
    pub carries: Vec<String>,
    /// Once per item.
    pub for_each: Option<ForEach>,
    /// The event's name.
    pub action: Expr,
    /// A short heading.
    pub title: Option<Expr>,
    /// The sentence.
    pub message: Option<Expr>,
    /// Kind of record.
    pub kind: Option<Expr>,
    /// Category.
    pub category: Option<Expr>,
    /// Interface.
    pub source: Option<Expr>,
    /// Kind of programming interface.
    pub api_kind: Option<Expr>,
    /// What it was done to.
    pub target: Option<TargetSpec>,
    /// Other things.
    pub links: Vec<LinkSpec>,
    /// Members that replace what `actors` found.
    pub actor: Option<Vec<(String, Expr)>>,
    /// Likewise.
    pub on_behalf_of: Option<Vec<(String, Expr)>>,
    /// How it ended.
    pub result: Option<Expr>,
    /// Error code.
    pub error: Option<Expr>,
    /// Reason.
    pub reason: Option<Expr>,
    /// Which changes.
    pub changes: ChangeSpec,
    /// Everything else.
    pub details: Vec<(String, Expr)>,
    /// Organization.
    pub organization: Option<Expr>,
    /// Team.
    pub team: Option<Expr>,
    /// Document parts to keep.
    pub raw: Vec<Path>,
    /// Labels.
    pub tags: Vec<String>,
    /// Where each of its keys stands, for `explain`.
    pub places: Vec<Place>,
}

/// Where a key of an entry stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The key.
    pub key: &'static str,
    /// How high up.
    pub level: Level,
    /// The file.
    pub source: Arc<Source>,
    /// The value's place in it.
    pub span: Span,
}

/// How high up a key of an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `events`, `otherwise`.
    Entry,
    /// The rule.
    Rule,
    /// `defaults` of a file or of the pack.
    Defaults,
}

/// What it was done to.
#[derive(Debug, Default)]
pub struct TargetSpec {
    /// Kind of thing.
    pub kind: Option<Expr>,
    /// Identifier.
    pub id: Option<Expr>,
    /// What people call it.
    pub name: Option<Expr>,
}

/// Another thing that the event concerns; left out of the event when its id is missing.
#[derive(Debug)]
pub struct LinkSpec {
    /// How it is related.
    pub rel: Expr,
    /// Kind of thing.
    pub kind: Expr,
    /// Identifier.
    pub id: Expr,
}

/// Which changes an entry carries.
#[derive(Debug)]
pub enum ChangeSpec {
    /// Nothing said: all that differ (for the only entry of a rule), or what [`Entry::carries`] says.
    Unsaid,
    /// These fields.
    Fields(Vec<String>),
    /// These, computed: name, label, before, after.
    Computed(Vec<ComputedChange>),
}

/// A change whose sides have other names.
#[derive(Debug)]
pub struct ComputedChange {
    /// The field's name in the event.
    pub field: String,
    /// What people call it.
    pub label: Option<Expr>,
    /// The value before.
    pub before: Option<Expr>,
    /// The value after.
    pub after: Option<Expr>,
}
