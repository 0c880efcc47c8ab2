//! What the Dockerfile promises of the image, as far as its text tells: no engine is needed to look.

use std::fs;
use std::path::Path;

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The instructions of the Dockerfile, continued lines joined, without comments.
fn instructions() -> Vec<(String, String)> {
    let lines =
        text("Dockerfile").lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let whole = lines.replace("\\\n", " ");
    let split =
        |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()));
    whole.lines().filter_map(split).collect()
}

/// What an instruction says, each time that it stands there.
fn all(instructions: &[(String, String)], name: &str) -> Vec<String> {
    instructions.iter().filter(|(found, _)| found == name).map(|(_, rest)| rest.clone()).collect()
}

// THREATS O08
#[test]
fn the_image_is_built_on_named_versions_and_runs_without_rights() {
    let whole = instructions();
    let from = whole.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let last = &whole[from..];
    let users = all(last, "USER");
    let numbers: Vec<u32> = users[0].split(':').map(|number| number.parse().unwrap()).collect();
    assert!(
        users.len() == 1 && numbers.len() == 2 && numbers.iter().all(|number| *number >= 10_000),
        "{users:?}"
    );
    let user = last.iter().position(|(name, _)| name == "USER").unwrap();
    assert!(last[user..].iter().all(|(name, _)| name != "RUN" && name != "COPY"), "nothing is made after it");
    for image in all(&whole, "ARG") {
        let (_, image) = image.split_once('=').unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag).unwrap();
        assert!(tag.contains("bookworm") && !tag.contains("latest"), "{image}");
    }
    for image in all(&whole, "FROM") {
        assert!(image.starts_with("${"), "{image} cannot be named by its digest");
    }
    // Only root may write where it runs from; data and keys are apart, and nobody else's.
    let volumes: Vec<String> = serde_json::from_str(&all(last, "VOLUME")[0]).unwrap();
    assert_eq!(volumes, ["/var/lib/earwitness/data", "/var/lib/earwitness/keys"]);
    let made = all(last, "RUN").join(" ");
    assert!(volumes.iter().all(|volume| made.contains(volume)) && made.contains("-m 0700"), "{made}");
    assert!(all(last, "ENTRYPOINT")[0].starts_with('['), "signals reach the program, not a shell");
    assert_eq!(all(last, "EXPOSE"), ["8080"], "the audit listener is opened by who wants it");
}

// THREATS O08
#[test]
fn no_secret_and_nothing_from_the_network_gets_into_a_layer() {
    let whole = instructions();
    assert_eq!(all(&whole, "ADD"), [""; 0]);
    for copied in all(&whole, "COPY") {
        assert!(!copied.starts_with(". ") && !copied.contains('*'), "{copied}");
    }
    let told = all(&whole, "ENV").join(" ") + &all(&whole, "ARG").join(" ");
    for word in ["TOKEN", "SECRET", "PASSWORD"] {
        assert!(!told.contains(word), "{told}");
    }
    let ran = all(&whole, "RUN").join(" ");
    assert!(!ran.contains("curl") && !ran.contains("wget"), "{ran}");
    let ignored = text(".dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "what is not named stays outside");
    let sent: Vec<&str> = lines.collect();
    let needed =
        ["Cargo.toml", "Cargo.lock", "src", "examples", "benches", "rules", "web", "deploy/profiled"];
    assert_eq!(sent, needed.map(|name| format!("!{name}")));
}
