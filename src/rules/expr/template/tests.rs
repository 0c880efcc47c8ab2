//! Tests of templates: what they say, what makes them missing, and what they must never do.

use proptest::prelude::*;

use super::super::Expr;
use super::super::tests::{names, with_scope};
use super::*;
use crate::event::Sentence;
use crate::value::{Value, json};

fn template(text: &str) -> Template {
    compile(text, &names()).unwrap_or_else(|flaws| panic!("{text}: {flaws:?}"))
}

fn eval(text: &str, document: &Value) -> Option<Value> {
    let template = template(text);
    with_scope(document, &[], |scope| template.eval(scope))
}

#[test]
fn templates_say_what_their_values_are() {
    let document = json!({
        "before": { "title": "Intro", "n": null, "count": 3, "tags": ["a", "b"], "big": 9_007_199_254_740_993_u64 },
        "item": { "x": 1.5, "ok": true, "o": { "k": "v" } },
        "request": { "headers": { "user-agent": "curl" }, "body": { "Role": "x" } },
        "actor": { "type": "user", "email": "a@x.org", "id": 7 },
    });
    let check = |text: &str, expected: Value| assert_eq!(eval(text, &document), Some(expected), "{text}");
    check("{{ before.title }}", json!("Intro"));
    check("{{ before.count }}", json!(3));
    check("{{ before.big }}", json!(9_007_199_254_740_993_u64));
    check("{{ before.tags }}", json!(["a", "b"]));
    check("{{ before.tags[0] }}", json!("a"));
    check("{{- before.n -}}", json!(null));
    check("{{ item.ok }}", json!(true));
    check("{{ item.x + 1 }}", json!(2.5));
    check("n={{ before.n }} c={{ before.count }} t={{ before.tags }}", json!(r#"n=null c=3 t=["a","b"]"#));
    check("{{ item.o }}!", json!(r#"{"k":"v"}!"#));
    check("{{ request.headers['user-agent'] }}/", json!("curl/"));
    check("{{ request.body.role }}!", json!("x!"));
    check("{{ before.nope | default('?') }}", json!("?"));
    check("{{ before.n.nope | default('?') }}", json!("?"));
    check("{{ response.body.deep.er | default('?') }}!", json!("?!"));
    check("{% if before.count > 2 %}many{% else %}few{% endif %}", json!("many"));
    check("{% if after.x is defined %}a{% else %}b{% endif %}", json!("b"));
    check("{% for tag in before.tags %}[{{ tag }}]{% endfor %}", json!("[a][b]"));
    check("{{ actor | name }} did", json!("a@x.org did"));
    check("{{ before.title | upper }} {{ before.tags | join('+') }}", json!("INTRO a+b"));
    check("{{ before.title | replace('I', 'i') | first }}{{ before.tags | last }}", json!("ib"));
    check("{{ before.title | length }}", json!(5));
    check("{# a comment with | filters #}{{ before.title }}", json!("Intro"));
    check("{{ 'a | b }} c' }}", json!("a | b }} c"));
}

#[test]
fn a_missing_value_makes_the_whole_missing() {
    let document = json!({ "before": { "x": 1, "l": [] } });
    for text in [
        "{{ before.nope }}",
        "a {{ before.nope }} b",
        "{{ before.nope.deeper }}",
        "{{ response.body }}!",
        "{{ before.nope | upper }}!",
        "{{ before.nope | date }}!",
        "{{ before.x | date('%Y') | query('a') }}!",
        "{{ before.l | names }}!",
        "{{ before.l | first }}",
        "{{ before.nope | join(',') }}",
        "{{ before.nope | length }}!",
        "{{ before.x | extract('(z)') }}",
        "{{ before.x / 0 }}",
        "{{ before.x + before.nope }}",
    ] {
        assert_eq!(eval(text, &document), None, "{text}");
    }
}

#[test]
fn times_keep_their_own_offset() {
    let check = |filter: &str, value: Value, expected: Option<&str>| {
        let found = eval(&format!("{{{{ item | {filter} }}}}"), &json!({ "item": value }));
        assert_eq!(found, expected.map(Value::from), "{filter} of {value}");
    };
    check("date", json!("2026-01-10T23:30:00Z"), Some("Jan 10, 2026"));
    check("date", json!("2026-01-10T23:30:00+05:30"), Some("Jan 10, 2026"));
    check("date", json!("2026-01-10"), Some("Jan 10, 2026"));
    check("date", json!("20260110T100000Z"), Some("Jan 10, 2026"));
    check("date", json!(1_768_039_200), Some("Jan 10, 2026"));
    check("date", json!(1_768_039_200_000_i64), Some("Jan 10, 2026"));
    check("date", json!("1768039200"), Some("Jan 10, 2026"));
    check("date", json!({ "date": "2026-01-10" }), Some("Jan 10, 2026"));
    check("time", json!("2026-01-10T23:30:00+05:30"), Some("23:30"));
    check("time", json!("2026-01-10"), None);
    check("datetime", json!("2026-01-10T23:30:00Z"), Some("Jan 10, 2026 23:30 UTC"));
    check("datetime", json!("2026-01-10T23:30:00+05:30"), Some("Jan 10, 2026 23:30 +05:30"));
    check("datetime", json!("2026-01-10T23:30:00"), Some("Jan 10, 2026 23:30"));
    let zoned = json!({ "dateTime": "2026-01-10T23:30:00", "timeZone": "Europe/Berlin" });
    check("datetime", zoned, Some("Jan 10, 2026 23:30 +01:00"));
    let unknown = json!({ "dateTime": "2026-01-10T23:30:00", "timeZone": "W. Europe Standard Time" });
    check("datetime", unknown, Some("Jan 10, 2026 23:30"));
    check("date('%Y/%m/%d')", json!("2026-01-10T23:30:00Z"), Some("2026/01/10"));
    for nothing in
        [json!("tomorrow"), json!(""), json!(null), json!([]), json!({}), json!(true), json!("2026-13-01")]
    {
        check("date", nothing, None);
    }
    check("date", json!(i64::MAX), None);
    check("date", json!(1e300), None);
}

#[test]
fn people_urls_and_patterns_are_read() {
    let people = |count: usize| (0..count).map(|n| json!({ "name": format!("P{n}") })).collect::<Vec<_>>();
    let check = |filter: &str, value: Value, expected: &str| {
        let found = eval(&format!("{{{{ item | {filter} }}}}"), &json!({ "item": value }));
        assert_eq!(found, Some(Value::from(expected)), "{filter} of {value}");
    };
    check("names", json!(people(1)), "P0");
    check("names", json!(people(2)), "P0 and P1");
    check("names", json!(people(3)), "P0, P1 and P2");
    check("names", json!(people(5)), "P0, P1, P2, P3 and P4");
    check("names", json!(people(8)), "P0, P1, P2, P3, P4 and 3 more");
    check("names", json!(["a", { "email": "b@x" }, { "id": 5 }, { "name": " " }]), "a, b@x and 5");
    check("name", json!({ "displayName": "Ada", "email": "a@x" }), "Ada");
    check("query('error')", json!("https://x/y?a=1&error=no%20way#z"), "no way");
    check("query('a')", json!("?a=1&a=2"), "1");
    check("extract('id=(\\\\d+)')", json!("x id=42 y"), "42");
    check("extract('<li>.*</li>')", json!("<ul><li>a\nb</li>"), "<li>a\nb</li>");
}

// THREATS E66
#[test]
fn values_are_inserted_once_and_never_scanned_again() {
    for payload in
        ["{{ actor.email }}", "{% for a in b %}", "$.request.headers", "${jndi:ldap://x}", "{# x #}"]
    {
        let document =
            json!({ "request": { "body": { "reason": payload } }, "actor": { "email": "secret" } });
        let found = eval("because {{ request.body.reason }}.", &document);
        assert_eq!(found, Some(json!(format!("because {payload}."))));
        assert_eq!(eval("{{ request.body.reason }}", &document), Some(json!(payload)));
    }
}

// THREATS E69
#[test]
fn a_sentence_keeps_words_and_values_apart() {
    let expr = Expr::Template(template("{{ item.who }} moved it to {{ item.to }}."));
    let sentence = |who: Value| {
        with_scope(&json!({ "item": { "who": who, "to": 5 } }), &[], |scope| expr.eval_sentence(scope))
            .unwrap()
    };
    let parts = |who: &str| {
        vec![
            Part::Value(who.to_owned()),
            Part::Text(" moved it to ".to_owned()),
            Part::Value("5".to_owned()),
            Part::Text(".".to_owned()),
        ]
    };
    assert_eq!(sentence(json!("Ada")).parts, parts("Ada"));
    assert_eq!(
        sentence(json!("a\nBooking cancelled by Admin. Attendee")).parts,
        parts("a Booking cancelled by Admin. Attendee")
    );
    assert_eq!(sentence(json!(format!("a{}b", " ".repeat(10_000)))).parts, parts("a b"));
    assert_eq!(sentence(json!("a\r\n\u{2028}\u{0}\u{1b}b\\")).parts, parts("a b\\"));
    assert_eq!(
        sentence(json!("a\u{fdd0}b\u{fdd1} moved\u{fdd0}")).parts,
        parts("a\u{fffd}b\u{fffd} moved\u{fffd}")
    );
    assert_eq!(sentence(json!(" ".repeat(100_000))).parts, parts(" …"));
    let long = sentence(json!("é".repeat(3_000)));
    assert_eq!(long.parts, parts(&format!("{}…", "é".repeat(199))));
    assert_eq!(long.text, format!("{}… moved it to 5.", "é".repeat(199)));
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let document = json!({ "item": "ü".repeat(5_000) });
    for text in [
        "{{ item }}",
        "a{{ item }}",
        "{{ item }}{{ item }}{{ item }}",
        "{% for c in item %}{{ item }}{% endfor %}",
    ] {
        let template = template(text);
        with_scope(&document, &[], |scope| {
            let Some(Value::String(found)) = template.eval(scope) else { return };
            assert!(found.len() <= 4_096 && found.len() > 4_000, "{text}: {}", found.len());
            assert_eq!(scope.log.take_notes()[0].code, NoteCode::FieldCut, "{text}");
        });
    }
}

#[test]
fn what_is_too_large_for_a_template_is_missing_and_noted() {
    let template = template("{{ item | length }}");
    let document = json!({ "item": vec![1; 20_000] });
    with_scope(&document, &[], |scope| {
        assert_eq!(template.eval(scope), None);
        assert_eq!(scope.log.take_notes()[0].code, NoteCode::RuleFailed);
    });
    assert_eq!(eval("{{ item | replace('', item) }}", &json!({ "item": "x".repeat(9_000) })), None);
    assert_eq!(
        eval(
            "{% for a in item %}{% for b in item %}{% for c in item %}{% endfor %}{% endfor %}{% endfor %}",
            &json!({ "item": vec![1; 100] })
        ),
        None
    );
}

#[test]
fn mistakes_are_refused_with_their_code_and_a_cure() {
    let check = |text: &str, code: &str, cure: &str| {
        let flaws = compile(text, &names()).map(|template| template.text).expect_err(text);
        assert_eq!(flaws[0].code, code, "{text}: {flaws:?}");
        let told = flaws[0].cure.clone().unwrap_or_default();
        assert!(told.contains(cure), "{text}: {told}");
    };
    check("{{ before.start | dte }}", "E11", "`date`");
    check("{{ before.start | safe }}", "E11", "there are date");
    check("{{ a ~ b }}", "E11", "default('')");
    check("{{ 'x' * 100000000 }}", "E11", "");
    check("{{ range(10) }}", "E11", "filters only");
    check("{{ before.items() }}", "E11", "filters only");
    check("{{ before.x is divisibleby(3) }}", "E11", "defined");
    check("{% set x = 1 %}", "E11", "`if`");
    check("{% include 'x' %}", "E11", "`if`");
    check("{%- macro x() %}{% endmacro %}", "E11", "`if`");
    check("{% raw %}{{ x }}{% endraw %}", "E11", "`if`");
    check("{{ before.start", "E11", "`}}`");
    check("{{ }}", "E11", "");
    check("{% if before.x %}", "E11", "");
    check("{{ item | extract('(') }}", "E12", "");
    check("{{ item | extract(before.x) }}", "E11", "extract(");
    check("{{ item | date(before.x) }}", "E11", "%Y");
    check("{{ item | date('%!') }}", "E11", "%Y");
    check("{{ befor.start }}", "E09", "`before`");
    check("{{ request.boddy }}", "E09", "`body`");
    check("{{ vars.nope }}", "E09", "");
    check(&format!("{{{{ item{} }}}}", " + item".repeat(20)), "E22", "");
}

#[test]
fn only_the_parts_named_are_read() {
    let reads = |text: &str| {
        let names = |reach: &Reach| format!("{}{:?}", reach.root.name(), reach.steps.len());
        template(text).reads.iter().map(names).collect::<Vec<_>>()
    };
    assert_eq!(reads("{{ before.a.b }}{{ after.x }}"), ["after1", "before2"]);
    assert_eq!(reads("{{ before.a.b }}{{ before }}"), ["before0"]);
    assert_eq!(reads("{% for b in before.l %}{{ b.x }}{{ loop.index }}{% endfor %}"), ["before1"]);
}

proptest! {
    #[test]
    fn no_text_makes_the_template_compiler_panic(text in r"[\PC\n]{0,30}(\{\{|\{%|\{#)?[\PC\n]{0,30}") {
        let _ = compile(&text, &names());
    }

    #[test]
    fn no_template_of_its_own_signs_panics(
        text in r"(\{\{|\}\}|\{%|%\}|\{#|#\}| |if|for|in|else|endif|endfor|item|before\.x|\||date|names|extract|default|'a|'|\(|\)|\[|\]|\{|\}|\+|-|/|//|%|1|,|\.){0,16}",
        document in super::super::path::tests::documents(),
    ) {
        if let Ok(template) = compile(&text, &names()) {
            with_scope(&json!({ "item": document, "before": { "x": document } }), &[], |scope| template.eval(scope));
        }
    }

    #[test]
    fn a_simple_template_says_what_the_engine_says(
        text in r"( a|ü\}|\{\{ item \}\}|\{\{item.a\}\}|\{\{ before.x.a \}\}|\{\{ (item|before.x) \| (date|time|datetime|name|names|length|lower|upper|trim|first|last)( \| (name|first|trim))? \}\}){1,5}",
        document in super::super::path::tests::documents(),
        other in any::<String>(),
    ) {
        let Ok(template) = compile(&text, &names()) else { return Ok(()) };
        let (Form::Text(environment), Some(simple)) = (&template.form, &template.simple) else { return Ok(()) };
        let plain = |parts: Vec<Part>| Sentence::from_parts(parts).parts;
        with_scope(&json!({ "item": document, "before": { "x": other } }), &[], |scope| {
            let by_engine = template.render(environment, scope).map(|marked| plain(pieces(&marked)));
            match simple.texts(&text, scope) {
                Outcome::Texts(texts) => assert_eq!(by_engine, Some(plain(simple.parts(texts))), "{text}"),
                Outcome::Missing => assert_eq!(by_engine, None, "{text}"),
                Outcome::Unclear => {}
            }
        });
    }

    #[test]
    fn a_sentences_parts_join_to_its_text(document in super::super::path::tests::documents(), text in any::<String>()) {
        let expr = Expr::Template(template("a {{ item }} b {{ before | default('') }}"));
        with_scope(&json!({ "item": document, "before": text }), &[], |scope| {
            if let Some(sentence) = expr.eval_sentence(scope) {
                let joined: String = sentence.parts.iter().map(Part::as_str).collect();
                assert_eq!(joined, sentence.text);
                assert!(!sentence.text.contains(['\n', '\r', '\u{fdd0}']));
                assert!(sentence.text.len() <= 4_096);
            }
        });
    }
}
