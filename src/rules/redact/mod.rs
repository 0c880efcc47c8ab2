//! Redaction: secrets leave the document before anything is evaluated on it, in every place where they
//! travel: headers, queries, bodies, JSON inside strings, URLs inside strings (THREATS P04).
//!
//! Names decide first, folded (`New-Password` is `newpassword`) and whole, then shapes. Tokens, keys and
//! cookies become `[redacted:<12 hex>]`, a keyed hash, so that equality stays visible. What people choose
//! or type (passwords, codes, PINs) becomes `[redacted]` alone: somebody who can send guesses through the
//! application could compare hashes (THREATS P03). A short value counts as typed whatever its name.

mod key;
mod names;
mod query;
mod shapes;

pub use key::Key;

use http::HeaderMap;
use jsonpath_rust::parser::model::JpQuery;

use super::expr::Path;
use super::model::RedactTarget;
use crate::value::Value;
use names::Kind;

/// What packs and rules say about secrets, compiled once.
#[derive(Debug, Default)]
pub struct Secrets {
    names: Vec<String>,
    marks: names::Marks,
    paths: Vec<JpQuery>,
    reveal: Vec<Vec<Step>>,
}

/// A step of an exact path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    Any,
}

impl Secrets {
    /// From a pack's or a rule's `redact`, and the pack's `reveal`.
    pub fn new(redact: &[RedactTarget], reveal: &[Path]) -> Secrets {
        let mut secrets = Secrets::default();
        for target in redact {
            match target {
                RedactTarget::Name(name) => {
                    let folded = names::fold(name);
                    secrets.marks.add(&folded);
                    secrets.names.push(folded);
                }
                // The loader has parsed every path before: none is lost here.
                RedactTarget::Path(path) => {
                    secrets.paths.extend(jsonpath_rust::parser::parse_json_path(&path.text).ok());
                }
            }
        }
        secrets.reveal = reveal.iter().filter_map(|path| exact(&path.text)).collect();
        secrets
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty() && self.reveal.is_empty()
    }
}

/// Replaces secrets in the parts of one exchange's document.
pub struct Redactor<'a> {
    key: &'a Key,
    secrets: Vec<&'a Secrets>,
}

/// Where in the document a value stands; a list that grows on the stack.
#[derive(Clone, Copy)]
struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Place<'p>,
}

#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl<'a> Redactor<'a> {
    /// With the built-in names and shapes, and what these packs and rules add.
    pub fn new(key: &'a Key, secrets: impl IntoIterator<Item = &'a Secrets>) -> Redactor<'a> {
        // Most rules add nothing, and what is left is looked through for every name.
        Redactor { key, secrets: secrets.into_iter().filter(|secrets| !secrets.is_empty()).collect() }
    }

    /// Whether another one redacts and reveals the very same.
    pub fn is_same(&self, other: &Redactor<'_>) -> bool {
        let pairs = || self.secrets.iter().zip(&other.secrets);
        self.secrets.len() == other.secrets.len() && pairs().all(|(own, its)| std::ptr::eq(*own, *its))
    }

    /// Redacts a value that stands at `place` in the document (`["request", "body"]`).
    pub fn value(&self, place: &[&str], value: &mut Value) {
        self.under(At { parent: None, step: Place::Root }, place, value);
    }

    fn under(&self, at: At<'_>, place: &[&str], value: &mut Value) {
        match place {
            [] => self.walk(value, &at, None),
            [name, rest @ ..] => self.under(At { parent: Some(&at), step: Place::Name(name) }, rest, value),
        }
    }

    /// False when there is nothing for [`Redactor::paths`] to do.
    pub fn has_paths(&self) -> bool {
        self.secrets.iter().any(|secrets| !secrets.paths.is_empty())
    }

    /// Redacts what `redact` paths find in a whole document, `{"request": …, "response": …}`.
    pub fn paths(&self, document: &mut Value) {
        for path in self.secrets.iter().flat_map(|secrets| &secrets.paths) {
            let Ok(found) = jsonpath_rust::query::js_path_process(path, &*document) else { continue };
            // Addresses instead of the crate's textual locations: they need no parser and no quoting.
            let mut found: Vec<usize> = found.iter().map(|hit| address(hit.val)).collect();
            found.sort_unstable();
            self.at_addresses(document, &At { parent: None, step: Place::Root }, &found);
        }
    }

    fn at_addresses(&self, value: &mut Value, at: &At<'_>, found: &[usize]) {
        if found.binary_search(&address(value)).is_ok() {
            return self.walk(value, at, Some(Kind::Token));
        }
        each_child(value, at, &mut |child, at| self.at_addresses(child, at, found));
    }

    fn walk(&self, value: &mut Value, at: &At<'_>, inherited: Option<Kind>) {
        let kind = match at.step {
            Place::Name(name) => self.kind(name).or(inherited),
            Place::Root | Place::Index(_) => inherited,
        };
        match value {
            Value::Array(_) | Value::Object(_) => {
                each_child(value, at, &mut |child, at| self.walk(child, at, kind));
            }
            Value::String(text) => {
                if let Some(safe) = self.leaf(text, kind)
                    && !self.is_revealed(at)
                {
                    *text = safe.into();
                }
            }
            Value::Number(number) => {
                let is_secret = kind.is_some() || shapes::is_card_number(number);
                if is_secret && !self.is_revealed(at) {
                    *value = Value::from(PLAIN);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The replacement of a string, if it needs one.
    fn leaf(&self, text: &str, kind: Option<Kind>) -> Option<String> {
        match kind {
            Some(_) if text.is_empty() || is_redacted(text) => None,
            Some(kind) => Some(self.replacement(text, kind)),
            None => shapes::replace(text, self, 0),
        }
    }

    /// The name's kind of secret, if it is one.
    fn kind(&self, name: &str) -> Option<Kind> {
        let may_be_added = |mark| self.secrets.iter().any(|secrets| secrets.marks.may_have(mark));
        let may_be_one = names::mark_of(name).is_none_or(|mark| mark.may_be_known() || may_be_added(mark));
        if name.len() > names::NAME_BYTES_MAX || !may_be_one {
            return None;
        }
        names::with_folded(name, |folded| {
            let is_folded = |name: &String| name.as_bytes() == folded;
            let is_added = || self.secrets.iter().any(|secrets| secrets.names.iter().any(is_folded));
            names::kind(folded).or_else(|| is_added().then_some(Kind::Token))
        })
    }

    fn replacement(&self, text: &str, kind: Kind) -> String {
        match kind {
            Kind::Token if text.len() >= HASHED_BYTES_MIN => {
                format!("[redacted:{}]", self.key.short("redact", text.as_bytes()))
            }
            Kind::Token | Kind::Typed => PLAIN.to_owned(),
        }
    }

    fn is_revealed(&self, at: &At<'_>) -> bool {
        self.secrets.iter().flat_map(|secrets| &secrets.reveal).any(|steps| fits(steps, Some(at)))
    }

    /// Text of unknown make: JSON, URLs and shapes in it are redacted.
    pub fn text(&self, text: &str) -> String {
        shapes::replace(text, self, 0).unwrap_or_else(|| text.to_owned())
    }

    /// A value that stands beside this name somewhere outside the document.
    pub fn named(&self, name: &str, value: &mut Value) {
        let root = At { parent: None, step: Place::Root };
        self.walk(value, &At { parent: Some(&root), step: Place::Name(name) }, None);
    }

    /// The lines of a header, joined by `, `, redacted.
    pub fn header(&self, headers: &HeaderMap, name: &http::HeaderName) -> String {
        let mut lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut text = lines.next().unwrap_or_default();
        for line in lines {
            text.to_mut().push_str(", ");
            text.to_mut().push_str(&line);
        }
        match name.as_str() {
            "authorization" | "proxy-authorization" => self.credentials(&text),
            "cookie" | "set-cookie" => self.replacement(&text, Kind::Token),
            other => match self.kind(other).or_else(|| self.kind(other.strip_prefix("x-")?)) {
                Some(kind) => self.replacement(&text, kind),
                None => self.text(&text),
            },
        }
    }

    /// `Bearer [redacted:…]`: the scheme is no secret. A Basic password is typed, hence never hashed.
    fn credentials(&self, text: &str) -> String {
        match text.split_once(' ') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("basic") => format!("{scheme} {PLAIN}"),
            Some((scheme, rest)) => format!("{scheme:.20} {}", self.replacement(rest, Kind::Token)),
            None => self.replacement(text, Kind::Token),
        }
    }
}

/// True for text that a redactor put there.
pub fn is_redacted(text: &str) -> bool {
    text.contains("[redacted")
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}

fn each_child(value: &mut Value, at: &At<'_>, visit: &mut dyn FnMut(&mut Value, &At<'_>)) {
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                visit(element, &At { parent: Some(at), step: Place::Index(index) });
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                visit(member, &At { parent: Some(at), step: Place::Name(name) });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Compares from the end, because that is where [`At`] starts.
fn fits(steps: &[Step], at: Option<&At<'_>>) -> bool {
    match (steps, at) {
        ([], Some(At { step: Place::Root, .. })) => true,
        ([rest @ .., step], Some(at)) => {
            let is_same = match (step, at.step) {
                (Step::Any, Place::Name(_) | Place::Index(_)) => true,
                (Step::Name(name), Place::Name(here)) => name == here,
                (Step::Index(index), Place::Index(here)) => *index == here,
                (Step::Name(_), Place::Index(_) | Place::Root)
                | (Step::Index(_), Place::Name(_) | Place::Root)
                | (Step::Any, Place::Root) => false,
            };
            is_same && fits(rest, at.parent)
        }
        ([], _) | (_, None) => false,
    }
}

/// The steps of an exact path: names, indexes and `[*]`; `None` for any other, which reveals nothing. Headers
/// that carry credentials are never revealed, whatever a path says.
fn exact(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('.') {
            Some(dotted) => {
                let end = dotted.find(['.', '[']).unwrap_or(dotted.len());
                let name = &dotted[..end];
                (if name == "*" { Step::Any } else { Step::Name(name.to_owned()) }, &dotted[end..])
            }
            None => bracketed(rest.strip_prefix('[')?)?,
        };
        if step == Step::Name(String::new()) {
            return None;
        }
        steps.push(step);
        rest = after;
    }
    (!steps.contains(&Step::Name("headers".to_owned()))).then_some(steps)
}

fn bracketed(rest: &str) -> Option<(Step, &str)> {
    for quote in ['\'', '"'] {
        if let Some(quoted) = rest.strip_prefix(quote) {
            let end = quoted.find(quote)?;
            return Some((Step::Name(quoted[..end].to_owned()), quoted[end + 1..].strip_prefix(']')?));
        }
    }
    let (inside, after) = rest.split_once(']')?;
    match inside.trim() {
        "*" => Some((Step::Any, after)),
        index => Some((Step::Index(index.parse().ok()?), after)),
    }
}

/// In place of a secret that must not be compared.
const PLAIN: &str = "[redacted]";
/// Shorter secrets can be guessed, so their hashes would tell them.
const HASHED_BYTES_MIN: usize = 16;

#[cfg(test)]
mod tests;
