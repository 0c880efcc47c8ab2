//! What an OpenAPI description says about an application: which requests there are. Read leniently, because
//! descriptions in the wild are; only paths and methods are looked at, and nothing is fetched.

use std::sync::Arc;

use serde_json::Value;

use super::load::can_meet;
use super::model::{MatchLine, RuleSet, SegmentPattern};
use crate::yaml::{Problems, nearest};

/// An application's requests, as an OpenAPI 3 or Swagger 2 description has them.
#[derive(Debug)]
pub struct Description {
    operations: Vec<Operation>,
}

/// One request of a description.
#[derive(Debug)]
struct Operation {
    method: String,
    /// As written, for people.
    path: String,
    /// The path, with and without what stands before it in `servers` or `basePath`.
    forms: Vec<Vec<SegmentPattern>>,
}

impl Description {
    /// The requests under `paths`; `None` when there is no such member.
    pub fn read(document: &Value) -> Option<Description> {
        let bases = bases(document);
        let mut operations = Vec::new();
        for (path, item) in document.get("paths")?.as_object()? {
            let forms: Vec<_> = bases.iter().map(|base| segments(&format!("{base}{path}"))).collect();
            let members = item.as_object().into_iter().flatten().map(|(name, _)| name.to_uppercase());
            for method in members.filter(|name| METHODS.contains(&name.as_str())) {
                operations.push(Operation { method, path: path.clone(), forms: forms.clone() });
            }
        }
        Some(Description { operations })
    }

    /// How many requests it has.
    pub fn operation_count(&self) -> usize {
        self.operations.len()
    }

    /// W6: rules whose requests the description does not have.
    pub fn check(&self, rules: &RuleSet, problems: &mut Problems) {
        for rule in rules.packs.iter().flat_map(|pack| &pack.rules) {
            for (line, method) in
                rule.lines.iter().flat_map(|line| line.methods.iter().map(move |m| (line, m)))
            {
                if let Some((message, cure)) = self.flaw(line, method) {
                    problems.warning("W6", &Arc::clone(&rule.source), rule.span, message).cure(cure);
                }
            }
        }
    }

    fn flaw(&self, line: &MatchLine, method: &str) -> Option<(String, String)> {
        let at_path: Vec<&Operation> = self.operations.iter().filter(|other| other.is_at(line)).collect();
        if at_path.iter().any(|operation| operation.method == method) {
            return None;
        }
        let path = line.path();
        let message = format!("the description has no `{method} {path}`");
        if !at_path.is_empty() {
            let mut methods: Vec<&str> = at_path.iter().map(|operation| operation.method.as_str()).collect();
            methods.sort_unstable();
            methods.dedup();
            return Some((message, format!("at this path it has {}", methods.join(", "))));
        }
        let near = nearest(&path, self.operations.iter().map(|operation| operation.path.as_str()));
        Some((message, near.map_or("compare the path".to_owned(), |near| format!("did you mean `{near}`?"))))
    }
}

impl Operation {
    fn is_at(&self, line: &MatchLine) -> bool {
        self.forms.iter().any(|form| can_meet(form, &line.segments))
    }
}

/// What may stand before the paths: nothing, or the path of a server.
fn bases(document: &Value) -> Vec<String> {
    let servers = document.get("servers").and_then(Value::as_array).into_iter().flatten();
    let urls = servers.filter_map(|server| server.get("url")?.as_str());
    let paths = urls.filter_map(|url| match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|at| &rest[at..]),
        None => Some(url),
    });
    let mut bases = vec![String::new()];
    for path in paths.chain(document.get("basePath").and_then(Value::as_str)) {
        let base = path.trim_end_matches('/').to_owned();
        if !bases.contains(&base) && bases.len() < BASES_MAX {
            bases.push(base);
        }
    }
    bases
}

/// A path template; what stands in braces is a part, more leniently than in a rule.
fn segments(path: &str) -> Vec<SegmentPattern> {
    let part = |text: &str| match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) if open < close => SegmentPattern::Part {
            prefix: text[..open].to_owned(),
            name: text[open + 1..close].to_owned(),
            suffix: text[close + 1..].to_owned(),
        },
        (_, _) => SegmentPattern::Literal(text.to_owned()),
    };
    path.split('/').filter(|text| !text.is_empty()).map(part).collect()
}

const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
const BASES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Class W6 of `check`.
    #[test]
    fn a_rule_at_a_path_that_the_description_lacks_is_told() {
        let document = json!({
            "servers": [{ "url": "https://api.example.org/v2/" }, { "url": "/v2" }],
            "paths": {
                "/bookings/{booking-uid}/cancel": { "post": {}, "parameters": [] },
                "/files/{name}.{ending}": { "get": {} },
                "/me": { "get": {}, "patch": {} },
            },
        });
        let description = Description::read(&document).unwrap();
        assert_eq!(description.operation_count(), 4);
        let check = |line: &str, told: &[&str]| {
            let text = format!("version: 1\nrules: [{{ id: r, match: \"{line}\", action: A }}]");
            let loaded = RuleSet::from_texts("p", &[("a.yaml", &text)]).unwrap();
            let mut problems = Problems::default();
            description.check(&loaded.rules, &mut problems);
            let found: Vec<String> = problems
                .iter()
                .map(|problem| format!("{}: {}", problem.message, problem.cure.as_deref().unwrap_or("")))
                .collect();
            assert_eq!(found, told, "{line}");
        };
        check("POST /v2/bookings/{id}/cancel", &[]);
        check("POST /bookings/{id}/cancel", &[]);
        check("POST /v2/{rest*}", &[]);
        check("GET /files/a.txt", &[]);
        check("PUT|GET /me", &["the description has no `PUT /me`: at this path it has GET, PATCH"]);
        check(
            "POST /bookings/{id}/cancle",
            &[
                "the description has no `POST /bookings/{id}/cancle`: did you mean `/bookings/{booking-uid}/cancel`?",
            ],
        );
        check(
            "GET /nothing/like/it/at/all",
            &["the description has no `GET /nothing/like/it/at/all`: compare the path"],
        );
        assert!(Description::read(&json!({ "openapi": "3.1.0" })).is_none());
    }
}
