//! W6 of `check`: rules at paths that a description does not have.

use std::sync::Arc;

use super::{Description, Operation};
use crate::rules::load::can_meet;
use crate::rules::model::{MatchLine, RuleSet};
use crate::yaml::{Problems, nearest};

impl Description {
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
