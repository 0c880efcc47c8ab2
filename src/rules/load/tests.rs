//! What loading accepts, and what it says of everything else.

use super::*;
use crate::rules::expr::{Expr, Phase};
use crate::rules::model::{
    After, ChangeSpec, Entry, ForEach, Guarantee, MatchLine, Mode, OnFailure, Rule, SegmentPattern,
};
use crate::rules::trial::{TrialBody, TrialFailure, TrialOutcome};
use crate::yaml::Problem;

const EXAMPLES: [(&str, &str); 6] = [
    ("pack.yaml", include_str!("examples/pack.yaml")),
    ("bookings.yaml", include_str!("examples/bookings.yaml")),
    ("web.yaml", include_str!("examples/web.yaml")),
    ("events.yaml", include_str!("examples/events.yaml")),
    ("objects.yaml", include_str!("examples/objects.yaml")),
    ("legacy.yaml", include_str!("examples/legacy.yaml")),
];

fn load(texts: &[(&str, &str)]) -> Loaded {
    RuleSet::from_texts("pack", texts).unwrap_or_else(|problems| panic!("{}", problems.render()))
}

fn examples() -> Loaded {
    load(&EXAMPLES)
}

fn rule<'a>(loaded: &'a Loaded, id: &str) -> &'a Rule {
    loaded.rules.packs[0].rules.iter().find(|rule| rule.id == format!("pack/{id}")).unwrap()
}

/// All problems of a file named `a.yaml` in a pack of its own.
fn problems(text: &str) -> Vec<Problem> {
    match RuleSet::from_texts("pack", &[("pack.yaml", text)]) {
        Ok(loaded) => loaded.problems.iter().cloned().collect(),
        Err(problems) => problems.iter().cloned().collect(),
    }
}

#[test]
fn the_examples_load_without_an_error() {
    let loaded = examples();
    assert_eq!(loaded.rules.packs[0].rules.len(), 19);
    assert_eq!(loaded.problems.error_count(), 0);
}

#[test]
fn a_pack_holds_what_its_files_say() {
    let loaded = examples();
    let pack = &loaded.rules.packs[0];
    assert_eq!((pack.name.as_str(), pack.title.as_str()), ("pack", "Booking service"));
    assert_eq!(pack.hosts, ["cal.example.org", "*.cal.example.org"]);
    assert_eq!(pack.actors.len(), 5);
    assert!(pack.actors[0].ask.is_some());
    assert_eq!((pack.redact.len(), pack.reveal.len(), pack.formats.len(), pack.exclude.len()), (2, 1, 1, 1));
    let names: Vec<_> = pack.resources.iter().map(|resource| resource.name.as_str()).collect();
    assert_eq!(names, ["booking", "membership", "event", "acl", "object", "calendar", "thing"]);
    assert_eq!(pack.version.len(), 64);
}

#[test]
fn a_rule_is_read_whole() {
    let loaded = examples();
    let moved = rule(&loaded, "booking.rescheduled");
    assert_eq!(moved.lines[0].parts().collect::<Vec<_>>(), ["bookingUid"]);
    assert_eq!((moved.mode, moved.guarantee, moved.on_failure), (Mode::Record, Guarantee::Durable, None));
    assert_eq!(moved.before.as_ref().map(|before| before.resource), Some(0));
    assert!(matches!(moved.after, Some(After::Value(Expr::Path(_)))));
    let entry = &moved.entries[0];
    assert_eq!(entry.links.len(), 1);
    assert!(entry.target.as_ref().is_some_and(|target| target.id.is_none()), "derive takes it from `before`");
    assert!(matches!(&entry.changes, ChangeSpec::Fields(fields) if fields == &["start", "end"]));
    assert!(
        matches!(&rule(&loaded, "member.removed").for_each, Some(ForEach::Product(lists)) if lists.len() == 2)
    );
    assert!(matches!(rule(&loaded, "role.changed").after, Some(After::Merged(_))));
    assert_eq!(rule(&loaded, "role.changed").before.as_ref().map(|before| before.with.len()), Some(2));
    assert!(rule(&loaded, "calendar.properties").otherwise.is_none());
    assert!(rule(&loaded, "object.put").otherwise.is_some());
    let slash = rule(&loaded, "calendar.properties").lines[0].segments.last();
    assert_eq!(slash, Some(&SegmentPattern::Literal(String::new())));
}

#[test]
fn tests_are_read_with_what_the_pack_gives() {
    let loaded = examples();
    let tests = &rule(&loaded, "booking.rescheduled").tests;
    assert_eq!(tests.len(), 2);
    let request = &tests[0].request;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v2/bookings/abc/reschedule"));
    assert_eq!(request.headers, [("authorization".to_owned(), "Bearer k".to_owned())]);
    assert!(matches!(&request.body, TrialBody::Document(body) if body["start"] == "2026-01-15T10:00:00Z"));
    let targets: Vec<_> = tests[1].answers.iter().map(|answer| answer.target.as_str()).collect();
    assert_eq!(targets, ["/v2/bookings/abc", "/v2/me"]);
    assert_eq!(tests[1].answers[0].outcome, TrialOutcome::Failed(TrialFailure::Timeout));
    assert_eq!(tests[1].answers[1].source.name, "pack.yaml");
    assert_eq!(tests[0].response.as_ref().map(|response| response.status), Some(201));
    assert!(
        tests[1].response.is_none()
            && tests[1].client.trusted
            && tests[1].expect.as_ref().is_some_and(Vec::is_empty)
    );
}

#[test]
fn the_nearest_wins_and_nothing_is_merged() {
    let loaded = load(&[
        (
            "pack.yaml",
            "version: 1\ndefaults: { title: pack, category: pack, type: pack, details: { a: pack, b: pack } }\n",
        ),
        (
            "x.yaml",
            "version: 1\ndefaults: { category: file, type: file, mode: shadow }\nrules:\n\
             - { id: r, match: POST /x, action: A, type: rule, details: { a: rule }, mode: record, events: \
             [{ }, { action: B, type: entry, title: null }] }\n\
             - { id: s, match: GET|PROPFIND /x, action: A, scope: null }\n",
        ),
    ]);
    let rule = rule(&loaded, "r");
    assert_eq!(rule.mode, Mode::Record);
    let text = |value: &Option<Expr>| match value {
        Some(Expr::Literal(value)) => value.as_str().unwrap_or("null").to_owned(),
        other => panic!("{other:?}"),
    };
    let texts = |entry: &Entry| {
        let Expr::Literal(action) = &entry.action else { panic!() };
        let rest = [text(&entry.title), text(&entry.category), text(&entry.kind)].join(" ");
        format!("{} {rest} {}", action.as_str().unwrap(), entry.details.len())
    };
    assert_eq!(texts(&rule.entries[0]), "A pack file rule 1");
    assert_eq!(texts(&rule.entries[1]), "B null file entry 1");
    let quiet = self::rule(&loaded, "s");
    assert_eq!((quiet.mode, quiet.guarantee), (Mode::Shadow, Guarantee::Buffered));
    assert_eq!(quiet.entries[0].details.len(), 2);
}

#[test]
fn entries_carry_the_changes_that_they_fire_on() {
    let loaded = examples();
    let carried: Vec<Vec<String>> =
        rule(&loaded, "event.changed").entries.iter().map(|entry| entry.carries.clone()).collect();
    assert_eq!(
        carried,
        [vec!["status"], vec!["summary"], vec!["end", "start"], vec!["attendees"], vec!["attendees"]]
    );
}

#[test]
fn variables_stand_in_an_order_in_which_each_uses_only_earlier_ones() {
    let loaded = load(&[(
        "a.yaml",
        "version: 1\nvars: { c: '{{ vars.b }}{{ vars.a }}', b: $.vars.a, a: $.request.body.x, t: { k: v } }\n\
         rules: [{ id: r, match: GET /x, action: \"{{ vars.c }}{{ vars['t'].k }}\" }]",
    )]);
    let names: Vec<&str> = loaded.rules.packs[0].vars.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "t", "b", "c"]);
    assert_eq!(loaded.rules.packs[0].vars[3].1.phase(), Phase::Body);
    assert!(!loaded.problems.iter().any(|problem| problem.code == "W1"), "{}", loaded.problems.render());
}

#[test]
fn the_version_follows_the_meaning_and_not_the_spelling() {
    let version = |text: &str| load(&[("a.yaml", text)]).rules.packs[0].version.clone();
    let one = version("version: 1\nrules: [{ id: r, match: GET /x, action: A }]");
    assert_eq!(one, version("# other\nrules:\n- match: 'GET /x'\n  action: A\n  id: r\nversion: 1\n"));
    assert_ne!(one, version("version: 1\nrules: [{ id: r, match: GET /x, action: B }]"));
}

#[test]
fn what_stands_in_defaults_is_told_once() {
    let text = "version: 1\ndefaults: { title: $.nothing }\nrules:\n\
                - { id: a, match: POST /a, action: A }\n- { id: b, match: POST /b, action: A }\n";
    let found = problems(text).into_iter().filter(|problem| problem.code == "E09").count();
    assert_eq!(found, 1);
}

#[test]
fn match_lines_say_what_is_wrong_with_them_and_where() {
    let check = |text: &str, offset: usize, message: &str| {
        let error = MatchLine::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {}", error.message);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(!error.cure.is_empty());
    };
    check("/x", 0, "no method");
    check("POST", 0, "no path");
    check("POTS /x", 0, "unknown method `POTS`");
    check("post /x", 0, "unknown method `post`");
    check("PUT|PUT /x", 4, "twice");
    check("GET x", 4, "begins with /");
    check("GET /x?a=1", 6, "query");
    check("GET /a/%2F", 7, "encoded");
    check("GET /a//b", 4, "empty segment");
    check("GET /a/../b", 7, "dot segment");
    check("GET /{a}/{a}", 9, "stands here twice");
    check("GET /{a*}/{b*}", 10, "second tail");
    check("GET /{a}-{b}", 9, "two parts");
    check("GET /{a", 5, "a { without a }");
    check("GET /a}", 6, "a } without a {");
    check("GET /{}", 5, "no name");
    check("GET /{a-b}", 5, "no name");
    check("GET /x{a*}", 5, "whole segments");
    check("GET /a/*", 7, "`*` alone");
    check("GET /a POST /b", 11, "a second path");
}

#[test]
fn lines_keep_prefix_suffix_and_the_slash_at_the_end() {
    let line = MatchLine::parse("PUT|PATCH  /{calendar*}/a-{name}.ics/").unwrap();
    assert_eq!(line.methods, ["PUT", "PATCH"]);
    let part = SegmentPattern::Part { prefix: "a-".into(), name: "name".into(), suffix: ".ics".into() };
    let slash = SegmentPattern::Literal(String::new());
    assert_eq!(line.segments, [SegmentPattern::Tail("calendar".into()), part, slash]);
    assert_eq!(MatchLine::parse("GET /").unwrap().segments, []);
}

/// A bad file, and what must be said about it: code, line, column, message, cure.
struct Bad {
    text: &'static str,
    told: (&'static str, usize, usize, &'static str, &'static str),
}

// THREATS O01: hosts, credentials, files, environment and other packs are refused by name. E50: conditions on
// headers that a client chooses. E67: patterns out of the data. E68: a second `..`.
#[test]
fn each_mistake_is_told_with_place_and_cure() {
    let mut untold = String::new();
    for Bad { text, told: (code, line, column, message, cure) } in bad_files() {
        let found = problems(text);
        let is_told = |problem: &Problem| {
            (problem.code, place(problem)) == (code, (line, column))
                && problem.message.contains(message)
                && problem.cure.as_deref().unwrap_or("").contains(cure)
        };
        if !found.iter().any(is_told) {
            untold += &format!("wanted {code} {line}:{column} {message} ({cure}) for\n{text}\ngot\n");
            for problem in &found {
                untold += &format!(
                    "{} {:?} {} ({:?})\n",
                    problem.code,
                    place(problem),
                    problem.message,
                    problem.cure
                );
            }
        }
    }
    assert!(untold.is_empty(), "{untold}");
}

fn place(problem: &Problem) -> (usize, usize) {
    (problem.source.line(problem.span.start), problem.source.column(problem.span.start))
}

#[test]
fn every_class_of_error_has_a_case_and_all_mistakes_are_told_at_once() {
    let codes: std::collections::BTreeSet<&str> = bad_files().iter().map(|bad| bad.told.0).collect();
    let errors = (1..=22).map(|number| format!("E{number:02}"));
    for code in
        errors.chain(["E23", "W1", "W2", "W3", "W4", "W5", "W7", "W8", "W9", "W10"].map(str::to_owned))
    {
        assert!(codes.contains(code.as_str()), "{code}");
    }
    let found = problems("versoin: 1\nrules:\n- { id: A, match: POTS /x, befor: y }\n");
    let codes: Vec<&str> =
        found.iter().map(|problem| problem.code).filter(|code| code.starts_with('E')).collect();
    assert_eq!(codes, ["E02", "E04", "E04", "E03", "E13", "E02"]);
}

/// Cases of `mistakes.txt`: a line that says what must be told, then the file.
fn bad_files() -> Vec<Bad> {
    let case = |text: &'static str| {
        let (told, text) = text.split_once('\n').unwrap();
        let [place, message, cure] = told.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let (code, place) = place.split_once(' ').unwrap();
        let (line, column) = place.split_once(':').unwrap();
        Bad { text, told: (code, line.parse().unwrap(), column.parse().unwrap(), message, cure) }
    };
    include_str!("mistakes.txt").split("---\n").map(case).collect()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const ONE_RULE: &str = "version: 1\nrules: [{ id: r, match: POST /x, action: A }]";

#[test]
fn a_path_is_a_file_a_folder_of_files_or_a_folder_of_such_folders() {
    let folder = folder(&[
        ("packs/b/x.yaml", ONE_RULE),
        ("packs/a/y.yaml", ONE_RULE),
        ("packs/a/notes.txt", "not: [yaml"),
        ("packs/a/.y.yaml.swp.yaml", "not: [yaml"),
        ("own.yaml", ONE_RULE),
    ]);
    let load = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        RuleSet::load(&paths).map(|loaded| {
            let packs = loaded.rules.packs.iter();
            packs.flat_map(|pack| &pack.rules).map(|rule| rule.id.clone()).collect::<Vec<String>>()
        })
    };
    assert_eq!(load(&["packs"]).unwrap(), ["a/r", "b/r"]);
    assert_eq!(load(&["packs/b", "own.yaml", "packs/a"]).unwrap(), ["b/r", "own/r", "a/r"]);
    assert!(load(&["packs", "packs/a"]).unwrap_err().render().contains("a pack `a` already"));
    assert!(load(&["nowhere"]).unwrap_err().render().contains("cannot be read"));
}

#[test]
fn an_operators_own_file_overrides_rules_of_packs() {
    let overrides =
        |key: &str| format!("version: 1\noverrides: {{ {key}: {{ mode: disabled, on_failure: refuse }} }}");
    let load = |own: &str| {
        let folder = folder(&[("a/x.yaml", ONE_RULE), ("own.yaml", own)]);
        RuleSet::load(&[folder.path().join("a"), folder.path().join("own.yaml")])
    };
    let loaded = load(&overrides("a/r")).unwrap();
    let rule = &loaded.rules.packs[0].rules[0];
    assert_eq!(
        (rule.mode, rule.guarantee, rule.on_failure),
        (Mode::Disabled, Guarantee::Durable, Some(OnFailure::Refuse))
    );
    let told = load(&overrides("a/q")).unwrap_err().render();
    assert!(told.contains("E14") && told.contains("did you mean `a/r`?"), "{told}");
}

// THREATS O02
#[cfg(unix)]
#[test]
fn a_link_out_of_a_packs_folder_is_refused() {
    let folder = folder(&[("a/x.yaml", ONE_RULE), ("secret.yaml", "password: x")]);
    std::os::unix::fs::symlink("../secret.yaml", folder.path().join("a/y.yaml")).unwrap();
    let told = RuleSet::load(&[folder.path().join("a")]).unwrap_err().render();
    assert!(told.contains("leads out") && !told.contains("password"), "{told}");
}

#[test]
fn files_and_rules_of_a_pack_have_limits() {
    let files: Vec<(String, &str)> = (0..65).map(|n| (format!("a/{n}.yaml"), "version: 1")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let folder = folder(&files);
    assert!(RuleSet::load(&[folder.path().join("a")]).unwrap_err().render().contains("65 files"));
    let rules: Vec<String> =
        (0..2_001).map(|n| format!("- {{ id: r{n}, match: GET /{n}, action: A }}\n")).collect();
    let told = problems(&format!("version: 1\nrules:\n{}", rules.concat()));
    assert!(told.iter().any(|problem| (problem.code, place(problem).0) == ("E22", 2_003)));
}
