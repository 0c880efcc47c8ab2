//! Words and values one after another, `Booked by {{ actor | name }}`, which nearly all templates are: put
//! together without the engine, whose start costs more than such a sentence. Whatever has a statement, an
//! operator, an argument or a line end is the engine's; what both can do they do alike.

use minijinja::Value as Jinja;

use super::super::reach::Reach;
use super::super::scope::Scope;
use super::RENDER_BYTES_MAX;
use super::context::Budget;
use super::engine::{clean, text_of};
use super::scan::{Kind, Token};
use super::{filters, time};
use crate::event::Part;
use crate::value::Value;

/// A template of that kind.
#[derive(Debug)]
pub(super) struct Simple {
    /// In front of the first value.
    lead: String,
    values: Vec<Inserted>,
}

/// A value, and the words behind it.
#[derive(Debug)]
pub(super) struct Inserted {
    read: Reach,
    filters: Vec<Filter>,
    words: String,
}

type Filter = fn(&Jinja) -> Jinja;

/// The template, if it is one of these; `read` makes a part of the document out of dotted words.
pub(super) fn of(text: &str, tokens: &[Token<'_>], read: impl Fn(&str) -> Option<Reach>) -> Option<Simple> {
    // The engine takes a line end behind the last word away.
    if text.contains("{#") || text.contains(['\n', '\r']) {
        return None;
    }
    let mut simple = Simple { lead: text[..tokens.first()?.at].to_owned(), values: Vec::new() };
    let mut rest = tokens;
    while let Some((first, inside)) = rest.split_first() {
        let length = inside.iter().position(|token| token.kind == Kind::Close)?;
        let (inner, behind) = inside.split_at(length);
        let (close, behind) = behind.split_first()?;
        let end = behind.first().map_or(text.len(), |next| next.at);
        let words = text[close.at + close.text.len()..end].to_owned();
        let (read, filters) = value(inner, &read).filter(|_| first.kind == Kind::Print)?;
        simple.values.push(Inserted { read, filters, words });
        rest = behind;
    }
    Some(simple)
}

/// `before.start | date`.
fn value(inner: &[Token<'_>], read: impl Fn(&str) -> Option<Reach>) -> Option<(Reach, Vec<Filter>)> {
    let mut parts = inner.split(|token| token.text == "|");
    let mut name = String::new();
    for (at, token) in parts.next()?.iter().enumerate() {
        let is_word = token.kind == Kind::Word;
        if is_word != (at % 2 == 0) || (!is_word && token.text != ".") {
            return None;
        }
        name.push_str(token.text);
    }
    let filters = parts.map(|part| match part {
        [one] => filter(one.text),
        _ => None,
    });
    let filters = filters.collect::<Option<_>>()?;
    Some((read(&name).filter(|_| !name.ends_with('.'))?, filters))
}

fn filter(name: &str) -> Option<Filter> {
    Some(match name {
        "date" => |value| time::format(value, None, time::Shape::Date),
        "time" => |value| time::format(value, None, time::Shape::Time),
        "datetime" => |value| time::format(value, None, time::Shape::DateTime),
        "name" => filters::name,
        "names" => filters::names,
        "length" => filters::length,
        "lower" => filters::lower,
        "upper" => filters::upper,
        "trim" => filters::trim,
        "first" => |value| filters::end(value, filters::End::First),
        "last" => |value| filters::end(value, filters::End::Last),
        _ => return None,
    })
}

/// What came of a simple template.
pub(super) enum Outcome {
    /// The text of each value.
    Texts(Vec<String>),
    /// One of them is missing.
    Missing,
    /// It is for the engine to say.
    Unclear,
}

impl Simple {
    /// The texts of its values.
    pub(super) fn texts(&self, text: &str, scope: &Scope<'_>) -> Outcome {
        let mut budget = Budget::whole();
        let mut texts = Some(Vec::with_capacity(self.values.len()));
        let mut bytes = self.lead.len();
        for inserted in &self.values {
            // Each is looked at, also behind a missing one, because a look may leave a note.
            let found = super::context::find(text, &inserted.read, scope);
            let found = found.filter(|(_, depth)| *depth == inserted.read.steps.len());
            let shown = match found {
                None => None,
                Some((value, _)) => match inserted.text(value, &mut budget) {
                    Ok(shown) => shown,
                    Err(TooLarge) => return Outcome::Unclear,
                },
            };
            let shown = shown.map(|shown| clean(&shown));
            bytes += shown.as_ref().map_or(0, String::len) + inserted.words.len() + MARKS_BYTES;
            texts = texts.zip(shown).map(|(mut texts, shown)| {
                texts.push(shown);
                texts
            });
        }
        match texts {
            // Cut where the engine cuts.
            _ if bytes > RENDER_BYTES_MAX => Outcome::Unclear,
            Some(texts) => Outcome::Texts(texts),
            None => Outcome::Missing,
        }
    }
}

impl Simple {
    /// The words with these texts between them.
    pub(super) fn parts(&self, texts: Vec<String>) -> Vec<Part> {
        let mut parts = Vec::with_capacity(1 + 2 * texts.len());
        parts.push(Part::Text(self.lead.clone()));
        for (text, inserted) in texts.into_iter().zip(&self.values) {
            parts.push(Part::Value(text));
            parts.push(Part::Text(inserted.words.clone()));
        }
        parts
    }
}

/// More than a template may look at.
struct TooLarge;

impl Inserted {
    fn text(&self, value: &Value, budget: &mut Budget) -> Result<Option<String>, TooLarge> {
        if let (Value::String(text), []) = (value, self.filters.as_slice()) {
            return Ok(Some(text.as_str().to_owned()));
        }
        let value = budget.convert(value, 0).ok_or(TooLarge)?;
        Ok(text_of(&self.filters.iter().fold(value, |value, filter| filter(&value))))
    }
}

/// What the engine puts around a value.
const MARKS_BYTES: usize = 6;
