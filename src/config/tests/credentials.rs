//! What the configuration says about packs and their reads: path prefixes and service credentials.

use super::*;

#[test]
fn a_pack_can_lie_below_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let with = |rules: &str| BASE.replace("rules: rules", &format!("rules: {rules}"));
    let load = |rules: &str| load_in(&folder, &with(rules), &[]).map_err(|p| p.render());
    let rules = folder.path().join("rules");
    let expected = [place(rules.clone(), "/apps/cal"), place(rules, "")];
    assert_eq!(load("[{ pack: rules, base: /apps/cal/ }, rules]").unwrap().rules, expected);
    assert_eq!(load("{ pack: rules, base: / }").unwrap().rules, expected[1..]);
    for wrong in [
        "{ pack: rules, base: app }",
        "{ pack: rules, base: /a/../b }",
        "{ pack: rules, base: /a%2fb }",
        "{ pack: rules, at: /a }",
        "{ base: /a }",
        "[{ pack: nowhere }]",
    ] {
        assert!(load(wrong).unwrap_err().contains("error"), "{wrong}");
    }
}

#[test]
fn a_service_credential_is_bound_to_paths_and_its_secret_is_never_shown() {
    // THREATS B05
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.token"), "s3cret-in-a-file\n").unwrap();
    let load = |credentials: &str| {
        load_in(
            &folder,
            &format!("{BASE}credentials: {credentials}\n"),
            &[("CAL_KEY", "s3cret-in-a-variable")],
        )
    };
    let config = load(
        "{ audit: { paths: [/v2/, /api/v1], file: audit.token }, key: { paths: [/], header: X-Api-Key, env: CAL_KEY } }",
    );
    let config = config.map_err(|problems| problems.render()).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let [audit, key] = config.credentials.as_slice() else { panic!("{config:?}") };
    assert_eq!(audit.value().unwrap(), "Bearer s3cret-in-a-file");
    assert_eq!(
        (key.header.as_str(), key.value().unwrap()),
        ("x-api-key", "s3cret-in-a-variable".parse().unwrap())
    );
    for (path, is_reached) in
        [("/v2", true), ("/v2/x", true), ("/v20", false), ("/V2/x", false), ("/", false), ("/api/v1/a", true)]
    {
        assert_eq!((audit.reaches(path), key.reaches(path)), (is_reached, true), "{path}");
    }
    for (wrong, told) in [
        ("{ a: { paths: [/v2], file: nowhere } }", "C05"),
        ("{ a: { paths: [/v2], env: NOWHERE } }", "C05"),
        ("{ a: { paths: [], env: CAL_KEY } }", "E04"),
        ("{ a: { env: CAL_KEY } }", "E04"),
        ("{ a: { paths: [/v2] } }", "E04"),
        ("{ a: { paths: [/v2], env: CAL_KEY, file: audit.token } }", "E04"),
        ("{ a: { paths: [v2], env: CAL_KEY } }", "E03"),
        ("{ a: { paths: [/v2/../x], env: CAL_KEY } }", "E03"),
        ("{ a: { paths: [/v2], env: CAL_KEY, header: host } }", "E03"),
        ("{ a: { paths: [/v2], env: CAL_KEY, bearer: s3cret-by-mistake } }", "E02"),
        ("{ a: s3cret-by-mistake }", "E03"),
        ("s3cret-by-mistake", "E03"),
    ] {
        let told_all = load(wrong).expect_err(wrong).render();
        assert!(told_all.contains(told) && !told_all.contains("s3cret"), "{wrong}\n{told_all}");
    }
}
