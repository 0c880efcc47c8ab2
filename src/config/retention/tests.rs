//! Sections as operators write them.

use super::super::Config;
use super::*;

fn load(section: &str, env: &[(&str, &str)]) -> Result<Retention, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    let path = folder.path().join("earwitness.yaml");
    let base = "listen: 127.0.0.1:1\nupstream: http://127.0.0.1:3000\nrules: rules\n";
    std::fs::write(&path, format!("{base}{section}")).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), env).map(|config| config.retention).map_err(|problems| {
        let line = |problem: &crate::yaml::Problem| {
            format!("{}: {}", problem.source.line(problem.span.start), problem.message)
        };
        problems.iter().map(line).collect()
    })
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

#[test]
fn without_a_word_everything_is_kept() {
    assert!(load("", &[]).unwrap().keeps_everything());
    assert!(load("retention: { keep: forever, share_max: 10 }\n", &[]).unwrap().keeps_everything());
    assert!(!load("retention: { keep: 365d }\n", &[]).unwrap().keeps_everything());
    assert!(!load("retention: { bytes_max: 1GiB }\n", &[]).unwrap().keeps_everything());
    let env = [("EARWITNESS_RETENTION_KEEP", "30d"), ("EARWITNESS_RETENTION_AT", "23:59")];
    let retention = load("", &env).unwrap();
    assert_eq!((retention.keep, retention.at.to_string().as_str()), (Keep::For(30 * DAY), "23:59:00"));
}

#[test]
fn policies_and_holds_are_read_in_their_order() {
    let retention = load(
        "retention:\n  policies:\n    - { name: plan-free, filter: { tag: free, result: [Success] }, keep: 3d }\n    \
         - { name: security, filter: { category: [SECURITY, ACCESS] }, keep: forever }\n  keep: 90d\n  \
         holds:\n    - { name: case-17, filter: { actor: u4, from: 2026-01-01 }, until: 2027-01-01T08:00:00Z }\n    \
         - { name: all, filter: {} }\n  bytes_max: 2GiB\n  at: 04:30\n  share_max: 100\n  disk_max: 95\n",
        &[],
    )
    .unwrap();
    let names: Vec<&str> = retention.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["plan-free", "security"]);
    let free = &retention.policies[0];
    assert_eq!((free.keep, free.filter.tag.as_slice()), (Keep::For(3 * DAY), &["free".to_owned()][..]));
    assert_eq!(free.filter.result, [crate::event::Outcome::Success]);
    assert_eq!(retention.policies[1].filter.category, ["ACCESS", "SECURITY"]);
    assert_eq!(retention.holds[0].filter.from.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(retention.holds[0].until.unwrap().to_string(), "2027-01-01T08:00:00Z");
    assert_eq!(retention.holds[1].filter, Selection::default());
    assert_eq!((retention.bytes_max, retention.share_max, retention.disk_max), (Some(2 << 30), 100, 95));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line() {
    let told = load(
        "retention:\n  policies:\n    - { name: a b, keep: 3d }\n    - { name: x, keep: 3 }\n    - { name: y }\n    \
         - { name: x2, filter: { categry: [A], result: good }, keep: 0d }\n    - { name: all, keep: 9d }\n    \
         - { name: all, filter: { tag: [] }, keep: 9d, kep: 1 }\n  keep: never\n  holds:\n    - { name: h }\n    \
         - { name: keep, filter: { from: 2027-01-01, to: 2026-01-01 }, until: soon }\n  at: 24:00\n  \
         bytes_max: 1KiB\n  share_max: 0\n  evry: 1\n",
        &[],
    )
    .unwrap_err();
    let expected = [
        "19: unknown key `evry` under `retention`",
        "12: `retention.keep` has a `keep` that is neither days nor `forever`",
        "6: `retention.policies` has an element without a `name` of letters, digits and `-_.`",
        "7: `retention.policies` has a `keep` that is neither days nor `forever`",
        "8: `retention.policies` has a policy, `y`, without `keep`",
        "9: unknown key `categry` in a `filter` of `retention.policies`",
        "9: `retention.policies` has a filter whose `result` is `good`",
        "9: `retention.policies` has a `keep` that is neither days nor `forever`",
        "11: unknown key `kep` under `retention.policies`",
        "11: `retention.policies` has a filter whose `tag` is not one text or a list of up to 200",
        "11: `retention.policies` has a policy, `all`, that decides about nothing: `all` fits every event",
        "6: `retention.policies` leaves nothing for `retention.keep`: `all` fits every event",
        "6: `retention.policies` names `all` twice",
        "14: `retention.holds` has a hold, `h`, without `filter`",
        "15: `retention.holds` has an element named `keep`, which means something else in purges",
        "15: `retention.holds` has, in `keep`, a filter whose `to` is not after its `from`",
        "15: `retention.holds` has a `until` that is neither a time nor a date",
        "17: `retention.bytes_max` is too small: the least is 1MiB",
        "18: `retention.share_max` is too small: the least is 1",
        "16: `retention.at` is no time of day",
    ];
    assert_eq!(told, expected, "{told:#?}");
    let told = load("", &[("EARWITNESS_RETENTION_POLICIES", "x")]).unwrap_err();
    assert_eq!(told, ["1: `retention.policies` is text, not a list"]);
}
