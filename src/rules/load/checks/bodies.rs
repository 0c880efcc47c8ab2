//! Paths into bodies which the pack's `formats` read in a way that gives nothing a name there.

use std::collections::BTreeSet;

use super::meets::covers;
use super::shapes::{self, Shape};
use crate::exchange::EnvelopeKind;
use crate::rules::expr::{Reach, ReachStep, Root};
use crate::rules::load::pack::Member;
use crate::rules::model::{Address, MatchLine, Pack, Resource, Rule, SegmentPattern};
use crate::rules::reaches;
use crate::yaml::Problems;

/// W10: told once per rule, with all such paths. A warning, because a content type overrules `formats`.
pub(super) fn of_rule(rule: &Rule, pack: &Pack, problems: &mut Problems) {
    let formats = rule.lines.iter().map(|line| format_at(&line.methods, &line.segments, pack));
    let Some(format) = one(formats) else { return };
    let is_to_sent = rule.lines.iter().flat_map(|line| &line.methods).any(|method| has_body(method));
    let mut missed = Missed::default();
    reaches::of_rule(rule, &mut |part| {
        part.visit_reaches(&mut |reach| {
            if reach.root == Root::Request {
                missed.look(reach, shapes::sent(format));
            } else if reach.root == Root::Response {
                missed.look(reach, shapes::answered(format, is_to_sent));
            }
        });
    });
    if let Some((message, cure)) = missed.told(format) {
        problems.warning("W10", &rule.source, rule.span, message).cure(cure);
    }
}

/// W10: what a resource takes from the answers to its read.
pub(super) fn of_resource(resource: &Resource, written: &Member<'_>, pack: &Pack, problems: &mut Problems) {
    let methods = std::slice::from_ref(&resource.read.method);
    let format = match &resource.read.address {
        Address::Path(segments) => format_at(methods, segments, pack),
        Address::Own => {
            let is_read =
                |index: usize| pack.resources.get(index).is_some_and(|one| one.name == resource.name);
            let readers = pack
                .rules
                .iter()
                .filter(|rule| rule.before.as_ref().is_some_and(|before| is_read(before.resource)));
            one(readers.flat_map(|rule| &rule.lines).map(|line| format_at(methods, &line.segments, pack)))
        }
    };
    let Some(format) = format else { return };
    let shape = shapes::answered(format, methods.iter().any(|method| has_body(method)));
    let mut missed = Missed::default();
    reaches::of_resource(resource, &mut |part| {
        part.visit_reaches(&mut |reach| {
            if reach.root == Root::Answer {
                missed.look(reach, shape);
            }
        });
    });
    let (key, _, source) = written;
    if let Some((message, cure)) = missed.told(format) {
        problems.warning("W10", source, key.span, message).cure(cure);
    }
}

/// Paths that find nothing, and the names that were probably meant.
#[derive(Default)]
struct Missed {
    paths: BTreeSet<String>,
    meant: BTreeSet<&'static str>,
}

impl Missed {
    fn look(&mut self, reach: &Reach, shape: &'static Shape) {
        let Some((ReachStep::Name(first), steps)) = reach.steps.split_first() else { return };
        if first == "body"
            && let Some(miss) = shape.miss(steps)
        {
            self.paths.insert(text(reach));
            self.meant.extend(miss.meant);
        }
    }

    fn told(self, format: &str) -> Option<(String, String)> {
        let paths: Vec<String> = self.paths.into_iter().collect();
        let meant: Vec<String> = self.meant.into_iter().map(|name| format!("`{name}`")).collect();
        let cure = match format {
            _ if !meant.is_empty() => format!("did you mean {}?", meant.join(", ")),
            "text" => {
                "take the whole body and `extract` from it, or correct the line in `formats`".to_owned()
            }
            "jsonl" => "the body is a list: write `body[*]`, or correct the line in `formats`".to_owned(),
            _ => "write what docs/documents.md shows, or correct the line in `formats`".to_owned(),
        };
        let message = format!("`formats` reads this body as {format}: {} finds nothing", paths.join(", "));
        (!paths.is_empty()).then_some((message, cure))
    }
}

/// The format of bodies at a line; an envelope's, where its calls are what is met there.
fn format_at<'p>(methods: &[String], segments: &[SegmentPattern], pack: &'p Pack) -> Option<&'p str> {
    let fits = |line: &MatchLine| {
        methods.iter().all(|method| line.methods.contains(method)) && covers(&line.segments, segments)
    };
    let is_graphql = |rule: &&Rule| rule.opens == Some(EnvelopeKind::GraphQl);
    if pack.rules.iter().filter(is_graphql).flat_map(|rule| &rule.lines).any(fits) {
        return Some(EnvelopeKind::GraphQl.as_str());
    }
    pack.formats.iter().find(|format| fits(&format.at)).map(|format| format.format.as_str())
}

/// The format that all have.
fn one<'p>(mut formats: impl Iterator<Item = Option<&'p str>>) -> Option<&'p str> {
    let first = formats.next()??;
    formats.all(|format| format == Some(first)).then_some(first)
}

fn has_body(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "DELETE")
}

/// The part as a path.
fn text(reach: &Reach) -> String {
    let mut text = format!("`$.{}", reach.root.name());
    for step in &reach.steps {
        match step {
            ReachStep::Name(name) => text.push_str(&format!(".{name}")),
            ReachStep::Index(index) => text.push_str(&format!("[{index}]")),
            ReachStep::Any => text.push_str("[*]"),
        }
    }
    text + "`"
}

#[cfg(test)]
mod tests {
    use crate::rules::model::RuleSet;

    /// What W10 says of a pack: its messages and cures.
    fn told(text: &str) -> Vec<(String, String)> {
        let loaded = RuleSet::from_texts("pack", &[("pack.yaml", text)]);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render()));
        let told = loaded.problems.iter().filter(|problem| problem.code == "W10");
        told.map(|problem| (problem.message.clone(), problem.cure.clone().unwrap_or_default())).collect()
    }

    /// Of a rule at this line that looks at this path, where `formats` says so of all paths.
    fn of_path(format: &str, line: &str, path: &str) -> Vec<(String, String)> {
        told(&format!(
            "version: 1\nformats: [{{ at: \"GET|POST|PUT|PROPFIND|PROPPATCH /{{x*}}\", as: {format} }}]\n\
             rules: [{{ id: r, match: {line} /x, action: A, raw: [\"{path}\"] }}]\n"
        ))
    }

    #[test]
    fn a_name_that_a_format_never_has_is_told_with_the_one_that_is_meant() {
        let check = |format: &str, line: &str, path: &str, cure: &str| {
            let told = of_path(format, line, path);
            let told: Vec<_> = told.iter().map(|(message, cure)| (message.as_str(), cure.as_str())).collect();
            assert!(
                matches!(told[..], [(message, found)] if message.contains(path) && found.contains(cure)),
                "{format} {line} {path}: {told:?}"
            );
        };
        check("text", "POST", "$.request.body.a", "`extract`");
        check("form", "POST", "$.request.body.a.b", "docs/documents.md");
        check("jsonl", "POST", "$.request.body.a", "`body[*]`");
        check("jsonl", "GET", "$.response.body.a", "`body[*]`");
        check("multipart", "POST", "$.request.body.file.sha1", "`sha256`");
        check("multipart", "POST", "$.request.body.file.fliename", "`filename`");
        check("html-form", "POST", "$.response.body.formz", "`forms`");
        check("html-form", "GET", "$.response.body.forms[0].field", "`fields`");
        check("html-form", "GET", "$.response.body.forms.fields", "docs/documents.md");
        check("icalendar", "PUT", "$.request.body.summry", "`summary`");
        check("icalendar", "PUT", "$.request.body.attendees[*].mail", "`email`");
        check("icalendar", "PUT", "$.request.body.start.zone", "docs/documents.md");
        check("icalendar", "PUT", "$.request.body.overrides[0].overrides[0].strat", "`start`");
        check("icalendar", "GET", "$.response.body.title", "docs/documents.md");
        check("webdav", "PROPPATCH", "$.request.body.sets", "`set`");
        check("webdav", "PROPPATCH", "$.response.body.responses[*].href.x", "docs/documents.md");
        check("webdav", "PROPFIND", "$.response.body.responses[*].prop", "`props`");
        check("graphql", "POST", "$.request.body.argumentz", "`arguments`");
        check("graphql", "POST", "$.request.body.variables", "docs/documents.md");
    }

    #[test]
    fn what_may_be_there_is_not_told() {
        let check = |format: &str, line: &str, path: &str| {
            assert_eq!(of_path(format, line, path), [], "{format} {line} {path}");
        };
        check("text", "POST", "$.request.body");
        check("form", "POST", "$.request.body.anything[0]");
        check("jsonl", "POST", "$.request.body[*].a.b");
        check("json", "POST", "$.request.body.a.b");
        check("xml", "POST", "$.request.body.a.b");
        check("multipart", "POST", "$.request.body.file.sha256");
        check("multipart", "POST", "$.request.body.document.size.of.anything");
        check("html-form", "POST", "$.response.body.forms[*].fields.csrf[0]");
        check("html-form", "POST", "$.request.body.formz");
        check("icalendar", "PUT", "$.request.body.reminders.overrides[*].minutes");
        check("icalendar", "PUT", "$.request.body.overrides[*].recurrenceId.dateTime");
        check("webdav", "PROPFIND", "$.request.body.propfind.prop");
        check("webdav", "PROPPATCH", "$.request.body.set['calendar-order']");
        check("graphql", "POST", "$.request.body.arguments.uid.of.any");
        check("graphql", "POST", "$.response.body.message");
        // What is answered to a body is of its own type.
        check("form", "POST", "$.response.body.a.b");
        check("jsonl", "POST", "$.response.body.a");
        check("icalendar", "PUT", "$.response.body.error");
    }

    #[test]
    fn what_a_resource_selects_is_looked_at_where_it_is_read() {
        let check = |read: &str, name: &str, expected: usize| {
            let found = told(&format!(
                "version: 1\nformats: [{{ at: 'GET|POST /users/{{id}}/edit', as: html-form }}]\n\
                 resources: {{ user: {{ read: '{read}', select: {{ first: '$.answer.body.{name}[*].fields' }} }} }}\n\
                 rules: [{{ id: r, match: 'POST /users/{{id}}/edit', before: user, action: A }}]\n"
            ));
            assert_eq!(found.len(), expected, "{read} {name}: {found:?}");
        };
        check("GET self", "formz", 1);
        check("GET self", "forms", 0);
        check("GET /users/{id}/edit", "formz", 1);
        check("GET /api/users/{id}", "formz", 0);
    }
}
