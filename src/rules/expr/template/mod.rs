//! Templates: text with values put in, by minijinja.
//!
//! Compiled from rule files only; values are inserted once and never scanned again (THREATS E66). A missing
//! value makes the whole template missing. Only the parts of the document that a template names are handed
//! to the engine.

mod check;
mod context;
mod engine;
mod filters;
mod scan;
mod simple;
mod time;

use std::io;

use minijinja::{Environment, Expression};

use self::engine::{BEGIN, END, ENVIRONMENT};
use self::scan::{Kind, Token};
use self::simple::{Outcome, Simple};
use super::compile::Flaw;
use super::names::Names;
use super::reach::{Reach, ReachStep, reason};
use super::scope::{Phase, Scope};
use super::shape::refuse_dead_end;
use crate::event::{Note, NoteCode, Part};
use crate::value::Value;

/// A minijinja template, compiled once.
pub struct Template {
    /// As written.
    pub text: String,
    form: Form,
    /// The same without the engine, where it is simple enough.
    simple: Option<Simple>,
    reads: Vec<Reach>,
}

enum Form {
    /// Exactly one `{{ … }}`: the value keeps its type.
    Single(Box<Expression<'static, 'static>>),
    /// Text with values; the environment holds this one template.
    Text(Box<Environment<'static>>),
}

impl Template {
    /// The value; `None` is missing.
    pub fn eval(&self, scope: &Scope<'_>) -> Option<Value> {
        match &self.form {
            Form::Single(expression) => self.single(expression, scope),
            Form::Text(_) => {
                let parts = self.eval_parts(scope)?;
                let text = parts.iter().map(Part::as_str).collect();
                Some(Value::from(self.cut(text, scope)))
            }
        }
    }

    /// The same in pieces: the rule's words, and the values put in.
    pub(super) fn eval_parts(&self, scope: &Scope<'_>) -> Option<Vec<Part>> {
        match &self.form {
            Form::Single(expression) => {
                let value = self.single(expression, scope)?;
                Some(vec![Part::Value(super::value::plain_text(&value))])
            }
            Form::Text(environment) => {
                match self.simple.as_ref().map(|simple| (simple, simple.texts(&self.text, scope))) {
                    Some((_, Outcome::Missing)) => None,
                    Some((simple, Outcome::Texts(texts))) => Some(simple.parts(texts)),
                    Some((_, Outcome::Unclear)) | None => Some(pieces(&self.render(environment, scope)?)),
                }
            }
        }
    }

    /// When the last of the parts that it looks at is known at the earliest.
    pub fn phase(&self) -> Phase {
        self.reads.iter().map(|read| read.phase).max().unwrap_or(Phase::Head)
    }

    /// The parts of the document that it looks at.
    pub fn reaches(&self) -> &[Reach] {
        &self.reads
    }

    /// Why its value cannot be relied on, if so.
    pub(super) fn doubt(&self, scope: &Scope<'_>) -> Option<String> {
        // What is missing in it is told as missing.
        let found = 1;
        let doubt = self.reads.iter().find_map(|read| read.doubted(scope.doubts, found))?;
        Some(reason(&self.text, doubt))
    }

    fn single(&self, expression: &Expression<'static, 'static>, scope: &Scope<'_>) -> Option<Value> {
        let value = expression.eval(context::build(&self.text, &self.reads, scope)?);
        let value = value.ok().filter(|value| !value.is_undefined())?;
        match Value::of(&value)? {
            Value::String(text) => Some(Value::from(self.cut(text.into(), scope))),
            // Not a number, or without end: minijinja's division yields them, JSON has none.
            Value::Null if !value.is_none() => None,
            value => Some(value),
        }
    }

    fn render(&self, environment: &Environment<'static>, scope: &Scope<'_>) -> Option<String> {
        let context = context::build(&self.text, &self.reads, scope)?;
        let mut out = Limited::default();
        let template = environment.get_template(NAME).ok()?;
        let is_done = template.render_captured_to(context, &mut out).is_ok();
        if !is_done && !out.is_full {
            return None;
        }
        Some(String::from_utf8_lossy(&out.bytes).into_owned())
    }

    fn cut(&self, mut text: String, scope: &Scope<'_>) -> String {
        if text.len() > OUTPUT_BYTES_MAX {
            text.truncate(super::value::floor(&text, OUTPUT_BYTES_MAX));
            let detail = format!("{} yields more than 4 KiB", self.text);
            scope.log.note(Note::with(NoteCode::FieldCut, detail));
        }
        text
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

/// A template, or everything that is wrong with it.
pub(super) fn compile(text: &str, names: &Names) -> Result<Template, Vec<Flaw>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(vec![Flaw::whole("E22", "a template longer than 8 KiB").cure("shorten it")]);
    }
    if text.contains([BEGIN, END]) {
        return Err(vec![Flaw::whole("E11", "a template with the characters U+FDD0 or U+FDD1")]);
    }
    let tokens = scan::scan(text);
    let mut flaws = check::check(&tokens);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let (form, variables) = form(text, &tokens).map_err(|flaw| vec![flaw])?;
    let mut reads = Vec::new();
    let mut variables: Vec<String> = variables.into_iter().collect();
    variables.sort();
    for variable in &variables {
        match read(variable, names) {
            Ok(read) => reads.push(read),
            Err(flaw) => flaws.push(flaw),
        }
    }
    // A part that another one holds anyway is not built twice.
    let all = reads.clone();
    let is_inside = |read: &Reach, other: &Reach| {
        read.root == other.root && read != other && read.steps.starts_with(&other.steps)
    };
    reads.retain(|read| !all.iter().any(|other| is_inside(read, other)));
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let simple = simple::of(text, &tokens, |variable| read(variable, names).ok());
    Ok(Template { text: text.to_owned(), form, simple, reads })
}

fn form(text: &str, tokens: &[Token<'_>]) -> Result<(Form, std::collections::HashSet<String>), Flaw> {
    if let Some(inner) = single(text, tokens) {
        let expression = ENVIRONMENT.compile_expression_owned(inner.to_owned()).map_err(|e| syntax(&e))?;
        let variables = expression.undeclared_variables(true);
        return Ok((Form::Single(Box::new(expression)), variables));
    }
    let mut environment = ENVIRONMENT.clone();
    environment.add_template_owned(NAME, text.to_owned()).map_err(|error| syntax(&error))?;
    let variables =
        environment.get_template(NAME).map_err(|error| syntax(&error))?.undeclared_variables(true);
    Ok((Form::Text(Box::new(environment)), variables))
}

/// What stands between `{{` and `}}`, if there is nothing else.
fn single<'t>(text: &'t str, tokens: &[Token<'t>]) -> Option<&'t str> {
    let (first, rest) = tokens.split_first()?;
    let (last, inner) = rest.split_last()?;
    let is_whole = first.kind == Kind::Print
        && first.at == 0
        && last.kind == Kind::Close
        && last.at + last.text.len() == text.len()
        && inner.iter().all(|token| !matches!(token.kind, Kind::Close | Kind::Print | Kind::Statement));
    let inner = is_whole.then(|| text.get(2..last.at)).flatten()?;
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_prefix(['-', '+']).unwrap_or(inner))
}

/// `before.start` as a part of the document.
fn read(variable: &str, names: &Names) -> Result<Reach, Flaw> {
    let mut words = variable.split('.');
    let root = names.root(words.next().unwrap_or(""))?;
    let words: Vec<&str> = words.collect();
    let phase = names.phase_of(root, words.first().copied())?;
    let steps: Vec<_> = words.into_iter().map(|word| ReachStep::Name(word.to_owned())).collect();
    refuse_dead_end(root, &steps)?;
    Ok(Reach { root, steps, phase })
}

fn syntax(error: &minijinja::Error) -> Flaw {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Flaw::whole("E11", format!("not a template: {detail}"))
        .cure("`{{ before.start | date }}`; each `{{` needs its `}}`")
}

/// The engine's output, taken apart at its marks.
fn pieces(marked: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for (at, piece) in marked.split(BEGIN).enumerate() {
        match piece.split_once(END) {
            Some((value, words)) if at > 0 => {
                parts.push(Part::Value(value.to_owned()));
                parts.push(Part::Text(words.to_owned()));
            }
            // Cut off inside a value.
            None if at > 0 => parts.push(Part::Value(piece.to_owned())),
            Some(_) | None => parts.push(Part::Text(piece.to_owned())),
        }
    }
    parts
}

/// Takes text up to a limit and then refuses, which stops the engine.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = RENDER_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            self.is_full = true;
            return Err(io::Error::other("the template yields too much"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const NAME: &str = "rule";
const TEXT_BYTES_MAX: usize = 8 << 10;
const OUTPUT_BYTES_MAX: usize = 4 << 10;
/// With marks, and values that a sentence cuts later.
const RENDER_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
