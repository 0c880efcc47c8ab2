//! Tests of paths: against jsonpath-rust's own engine where that is right, and on what it lacks: fuel,
//! exact numbers, refusals at load.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::names::Names;
use super::super::scope::{Doubt, EvalLog};
use super::super::tests::{names, with_scope};
use super::*;
use crate::value::{Value, json};

fn path(text: &str) -> Path {
    compile(text, &names(), &mut Vec::new()).unwrap_or_else(|flaw| panic!("{text}: {}", flaw.message))
}

fn found(text: &str, item: &Value) -> Vec<Value> {
    let path = path(text);
    with_scope(&json!({ "item": item, "key": 2 }), &[], |scope| path.all(scope))
}

#[test]
fn paths_find_what_rfc_9535_says() {
    let item = json!({
        "a": [0, 1, 2, 3, 4], "o": { "x": 1, "y": { "x": 2 } }, "n": null, "": "empty", "a b": "blank",
        "l": [{ "k": 1 }, { "k": 1.0 }, { "k": "1" }, { "k": null }, {}, { "k": [1, { "z": 2 }] }],
        "t": ["abc", "ab\ncd", "xabc", 5, null],
    });
    let check = |path: &str, expected: Value| assert_eq!(json!(found(path, &item)), expected, "{path}");
    check("$.item.a[1]", json!([1]));
    check("$.item.a[-1]", json!([4]));
    check("$.item.a[-6]", json!([]));
    check("$.item.a[5]", json!([]));
    check("$.item.a[1:3]", json!([1, 2]));
    check("$.item.a[::2]", json!([0, 2, 4]));
    check("$.item.a[::-2]", json!([4, 2, 0]));
    check("$.item.a[3:0:-1]", json!([3, 2, 1]));
    check("$.item.a[-2:]", json!([3, 4]));
    check("$.item.a[::0]", json!([]));
    check("$.item.a[0,0,'x',4]", json!([0, 0, 4]));
    check("$.item['a b']", json!(["blank"]));
    check("$.item['']", json!(["empty"]));
    check("$.item.n", json!([null]));
    check("$.item.n.x", json!([]));
    check("$.item.o[*]", json!([1, { "x": 2 }]));
    check("$.item.o..x", json!([1, 2]));
    check("$.item..[?@.x == 2].x", json!([2]));
    check("$.item.l[?@.k == 1].k", json!([1, 1.0]));
    check("$.item.l[?@.k == null]", json!([{ "k": null }]));
    check("$.item.l[?@.q == @.r]", item["l"].clone());
    check("$.item.l[?!@.k]", json!([{}]));
    check("$.item.l[?@.k && @.k != null && !(@.k == '1')].k", json!([1, 1.0, [1, { "z": 2 }]]));
    check("$.item.l[?@.k[1].z >= 2]", json!([{ "k": [1, { "z": 2 }] }]));
    check("$.item.l[?count(@.q) == 0]", item["l"].clone());
    check("$.item.l[?count(@.k[*]) > 1].k[0]", json!([1]));
    check("$.item.l[?length(@.k) == 1].k", json!(["1"]));
    check("$.item.l[?value(@..z) == 2].k[0]", json!([1]));
    check("$.item.t[?match(@, 'ab.*')]", json!(["abc", "ab\ncd"]));
    check("$.item.t[?search(@, 'abc')]", json!(["abc", "xabc"]));
    check("$.item.t[?match(@, 'a|xabc')]", json!(["xabc"]));
    check("$.item.a[?@ == $.key]", json!([2]));
    check("$.item.a[?@ > 1 && @ <= 3]", json!([2, 3]));
}

#[test]
fn identifiers_above_two_to_the_53_keep_their_last_digit() {
    let item = json!([{ "id": 9_007_199_254_740_993_u64 }, { "id": 9_007_199_254_740_992_u64 }]);
    assert_eq!(found("$.item[?@.id == 9007199254740991]", &item), Vec::<Value>::new());
    let one = json!({ "item": item, "with": { "id": 9_007_199_254_740_992_u64 } });
    let path = path("$.item[?@.id == $.with.id].id");
    assert_eq!(with_scope(&one, &[], |scope| path.all(scope)), [json!(9_007_199_254_740_992_u64)]);
}

#[test]
fn matches_are_located_by_steps_and_keyed_by_the_last() {
    let item = json!({ "a": [{ "b": 1 }, { "c": 2 }, { "b": 3 }], "o": { "x": 1, "y": 2 } });
    let document = json!({ "item": item });
    let wanted = path("$.item.a[*].b");
    let at = |index| vec![Step::Name("a".into()), Step::Index(index), Step::Name("b".into())];
    assert_eq!(with_scope(&document, &[], |scope| wanted.locate(scope)), [at(0), at(2)]);
    let wanted = path("$.item.o[*]");
    with_scope(&document, &[], |scope| {
        assert_eq!(wanted.keyed(scope), [(json!("x"), &json!(1)), (json!("y"), &json!(2))]);
    });
}

// THREATS E68
#[test]
fn a_path_that_is_too_dear_finds_nothing_and_says_so() {
    let wide = json!({ "item": vec![json!({ "a": [1, 2] }); 20_000] });
    let deep = (0..240).fold(json!(1), |inner, _| json!({ "a": inner, "b": [0, 0, 0] }));
    for (text, document) in [
        ("$.item..*", &wide),
        ("$.item[*]", &wide),
        ("$.item[?@.a[0] == 1]", &wide),
        (
            "$.item..[?@.a.a.b[0] == 1 || @.b[1] == 2 || @.b[2] == 3]",
            &json!({ "item": [deep.clone(), vec![deep; 9]] }),
        ),
    ] {
        let look_at = path(text);
        let log = EvalLog::default();
        let scope = Scope::new(&[], &log).with(Root::Item, &document["item"]);
        let start = Instant::now();
        let look = look_at.look(&scope);
        assert!(start.elapsed() < Duration::from_millis(500), "{text}: {:?}", start.elapsed());
        assert!(look.values.is_empty() && look.doubt.is_some(), "{text}");
        assert_eq!(log.take_notes()[0].code, NoteCode::RuleFailed, "{text}");
    }
}

// THREATS E67
#[test]
fn long_texts_under_a_regex_cost_fuel() {
    let texts = json!({ "item": vec!["a".repeat(10_000); 100] });
    let path = path("$.item[?match(@, '(a|aa|aaa)*b')]");
    let doubt = with_scope(&texts, &[], |scope| path.look(scope).doubt);
    assert!(doubt.is_some());
}

#[test]
fn mistakes_are_refused_with_their_code_and_a_cure() {
    let check = |text: &str, code: &str, cure: &str| {
        let flaw = compile(text, &names(), &mut Vec::new()).map(|path| path.text).expect_err(text);
        assert_eq!(flaw.code, code, "{text}: {}", flaw.message);
        let told = flaw.cure.unwrap_or_default();
        assert!(told.contains(cure), "{text}: {told}");
    };
    check("$.request.headers.user-agent", "E06", "['user-agent']");
    check("$.item.hosts.0.email", "E06", "[0]");
    check("$.item.@id", "E06", "['@id']");
    check("$.item[", "E06", "");
    check("$.item.", "E06", "");
    // THREATS O04
    check(&format!("$.item[?{}@.a{}]", "(".repeat(200), ")".repeat(200)), "E06", "deeply");
    check("$.item.a b", "E07", "['a b']");
    check("$.item. a", "E07", "");
    check("$.item[?@.p in ['x']]", "E07", "do not exist");
    check("$.item[?in(@.p, 'x')]", "E07", "||");
    check("$.item[?none_of(@.p, @.q)]", "E07", "||");
    check("$.item[?length(@.x)]", "E07", "compare");
    check("$.item[?count(@.x)]", "E07", "compare");
    check("$.item[?length(@.*) > 1]", "E07", "count()");
    check("$", "E09", "$.request");
    check("$[*]", "E09", "$.request");
    check("$..a", "E09", "$.request");
    check("$.requst.body", "E09", "request");
    check("$.request.boddy", "E09", "body");
    check("$.on_behalf_of.id", "E09", "onBehalfOf");
    check("$.vars.cod", "E09", "code");
    check("$.item[?@.a == $.wiht.x]", "E09", "with");
    // THREATS E67
    check("$.item[?match(@.a, $.item.b)]", "E12", "into the rule");
    check("$.item[?search(@.a, @.b)]", "E12", "into the rule");
    check("$.item[?match(@.a, '(')]", "E12", "regex");
    check("$.item[?match(@.a, 'x{1000}{1000}{1000}')]", "E12", "");
    // THREATS E68
    check("$.item..a..b", "E22", "name the members");
    check("$.item..*..*..*", "E22", "");
    check("$.item..[?@..b]", "E22", "");
    check(&format!("$.item{}", ".a".repeat(600)), "E22", "");
}

#[test]
fn names_that_come_later_are_refused_where_they_are_not_known() {
    let head = Names { phase: Phase::Head, has_answer: false, has_item: false, ..names() };
    let check = |text: &str, expected: Option<&str>| {
        let code = compile(text, &head, &mut Vec::new()).err().map(|flaw| flaw.code);
        assert_eq!(code, expected, "{text}");
    };
    check("$.request.method", None);
    check("$.path.id", None);
    check("$.vars.access", None);
    check("$.request.body.x", Some("E10"));
    check("$.request", Some("E10"));
    check("$.response.status", Some("E10"));
    check("$.vars.code", Some("E10"));
    check("$.answer.body", Some("E10"));
    check("$.item.id", Some("E10"));
    check("$.key", Some("E10"));
    check("$.request.headers[?@ == $.result]", Some("E10"));
}

#[test]
fn a_descendant_step_is_a_warning() {
    let mut warnings = Vec::new();
    compile("$.item..a", &names(), &mut warnings).map(|path| path.text).expect("it compiles");
    assert_eq!(warnings.iter().map(|flaw| flaw.code).collect::<Vec<_>>(), ["W7"]);
}

// THREATS E19
#[test]
fn a_name_in_another_case_is_taken_and_doubted_inside_what_the_client_sent() {
    let document = json!({
        "request": { "headers": { "Host": "x" }, "body": { "Role": "ADMIN", "\u{212a}ey": 1, "ſize": 2 } },
        "response": { "body": { "Role": "ADMIN" } },
    });
    let check = |text: &str, expected: Value, is_doubtful: bool| {
        let path = path(text);
        let log = EvalLog::default();
        let scope = Scope::new(&[], &log)
            .with(Root::Request, &document["request"])
            .with(Root::Response, &document["response"]);
        let look = path.look(&scope);
        assert_eq!(json!(*look.values), expected, "{text}");
        assert_eq!(look.doubt.is_some(), is_doubtful, "{text}");
        assert_eq!(log.take_notes().iter().any(|note| note.code == NoteCode::DuplicateKey), is_doubtful);
    };
    check("$.request.body.role", json!(["ADMIN"]), true);
    check("$.request.body.Role", json!(["ADMIN"]), false);
    check("$.request.body.key", json!([1]), true);
    check("$.request.body.size", json!([2]), true);
    check("$.request.headers.host", json!([]), false);
    check("$.response.body.role", json!([]), false);
}

// THREATS E19
#[test]
fn what_another_reader_takes_for_a_member_is_told_whichever_of_them_has_the_right_name() {
    let check = |body: Value, told: &str| {
        let request = json!({ "body": body });
        let (path, log) = (path("$.request.body.role"), EvalLog::default());
        let look = path.look(&Scope::new(&[], &log).with(Root::Request, &request));
        assert_eq!(look.doubt.as_deref(), Some(told), "{request}");
    };
    check(json!({ "role": "USER", "ROLE": "ADMIN" }), r#"$.request.body.role: beside it `ROLE` is "ADMIN""#);
    check(
        json!({ "rolE": "USER", "ROLE": ["ADMIN"] }),
        r#"$.request.body.role: `ROLE` was taken for `role`; beside it `rolE` is "USER""#,
    );
}

#[test]
fn a_doubtful_part_reaches_what_lies_above_inside_and_below() {
    let doubts = [Doubt {
        path: ["request", "body", "list", "1", "start"].map(str::to_owned).to_vec(),
        code: NoteCode::DuplicateKey,
        detail: None,
    }];
    let check = |text: &str, expected: bool| {
        let path = path(text);
        let is_doubtful = with_scope(&json!({}), &doubts, |scope| path.look(scope).doubt.is_some());
        assert_eq!(is_doubtful, expected, "{text}");
    };
    check("$.request.body", true);
    check("$.request.body.list[1].start", true);
    check("$.request.body.list[1].start.deeper", true);
    check("$.request.body.list[*].start", true);
    check("$.request.body.list[?@.start == 1].end", true);
    check("$.request.body..end", true);
    check("$.request.body.list[-1].start", true);
    check("$.item[?@.x == $.request.body.list]", true);
    check("$.request.body.list[1].end", false);
    check("$.request.body.list[0].start", false);
    check("$.request.body.other", false);
    check("$.request.method", false);
}

/// JSON of small depth with few names, so that paths hit.
pub(in super::super) fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[abc]{0,3}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn our_engine_finds_what_the_parsers_own_engine_finds(document in documents()) {
        for tail in [
            "", ".a", ".a.b", "[0]", "[-1]", "[*]", "[*][*]", "[1:]", "[:-1]", "[::2]", "['a','b']", "..a",
            "..*", "..[0]", "[?@.a]", "[?!@.a]", "[?@.a == 'a']", "[?@.a < 'b' || @.b]", "[?@ == 1]",
            "[?@.a && @.b]", "[?@.a != null]", "[?@[0]]", "[*][?@.c].c", "..[?@.a].a", "[?@.a[?@.b]]",
        ] {
            let theirs = jsonpath_rust::parser::parse_json_path(&format!("${tail}")).unwrap();
            let theirs = jsonpath_rust::query::js_path_process(&theirs, &document).unwrap();
            let theirs: Vec<&Value> = theirs.into_iter().map(|found| found.val()).collect();
            let ours = path(&format!("$.before{tail}"));
            let log = EvalLog::default();
            let scope = Scope::new(&[], &log).with(Root::Before, &document);
            prop_assert_eq!(ours.all_ref(&scope), theirs, "{}", tail);
            prop_assert_eq!(ours.locate(&scope).len(), ours.all_ref(&scope).len());
        }
    }

    #[test]
    fn no_text_makes_the_path_compiler_panic(text in r"\$(\.(item|request)?)?[\PC]{0,40}") {
        let _ = compile(&text, &names(), &mut Vec::new());
    }

    #[test]
    fn no_text_of_a_paths_own_signs_makes_it_panic(
        text in r"\$\.item([.\[\]?@&|!<>=(),:*' \\\n-]|\.a|count|length|match|value|-1|9{1,25}|1e400|é){0,20}"
    ) {
        if let Ok(path) = compile(&text, &names(), &mut Vec::new()) {
            with_scope(&json!({ "item": [{ "a": 1 }, [2]] }), &[], |scope| path.all(scope));
        }
    }
}
