//! What is wrong with a file, for people: the place, the excerpt, the cure; and for programs: the code.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

use super::node::Span;

/// A file's name and text, shared by all problems found in it.
#[derive(Debug)]
pub struct Source {
    /// As the user would write it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A file that has been read.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source { name: name.into(), text: text.into() })
    }

    /// The line (from 1) of a byte.
    pub fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The column (from 1, in characters) of a byte.
    pub fn column(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        let start =
            self.text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        String::from_utf8_lossy(&self.text.as_bytes()[start..at]).chars().count() + 1
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// It starts; somebody should look.
    Warning,
}

/// One thing that is wrong, and how to cure it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// `E02`, `W1`: docs list them.
    pub code: &'static str,
    /// The file.
    pub source: Arc<Source>,
    /// The place in it.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: Option<String>,
}

impl Problem {
    /// Says what to do about it.
    pub fn cure(&mut self, cure: impl Into<String>) -> &mut Problem {
        self.cure = Some(cure.into());
        self
    }
}

/// All that is wrong, in the order found.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    /// Adds an error; the answer takes the cure.
    pub fn error(
        &mut self,
        code: &'static str,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.add(Severity::Error, code, source, span, message.into())
    }

    /// Adds a warning; the answer takes the cure.
    pub fn warning(
        &mut self,
        code: &'static str,
        source: &Arc<Source>,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.add(Severity::Warning, code, source, span, message.into())
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        source: &Arc<Source>,
        span: Span,
        message: String,
    ) -> &mut Problem {
        let source = Arc::clone(source);
        self.list.push(Problem { severity, code, source, span, message, cure: None });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Takes over what others have found.
    pub fn append(&mut self, mut others: Problems) {
        self.list.append(&mut others.list);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many are errors.
    pub fn error_count(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// How many are warnings.
    pub fn warning_count(&self) -> usize {
        self.list.len() - self.error_count()
    }

    /// For people, in the manner of rustc, without colours.
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// For people, on a terminal.
    pub fn render_coloured(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for problem in &self.list {
            let level = match problem.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let place = AnnotationKind::Primary.span(visible(problem));
            let snippet = Snippet::source(&problem.source.text).path(&problem.source.name).annotation(place);
            let mut group = level.primary_title(problem.message.as_str()).id(problem.code).element(snippet);
            if let Some(cure) = &problem.cure {
                group = group.element(Level::HELP.message(cure.as_str()));
            }
            let _ = writeln!(out, "{}\n", renderer.render(&[group]));
        }
        out
    }

    /// For programs: one object a problem.
    pub fn to_json(&self) -> serde_json::Value {
        self.list
            .iter()
            .map(|problem| {
                json!({
                    "severity": match problem.severity {
                        Severity::Error => "error",
                        Severity::Warning => "warning",
                    },
                    "code": problem.code,
                    "file": problem.source.name,
                    "line": problem.source.line(problem.span.start),
                    "column": problem.source.column(problem.span.start),
                    "endLine": problem.source.line(problem.span.end),
                    "endColumn": problem.source.column(problem.span.end),
                    "message": problem.message,
                    "cure": problem.cure,
                })
            })
            .collect()
    }
}

/// A span that stands on character boundaries inside the text and on one line.
fn visible(problem: &Problem) -> Range<usize> {
    let text = &problem.source.text;
    let boundary =
        |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(problem.span.start);
    let line_end = text[start..].find('\n').map_or(text.len(), |index| start + index);
    start..boundary(problem.span.end.min(line_end)).max(start)
}
