//! Where spans go, written well and badly.

use super::{base, load, problem};

#[test]
fn a_collector_is_an_address_and_a_share_is_between_none_and_all() {
    let check = |text: &str, env: &[(&str, &str)], expected: Option<(&str, f64)>| {
        let config = load(&base(text), env).map_err(|problems| problems.render()).unwrap();
        let found = config.telemetry.map(|telemetry| (telemetry.otlp.to_string(), telemetry.sample_ratio));
        assert_eq!(found, expected.map(|(otlp, ratio)| (otlp.to_owned(), ratio)), "{text}");
    };
    let collector = "http://127.0.0.1:4318/v1/traces";
    check("", &[], None);
    check(&format!("telemetry: {{ otlp: '{collector}' }}"), &[], Some((collector, 1.0)));
    check(&format!("telemetry: {{ otlp: '{collector}', sample_ratio: 0.1 }}"), &[], Some((collector, 0.1)));
    check(&format!("telemetry: {{ otlp: '{collector}', sample_ratio: 0 }}"), &[], Some((collector, 0.0)));
    let env = [("EARWITNESS_TELEMETRY_OTLP", "https://c/x"), ("EARWITNESS_TELEMETRY_SAMPLE_RATIO", "0.25")];
    check("", &env, Some(("https://c/x", 0.25)));
}

#[test]
fn headers_for_the_collector_come_from_a_file_and_no_look_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("headers");
    let with = || base(&format!("telemetry: {{ otlp: 'https://c/', headers_file: '{}' }}", path.display()));
    std::fs::write(&path, "authorization: Bearer hush-hush\n\nX-Tenant:  one \n").unwrap();
    let config = load(&with(), &[]).map_err(|problems| problems.render()).unwrap();
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    let headers = config.telemetry.unwrap().headers;
    let told: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(told, [("authorization", "Bearer hush-hush"), ("x-tenant", "one")]);
    let too_many = "x-a: hush\n".repeat(17);
    for wrong in
        ["hush", "host: hush", "content-type: hush", "a b: hush", "x: hush\u{1}", "x:", too_many.as_str()]
    {
        std::fs::write(&path, wrong).unwrap();
        let (_, rendered) = problem(&with(), &[]);
        assert!(
            rendered.contains("is no header for it") && !rendered.contains("hush"),
            "{wrong}: {rendered}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let (_, rendered) = problem(&with(), &[]);
    assert!(rendered.contains("cannot be read"), "{rendered}");
}

#[test]
fn what_is_no_collector_or_no_share_is_told() {
    let check = |text: &str, told: &str| {
        let (_, rendered) = problem(&base(text), &[]);
        assert!(rendered.contains(told), "{text}\n{rendered}");
    };
    for address in
        ["collector:4318", "grpc://c:4317", "/v1/traces", "http://user:pass@c/v1/traces", "http://"]
    {
        check(&format!("telemetry: {{ otlp: '{address}' }}"), "is not the address of a collector");
    }
    for share in ["2", "-0.1", "a tenth", "NaN", "[1]"] {
        let text = format!("telemetry: {{ otlp: 'http://c/', sample_ratio: {share} }}");
        check(&text, "write a number from 0 to 1");
    }
    check("telemetry: { sample_ratio: 0.5 }", "nobody takes them");
    check("telemetry: { headers_file: x }", "there is none");
    check("trace_context: false\ntelemetry: { otlp: 'http://c/' }", "leaves alone");
    check("telemetry: { otel: 'http://c/' }", "otel");
}
