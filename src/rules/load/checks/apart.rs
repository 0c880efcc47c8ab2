//! Whether two conditions can hold at once. Told only where it is sure that they cannot: one path, of which
//! one rule wants what the other refuses.

use crate::rules::expr::{Check, Condition, Expr, Test, may_be_one};
use crate::value::Value;

/// True when no request can meet both.
pub(super) fn exclude(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (Condition::All(all), other) | (other, Condition::All(all)) => {
            all.iter().any(|one| exclude(one, other))
        }
        (Condition::Any(any), other) | (other, Condition::Any(any)) => {
            !any.is_empty() && any.iter().all(|one| exclude(one, other))
        }
        (Condition::Test(one), Condition::Test(other)) => are_apart(one, other),
        (Condition::Changed(_), _) | (_, Condition::Changed(_)) => false,
    }
}

/// With several matches each test may have one of its own, so only a path with one can tell them apart.
fn are_apart(one: &Check, other: &Check) -> bool {
    one.path.text == other.path.text
        && one.path.is_singular()
        && (refuses(&one.test, &other.test) || refuses(&other.test, &one.test))
}

/// True when what the second wants is surely nothing that the first takes.
fn refuses(one: &Test, wanted: &Test) -> bool {
    match (one, wanted) {
        (Test::Absent, wanted) => needs_a_match(wanted),
        (Test::Not(refused), wanted) => match (&**refused, literals(refused), literals(wanted)) {
            (Test::Exists, _, _) => needs_a_match(wanted),
            // The very same: what equals one spelling of a number need not equal another.
            (_, Some(refused), Some(wanted)) => wanted.iter().all(|one| refused.contains(one)),
            (_, _, _) => false,
        },
        (one, wanted) => match (literals(one), literals(wanted)) {
            (Some(one), Some(wanted)) => {
                !wanted.iter().any(|value| one.iter().any(|other| may_be_one(value, other)))
            }
            (_, _) => false,
        },
    }
}

/// The literals, one of which must be there for the test to hold; `None` where something else may do too.
fn literals(test: &Test) -> Option<Vec<&Value>> {
    match test {
        Test::Equals(Expr::Literal(value)) => Some(vec![value]),
        Test::Any(tests) => {
            let each: Option<Vec<Vec<&Value>>> = tests.iter().map(literals).collect();
            Some(each?.concat())
        }
        Test::Equals(_)
        | Test::All(_)
        | Test::Exists
        | Test::Absent
        | Test::Not(_)
        | Test::Matches(_)
        | Test::Contains(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Above(_)
        | Test::Below(_) => None,
    }
}

fn needs_a_match(test: &Test) -> bool {
    match test {
        Test::Absent | Test::Not(_) => false,
        Test::Any(tests) => !tests.is_empty() && tests.iter().all(needs_a_match),
        Test::All(tests) => tests.iter().any(needs_a_match),
        Test::Equals(_)
        | Test::Exists
        | Test::Matches(_)
        | Test::Contains(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Above(_)
        | Test::Below(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::model::RuleSet;

    #[test]
    fn rules_overlap_unless_their_conditions_exclude_each_other_for_sure() {
        let check = |one: &str, other: &str, overlaps: bool| {
            let rule = |id: &str, when: &str| {
                format!("  - {{ id: {id}, match: POST /x, action: A, when: {when} }}\n")
            };
            let text = format!("version: 1\nrules:\n{}{}", rule("a", one), rule("b", other));
            let loaded = RuleSet::from_texts("p", &[("pack.yaml", &text)]).map_err(|p| p.render()).unwrap();
            assert_eq!(loaded.problems.render().contains("[W2]"), overlaps, "{one} {other}");
        };
        let kind = |test: &str| format!("{{ $.request.body.kind: {test} }}");
        for (one, other, overlaps) in [
            ("a", "b", false),
            ("a", "a", true),
            ("[a, b]", "[c, 1]", false),
            ("[a, b]", "[c, b]", true),
            ("1", "'1'", true),
            ("1", "1.0", true),
            ("'1.0'", "1", true),
            ("{ not: '1' }", "1", true),
            ("1", "2", false),
            ("a", "{ exists: false }", false),
            ("{ exists: true }", "{ exists: false }", false),
            ("{ not: a }", "a", false),
            ("{ not: [a, b] }", "[a, b]", false),
            ("{ not: a }", "[a, b]", true),
            ("{ not: a }", "{ exists: false }", true),
            ("{ not: { exists: true } }", "{ matches: x }", false),
            ("{ matches: x }", "a", true),
            ("$.request.body.other", "a", true),
        ] {
            check(&kind(one), &kind(other), overlaps);
            check(&kind(other), &kind(one), overlaps);
        }
        check(&kind("a"), "{ $.request.body.other: b }", true);
        check("{ '$.request.body..kind': a }", "{ '$.request.body..kind': b }", true);
        check("[{ $.request.body.kind: a }, { $.request.body.kind: b }]", &kind("c"), false);
        check("[{ $.request.body.kind: a }, { $.request.body.other: b }]", &kind("c"), true);
        check("{ $.request.body.kind: a, $.request.body.other: b }", &kind("c"), false);
    }
}
