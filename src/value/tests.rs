//! Tests of the value type.

use super::map::FEW_MAX;
use super::{Map, Value, json};

#[test]
fn members_are_sorted_and_each_name_counts_once_however_many_there_are() {
    let check = |count: usize| {
        // Neither sorted nor the other way round.
        let names: Vec<String> = (0..count).map(|at| format!("{:05}", at * 7_919 % count)).collect();
        let mut one_by_one = Map::new();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(one_by_one.insert(name.as_str(), Value::from(at)), None);
        }
        let at_once: Map = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        assert_eq!(one_by_one, at_once, "{count}");
        assert_eq!((at_once.len(), at_once.keys().is_sorted()), (count, true));
        for (at, name) in names.iter().enumerate() {
            assert_eq!(at_once.get(name), Some(&Value::from(at)), "{count}");
        }
        assert_eq!(at_once.get("none"), None);
        assert!(names.iter().all(|name| one_by_one.remove(name).is_some()) && one_by_one.is_empty());
    };
    [0, 1, 10, FEW_MAX, FEW_MAX + 1, 1_000].into_iter().for_each(check);
}

#[test]
fn names_stand_where_their_bytes_put_them() {
    let names = [
        "\u{e9}",
        "abc",
        "",
        "a\0",
        "ab\0\0b",
        "a",
        "abcde",
        "ab",
        "ab\0",
        "abcd",
        "\0",
        "ab\u{1}",
        "abcdefgh\0",
        "abcdefghi",
        "abcdefgh",
        "abcdefg",
    ];
    let map: Map = names.into_iter().map(|name| (name, 0)).collect();
    let mut sorted = names;
    sorted.sort_unstable();
    assert!(map.keys().eq(sorted), "{map:?}");
}

#[test]
fn of_two_members_with_one_name_the_last_stays_and_the_others_are_told() {
    let sent = [("b", 1), ("a", 2), ("b", 3), ("b", 4)];
    let sent = sent.into_iter().map(|(name, value)| (name.into(), Value::from(value))).collect();
    let mut told = Vec::new();
    let map = Map::from_sent(sent, |name, old, new| told.push((name.to_owned(), old.clone(), new.clone())));
    assert_eq!(Value::Object(map), json!({ "a": 2, "b": 4 }));
    let pair = |old: i32, new: i32| ("b".to_owned(), Value::from(old), Value::from(new));
    assert_eq!(told, [pair(1, 3), pair(3, 4)]);
}

#[test]
fn a_value_survives_json_byte_for_byte() {
    let check = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!((value.to_string().as_str(), theirs.to_string().as_str()), (text, text));
        assert_eq!(value, theirs);
        assert_eq!(serde_json::Value::from(value), theirs);
    };
    check("null");
    check(r#"[true,false,-1,18446744073709551615,1.5,"ü\n",[],{}]"#);
    check(
        r#"{"":0,"A":{"b":[null]},"a name that is longer than any that fits":"likewise, a text of forty bytes"}"#,
    );
}

#[test]
fn a_pointer_leads_where_rfc_6901_says() {
    let value = json!({ "a/b": [{ "~": 1 }] });
    assert_eq!(value.pointer("/a~1b/0/~0"), Some(&Value::from(1)));
    assert_eq!((value.pointer(""), value.pointer("a")), (Some(&value), None));
    assert_eq!(
        (value["none"]["none"][3].clone(), value["a/b"][0]["~"].clone()),
        (Value::Null, Value::from(1))
    );
}
