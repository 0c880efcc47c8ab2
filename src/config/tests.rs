//! Configurations as operators write them, well and badly.

mod credentials;
mod telemetry;
mod tls;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::yaml::Problems;

/// A folder with `rules/`, and the configuration in it.
fn load_in(folder: &TempDir, text: &str, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let path = folder.path().join("earwitness.yaml");
    std::fs::create_dir_all(folder.path().join("rules")).unwrap();
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), variables(env))
}

fn variables(env: &[(&str, &str)]) -> Vec<(String, String)> {
    env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, Problems> {
    load_in(&tempfile::tempdir().unwrap(), text, env)
}

/// What else a configuration needs, so that a test says only what it is about.
const BASE: &str = "listen: 127.0.0.1:8080\nupstream: http://127.0.0.1:3000\nrules: rules\n";

fn base(more: &str) -> String {
    format!("{BASE}{more}")
}

/// The one problem of a configuration: its line and everything that is printed.
fn problem(text: &str, env: &[(&str, &str)]) -> (usize, String) {
    let problems = load(text, env).expect_err(text);
    assert_eq!(problems.error_count(), 1, "{text}\n{}", problems.render());
    let line = problems.iter().map(|problem| problem.source.line(problem.span.start)).next().unwrap();
    (line, problems.render())
}

fn place(path: PathBuf, base: &str) -> PackPlace {
    PackPlace { path, base: base.to_owned(), version: None }
}

#[test]
fn a_small_configuration_gets_safe_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let config = load_in(&folder, BASE, &[("PATH", "/bin")]).map_err(|p| p.render()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.upstream.to_string(), "http://127.0.0.1:3000");
    assert_eq!(config.admin.listen, "127.0.0.1:9090".parse().unwrap());
    assert!(config.admin.token.is_none() && config.admin.hosts.is_empty());
    assert_eq!(config.data_dir, folder.path().join("earwitness-data"));
    assert_eq!(config.key_file, folder.path().join("earwitness-data.key"));
    assert_eq!(config.signing_key_file, folder.path().join("earwitness-data.signing-key"));
    assert_eq!(config.rules, [place(folder.path().join("rules"), "")]);
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.limits, Limits::default());
    assert!(config.workers >= 1);
}

#[test]
fn every_key_can_stand_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = "listen: \"[::1]:8080\"\nupstream: http://App.local\nadmin:\n  listen: 0.0.0.0:9000\n  \
                token: 0123456789abcdef\n  hosts: [Audit.example.org]\n  origins: ['https://Desk.example.org']\ndata_dir: /tmp/data\nkey_file: keys/k\n\
                rules: [rules]\ntrusted_proxies: [10.0.0.0/8, 192.168.1.1, fd00::/8]\nproxy_protocol: true\nworkers: 3\n\
                limits: { capture_bytes_max: 64KiB, before_ms: 250, page_max: 100 }\n";
    let config = load_in(&folder, text, &[]).map_err(|p| p.render()).unwrap();
    assert_eq!(config.upstream.to_string(), "http://app.local:80");
    assert_eq!(config.admin.token.unwrap().expose(), "0123456789abcdef");
    assert_eq!(config.admin.hosts, ["audit.example.org"]);
    assert_eq!(config.admin.origins, ["https://desk.example.org"]);
    assert_eq!(config.data_dir, Path::new("/tmp/data"));
    assert_eq!(config.key_file, folder.path().join("keys/k"));
    assert_eq!(config.signing_key_file, folder.path().join("keys/k.signing-key"));
    let networks: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.168.1.1/32", "fd00::/8"]);
    assert_eq!((config.workers, config.proxy_protocol), (3, true));
    assert_eq!(config.limits.capture_bytes_max, 65_536);
    assert_eq!((config.limits.before_ms, config.limits.page_max), (250, 100));
}

#[test]
fn everything_can_come_from_the_environment_and_paths_start_at_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    std::fs::create_dir_all(&one).unwrap();
    std::fs::create_dir_all(&two).unwrap();
    let rules = format!("{}:{}", one.display(), two.display());
    let env = [
        ("EARWITNESS_LISTEN", "127.0.0.1:1"),
        ("EARWITNESS_UPSTREAM", "http://[::1]:3000/"),
        ("EARWITNESS_RULES", rules.as_str()),
        ("EARWITNESS_ADMIN_LISTEN", "0.0.0.0:2"),
        ("EARWITNESS_ADMIN_TOKEN", "0123456789abcdef"),
        ("EARWITNESS_ADMIN_HOSTS", "a.example, b.example"),
        ("EARWITNESS_DATA_DIR", "some/data"),
        ("EARWITNESS_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"),
        ("EARWITNESS_LIMITS_BEFORE_MS", "7"),
        ("EARWITNESS_LIMITS_TAIL_BYTES_MAX", "2 MiB"),
        ("EARWITNESS_WORKERS", "2"),
        ("EARWITNESS_LOG", "debug"),
        ("EARWITNESS_CONFIG", "unused"),
    ];
    let config = Config::load(None, variables(&env)).map_err(|p| p.render()).unwrap();
    assert_eq!(config.upstream.to_string(), "http://[::1]:3000");
    assert_eq!(config.rules, [place(one, ""), place(two, "")]);
    assert_eq!(config.admin.hosts, ["a.example", "b.example"]);
    assert_eq!(config.data_dir, PathBuf::from("some/data"));
    assert_eq!(config.key_file, PathBuf::from("some/data.key"));
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!((config.limits.before_ms, config.limits.tail_bytes_max, config.workers), (7, 2 << 20, 2));
}

#[test]
fn the_environment_wins_over_the_file() {
    let env = [("EARWITNESS_LISTEN", "127.0.0.1:9"), ("EARWITNESS_LIMITS_QUERY_MS", "11")];
    let config = load(&base("limits: { query_ms: 12 }"), &env).map_err(|p| p.render()).unwrap();
    assert_eq!((config.listen.port(), config.limits.query_ms), (9, 11));
}

#[test]
fn each_mistake_is_told_with_its_line_and_cure() {
    let check = |more: &str, line: usize, parts: &[&str]| {
        let (found, text) = problem(&base(more), &[]);
        assert_eq!(found, line, "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
    };
    check("lisen: 1", 4, &["E02", "unknown key `lisen`", "did you mean `listen`?"]);
    check("colour: red", 4, &["unknown key `colour`", "known here: listen, "]);
    check("token: 0123456789abcdef", 4, &["write it under `admin:`, as `token`"]);
    check("before_ms: 3", 4, &["write it under `limits:`, as `before_ms`"]);
    check("admin.listen: 127.0.0.1:1", 4, &["write it under `admin:`, as `listen`"]);
    check("limits: { workers: 3 }", 4, &["`workers` stands at the top, not under `limits`"]);
    check("limits:\n  befor_ms: 3", 5, &["under `limits`", "did you mean `before_ms`?"]);
    check("limits: 3", 4, &["`limits` is a number, not a mapping"]);
    check("limits: { before_ms: 0 }", 4, &["too small: the least is 1", "the default is 1000"]);
    check("limits: { before_ms: 5s }", 4, &["whole number of milliseconds"]);
    check("limits: { before_ms: 1.5 }", 4, &["whole number of milliseconds"]);
    check("limits: { head_bytes_max: 64KB }", 4, &["`KiB`, `MiB` or `GiB`"]);
    check("limits: { head_bytes_max: 1GiB }", 4, &["too large: the most is 1MiB"]);
    check("limits: { capture_bytes_max: 65MiB }", 4, &["all copies together are smaller than one"]);
    check("proxy_protocol: true", 4, &["nobody may send the header", "trusted_proxies"]);
    check("proxy_protocol: maybe", 4, &["is neither `true` nor `false`"]);
    check("workers: 0", 4, &["too small", "number of cores"]);
    check("workers: [2]", 4, &["is not a whole number"]);
    check("data_dir: 3", 4, &["is a number, not text"]);
    check("data_dir: earwitness.yaml", 4, &["is not a folder"]);
    check("data_dir: ..", 1, &["`key_file` is missing"]);
    check("key_file: rules", 4, &["is a folder"]);
    check("trusted_proxies: [10.0.0.0/33]", 4, &["is no network", "10.0.0.0/8"]);
    check("trusted_proxies:\n- 10.0.0.0/8\n- 10.1.2.3/8", 6, &["write `10.0.0.0/8` or `10.1.2.3`"]);
    check("trusted_proxies: [7]", 4, &["holds a number, not text"]);
    check("admin: { listen: 8080 }", 4, &["is a number, not text", "127.0.0.1:8080"]);
    check("admin: { listen: }", 4, &["`admin.listen` has no value"]);
    check("admin: { hosts: ['https://x/'] }", 4, &["not a host name", "audit.example.org"]);
    check("admin: { token: 12345 }", 4, &["`admin.token` is a number"]);
    check("admin: { token: short }", 4, &["shorter than 16 characters", "openssl rand -hex 32"]);
    check("admin: { token: 'with blanks in the midst' }", 4, &["holds characters other than"]);
    check("admin: { listen: '127.0.0.1:8080' }", 4, &["`listen` and `admin.listen` are one place"]);
    check("admin: { listen: '127.0.0.1:3000' }", 2, &["is Earwitness itself"]);
    check("admin:\n  tokn: x", 5, &["did you mean `token`?"]);
    check("rules: other", 4, &["E05", "`rules` stands here a second time"]);
}

#[test]
fn the_keys_that_must_be_given_are_checked() {
    let check = |text: &str, line: usize, parts: &[&str]| {
        let (found, shown) = problem(text, &[]);
        assert_eq!(found, line, "{shown}");
        parts.iter().for_each(|part| assert!(shown.contains(part), "{part}\n{shown}"));
    };
    let without =
        |key: &str| BASE.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
    check(&without("listen"), 1, &["E04", "`listen` is missing", "EARWITNESS_LISTEN"]);
    check(&without("rules"), 1, &["`rules` is missing"]);
    let with = |key: &str, value: &str| format!("{}\n{key}: {value}", without(key));
    check(&with("listen", "localhost:80"), 3, &["is not an address with a port"]);
    check(&with("listen", ":8080"), 3, &["is not an address with a port"]);
    check(&with("listen", "8080"), 3, &["is a number"]);
    check(&with("listen", "''"), 3, &["is empty"]);
    check(&with("rules", "[]"), 3, &["nothing would be recorded"]);
    check(&with("rules", "[rules, nowhere]"), 3, &["C04", "there is no ", "nowhere"]);
    check(&with("rules", "{}"), 3, &["names no pack"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "lisen: x\nupstream: ftp://x\nrules: [gone]\nlimits: { before_ms: 0, page_max: 0 }\n";
    let problems = load(text, &[("EARWITNESS_WORKERS", "many"), ("EARWITNESS_OTHER", "x")]).unwrap_err();
    assert_eq!(problems.error_count(), 8, "{}", problems.render());
}

#[test]
fn a_mistake_in_the_environment_has_a_line_too() {
    let check = |env: &[(&str, &str)], line: usize, parts: &[&str]| {
        let (found, text) = problem(BASE, env);
        assert_eq!(found, line, "{text}");
        assert!(text.contains("environment"), "{text}");
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
    };
    check(&[("EARWITNESS_LISEN", "x")], 1, &["did you mean `EARWITNESS_LISTEN`?"]);
    check(&[("EARWITNESS_LIMIT_BEFORE_MS", "1")], 1, &["did you mean `EARWITNESS_LIMITS_BEFORE_MS`?"]);
    check(&[("EARWITNESS_COLOUR", "x")], 1, &["is not a setting"]);
    check(
        &[("EARWITNESS_LISTEN", "127.0.0.1:1"), ("EARWITNESS_WORKERS", "-1")],
        2,
        &["EARWITNESS_WORKERS=-1"],
    );
    check(&[("EARWITNESS_WORKERS", "")], 1, &["is empty"]);
    check(&[("EARWITNESS_RULES", "rules-that-are-not-there")], 1, &["there is no rules-that-are-not-there"]);
    check(&[("EARWITNESS_WORKERS", "1\n2")], 1, &["is not a whole number"]);
}

#[test]
fn an_audit_log_open_to_the_network_needs_a_token() {
    // THREATS O10
    let check = |listen: &str, is_open: bool| {
        let text = base(&format!("admin:\n  listen: \"{listen}\""));
        match load(&text, &[]) {
            Ok(_) => assert!(!is_open, "{listen}"),
            Err(problems) => {
                let shown = problems.render();
                assert!(
                    is_open && shown.contains("set admin.token or admin.tokens_file, or listen"),
                    "{shown}"
                );
            }
        }
        assert!(load(&text, &[("EARWITNESS_ADMIN_TOKEN", "0123456789abcdef")]).is_ok());
        assert!(load(&text, &[("EARWITNESS_ADMIN_TOKENS_FILE", "some.tokens")]).unwrap().admin.is_closed);
    };
    check("127.0.0.1:9090", false);
    check("127.8.8.8:9090", false);
    check("[::1]:9090", false);
    check("0.0.0.0:9090", true);
    check("[::]:9090", true);
    check("192.168.1.1:9090", true);
}

#[test]
fn checkpoints_are_kept_outside_the_data_and_their_key_is_too() {
    // THREATS S03
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let check = |more: &str, wrong: &[&str]| {
        let text = base(&format!("data_dir: data\n{more}"));
        let shown = load_in(&folder, &text, &[]).err().map(|problems| problems.render()).unwrap_or_default();
        assert!(wrong.iter().all(|wrong| shown.contains(wrong)), "{more}: {shown}");
        assert_eq!(wrong.is_empty(), shown.is_empty(), "{more}: {shown}");
    };
    check("signing_key_file: keys/signing", &[]);
    check("signing_key_file: data/signing", &["C03", "`signing_key_file` lies inside `data_dir`"]);
    check("checkpoints: { files: [a, /mnt/b], webhooks: https://audit.example.org/c }", &[]);
    check("checkpoints: { files: [data/c] }", &["names a file inside `data_dir`"]);
    check("checkpoints: { files: data/.. }", &["names a folder"]);
    check("checkpoints: { webhooks: [ftp://a, /x, \"http://\"] }", &["is no web address"]);
    check("checkpoints: { webhook: https://a }", &["webhook"]);
}

#[test]
fn the_key_must_not_lie_inside_the_data() {
    // THREATS chapter 2, rule 11
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("data"), folder.path().join("link")).unwrap();
    let check = |key_file: &str, is_inside: bool| {
        let text = base(&format!("data_dir: data\nkey_file: {key_file}"));
        let shown = load_in(&folder, &text, &[]).err().map(|problems| problems.render());
        assert_eq!(shown.is_some_and(|text| text.contains("C03")), is_inside, "{key_file}");
    };
    check("data/key", true);
    check("data", true);
    check("other/../data/new/key", true);
    check("link/key", true);
    check("data.key", false);
    check("link.key", false);
    check("data/../key", false);
}

#[test]
fn a_token_is_never_shown() {
    // THREATS O06
    let secret = "s3cret-0123456789-canary";
    let short = "t0p-s3cret"; // too short, and still nobody's business
    let check = |text: &str, env: &[(&str, &str)]| {
        let problems = load(text, env).expect_err(text);
        let shown = format!("{}{}{}", problems.render(), problems.render_coloured(), problems.to_json());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(!format!("{problems:?}").contains("s3cret"), "{problems:?}");
    };
    check(&base(&format!("admin: {{ token: {secret}, listen: x }}")), &[]);
    check(&base(&format!("admin: {{ listen: x, token: {secret} }}")), &[]);
    check(&base(&format!("admin:\n  token: {short}\n")), &[]);
    check(&base(&format!("admin:\n  token: '{short} {short}'\n")), &[]);
    check(&base(&format!("admin:\n  token: |\n    {short}\n")), &[]);
    check(&base(&format!("admin:\n  tokn: {secret}\n")), &[]);
    check(&base(&format!("token: {secret}")), &[]);
    check(&base(&format!("password: {secret}")), &[]);
    check(&base(&format!("admin:\n  token: {secret}\n  token: {secret}2\n")), &[]);
    check(&base(&format!("admin: {{ token: {secret}, listen: [ }}")), &[]);
    check(&base(&format!("x: &a {secret}\nadmin:\n  token: *a")), &[]);
    check(&base(&format!("admin:\n  token: {secret}\n  hosts: [{secret}!]")), &[]);
    check(&base("").replace("http://", "http://me:s3cret@"), &[]);
    check(&base(""), &[("EARWITNESS_ADMIN_TOKEN", short)]);
    check(&base(""), &[("EARWITNESS_ADMIN_TOKN", secret)]);
    check(&base(""), &[("EARWITNESS_UPSTREAM", "http://me:s3cret@x")]);
    let config = load(&base(&format!("admin: {{ token: {secret} }}")), &[]).map_err(|p| p.render()).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, part: &str| {
        let problems = Config::load(Some(path), Vec::new()).unwrap_err();
        assert_eq!(problems.error_count(), 1, "{}", problems.render());
        assert!(problems.render().contains(part), "{}", problems.render());
    };
    check(&folder.path().join("none.yaml"), "cannot be read");
    check(folder.path(), "cannot be read");
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe, 0x00]).unwrap();
    check(&folder.path().join("binary"), "cannot be read");
    std::fs::write(folder.path().join("large"), " ".repeat(2 << 20)).unwrap();
    check(&folder.path().join("large"), "larger than 1 MiB");
    std::fs::write(folder.path().join("list"), "- a\n").unwrap();
    let problems = Config::load(Some(&folder.path().join("list")), Vec::new()).unwrap_err();
    assert!(problems.render().contains("the configuration is a list, not a mapping"));
    assert!(Config::load(None, Vec::new()).unwrap_err().error_count() == 3);
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_example_loads() {
    let path = in_repository("examples/earwitness.yaml");
    let config = Config::load(Some(&path), Vec::new()).map_err(|problems| problems.render()).unwrap();
    assert!(config.admin.listen.ip().is_loopback());
}

#[test]
fn the_documentation_has_every_key_with_its_default_and_bounds() {
    let text = std::fs::read_to_string(in_repository("docs/configuration.md")).unwrap();
    for key in settings::keys().iter().filter(|key| !key.starts_with("limits.")) {
        assert!(text.contains(&format!("| `{key}` |")), "{key}");
    }
    for bound in bounds::BOUNDS {
        let written = |value| bound.range.unit.written(value);
        let (least, most) = (written(bound.range.least), written(bound.range.most));
        let default = written((bound.read)(&Limits::default()));
        let row = format!("| `{}` | {default} | {least} to {most} |", bound.name);
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn methods_are_names_in_capitals_and_none_that_is_never_served() {
    let config = load(&base("methods: [GET, POST, VERSION-CONTROL]"), &[]).map_err(|p| p.render()).unwrap();
    let names: Vec<&str> = config.methods.iter().map(Method::as_str).collect();
    assert_eq!(names, ["GET", "POST", "VERSION-CONTROL"]);
    let config = load(BASE, &[("EARWITNESS_METHODS", "GET, PUT")]).map_err(|p| p.render()).unwrap();
    assert_eq!(config.methods, [Method::GET, Method::PUT]);
    for (value, told) in [
        ("[]", "lets nothing pass"),
        ("[GET, post]", "no method"),
        ("[\"GET POST\"]", "no method"),
        ("[GET, TRACE]", "never served"),
        ("[CONNECT]", "never served"),
    ] {
        let (line, text) = problem(&base(&format!("methods: {value}")), &[]);
        assert!(line == 4 && text.contains(told), "{value}: {text}");
    }
}

// THREATS S07, P02
#[test]
fn what_an_erasure_needs_is_said_or_refused_with_a_cure() {
    let config = load(&base("erasure: { approval: required, files: [/mnt/a, /mnt/b] }\n"), &[]).unwrap();
    assert_eq!(config.erasure.approval, Approval::Required);
    assert_eq!(config.erasure.files, [PathBuf::from("/mnt/a"), PathBuf::from("/mnt/b")]);
    assert_eq!(load(BASE, &[]).unwrap().erasure, Erasure::default());
    let config = load(BASE, &[("EARWITNESS_ERASURE_APPROVAL", "required")]).unwrap();
    assert_eq!(config.erasure.approval, Approval::Required);
    let check = |text: &str, expected: &str| {
        let (line, told) = problem(&base(text), &[]);
        assert!(line == 4 && told.contains(expected), "{told}");
    };
    check("erasure: { approval: yes please }\n", "write `required`");
    check("erasure: { approvals: required }\n", "approval");
    check("erasure: { files: earwitness-data/list }\n", "inside `data_dir`");
}
