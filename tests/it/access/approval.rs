//! The second person of an erasure: two tokens of operators, and nobody alone.

use super::*;

fn ask(office: &Office, token: &str, confirm: Option<&str>) -> (u16, Value) {
    let body = json!({ "subject": ["marked-n1"], "confirm": confirm }).to_string();
    let head = format!("{}content-type: application/json\r\n", bearer(token));
    let answer = request(office.process.audit, "POST /audit/v1/erasure HTTP/1.1", &head, &body);
    let (status, body) = answer.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

// THREATS S07
#[test]
fn nobody_erases_alone_where_a_second_person_is_asked_for() {
    let office = Office::open_with(&format!(
        "admin: {{ listen: '127.0.0.1:0', token: {HOLDER} }}\nerasure: {{ approval: required }}\n"
    ));
    office.note("acme/t1", "n1");
    let token = office.token("Olga, operations", &["--grant", "operator"]);
    office.until(&token, 200);
    // What is not in the store yet is no part of a plan.
    let seen = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let (status, seen) = ask(&office, &token, None);
        (status == 200 && seen["plan"]["events"] == 1).then_some(seen)
    });
    let seen = seen.expect("it is stored");
    assert_eq!(seen["awaiting"], json!([]));
    let id = seen["plan"]["id"].as_str().unwrap();

    let (status, first) = ask(&office, &token, Some(id));
    assert_eq!(
        (status, &first["last"], &first["awaiting"][0]["id"]),
        (200, &Value::Null, &json!(id)),
        "{first}"
    );
    let by = first["awaiting"][0]["by"].clone();
    let (status, again) = ask(&office, &token, Some(id));
    assert!(status == 403 && again["detail"].as_str().unwrap().contains("somebody else"), "{again}");
    assert_eq!(ask(&office, HOLDER, Some("0123456789abcdef")).0, 409);
    assert_eq!(office.told("VALUES_ERASED", 0, HOLDER), Vec::<Value>::new());
    let asked = &office.told("ERASURE_ASKED", 1, HOLDER)[0];
    assert_eq!((&asked["details"]["confirmedBy"], &asked["details"]["plan"]), (&by, &json!(id)));
    assert!(!asked.to_string().contains("marked"), "whom it is about is not told: {asked}");

    let (status, second) = ask(&office, HOLDER, Some(id));
    assert!(status == 200 || status == 202, "{second}");
    let erased = &office.told("VALUES_ERASED", 1, HOLDER)[0];
    assert_eq!(
        (&erased["details"]["confirmedBy"], &erased["details"]["approvedBy"]),
        (&by, &json!("admin.token"))
    );
    assert_eq!(second["awaiting"], json!([]), "it waits no more: {second}");

    // Nobody can take the second person away unseen.
    let config = office.path().join("earwitness.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("approval: required", "approval: none")).unwrap();
    let office = office.restarted();
    let told = office.told("RULES_RELOADED", 1, HOLDER);
    let change = &told[0]["changes"][0];
    let told = ["field", "label", "before"].map(|name| change[name].as_str().unwrap_or_default());
    assert_eq!(told, ["erasure.approval", "weakened", "required"], "{change}");
}

// THREATS S07
#[test]
fn a_command_that_knows_nobody_erases_nothing_where_a_second_person_is_asked_for() {
    let more = "admin: { listen: '127.0.0.1:0' }\nerasure: { approval: required }\n";
    let Office { folder, process } = Office::open_with(more);
    assert_eq!(process.terminate(), Some(0));
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    let arguments =
        ["erase", "--config", "earwitness.yaml", "--subject", "anna@example.org", "--confirm", "x"];
    let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("a second person must confirm"), "{told}");
}
