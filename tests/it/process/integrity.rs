//! Checkpoints and proofs as an auditor meets them, checked by code that shares nothing with the program but this
//! page: docs/integrity.md.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::reading::{CONFIG, add_notes, done, installation, run};
use super::{Process, request, simple_upstream};

type Hash = Vec<u8>;

fn ask(process: &Process, path: &str) -> String {
    let (status, body) = request(process.audit, &format!("GET {path} HTTP/1.1"), "", "").unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    body
}

fn sha(parts: &[&[u8]]) -> Hash {
    Sha256::digest(parts.concat()).to_vec()
}

fn bytes(hex: &Value) -> Hash {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn all_bytes(hashes: &Value) -> Vec<Hash> {
    hashes.as_array().unwrap().iter().map(bytes).collect()
}

/// The root that an inclusion proof leads to, by the definition of RFC 6962, section 2.1.1.
fn root_by(leaf: &[u8], index: u64, size: u64, path: &[Hash]) -> Hash {
    let Some((beside, below)) = path.split_last() else { return leaf.to_vec() };
    let left = 1 << (size - 1).ilog2();
    match index < left {
        true => sha(&[&[1], &root_by(leaf, index, left, below), beside]),
        false => sha(&[&[1], beside, &root_by(leaf, index - left, size - left, below)]),
    }
}

/// Both roots that a consistency proof leads to, by the definition of section 2.1.2.
fn roots_by(old: u64, new: u64, path: &[Hash], known: Option<&Hash>) -> (Hash, Hash) {
    if old == new {
        let root = known.unwrap_or_else(|| &path[0]).clone();
        return (root.clone(), root);
    }
    let (beside, below) = path.split_last().unwrap();
    let left = 1 << (new - 1).ilog2();
    if old <= left {
        let (old_root, new_root) = roots_by(old, left, below, known);
        (old_root, sha(&[&[1], &new_root, beside]))
    } else {
        let (old_root, new_root) = roots_by(old - left, new - left, below, None);
        (sha(&[&[1], beside, &old_root]), sha(&[&[1], beside, &new_root]))
    }
}

/// Size and root of a checkpoint that this key has signed.
fn opened(note: &str, key: &str) -> (u64, Hash) {
    let (text, signature) = note.split_once("\n\n").unwrap();
    let (name, rest) = key.trim().split_once('+').unwrap();
    let public = STANDARD.decode(rest.split_once('+').unwrap().1).unwrap();
    let line = signature.strip_prefix(&format!("\u{2014} {name} ")).unwrap().trim_end();
    let signature = STANDARD.decode(line).unwrap();
    assert_eq!(signature[..4], sha(&[name.as_bytes(), b"\n", &public])[..4]);
    let known = UnparsedPublicKey::new(&ED25519, &public[1..]);
    known.verify(format!("{text}\n").as_bytes(), &signature[4..]).unwrap();
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!((lines.len(), lines[0]), (3, name));
    (lines[1].parse().unwrap(), STANDARD.decode(lines[2]).unwrap())
}

// THREATS S01, S09
#[test]
fn an_auditor_can_prove_an_event_and_that_the_log_has_only_grown() {
    let (folder, admin) = installation();
    let process = Process::start_as(folder.path(), simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 20);
    let key = ask(&process, "/audit/v1/key");
    let (old, old_root) = opened(&ask(&process, "/audit/v1/checkpoint"), &key);
    add_notes(process.proxy, 17);
    let (new, new_root) = opened(&ask(&process, "/audit/v1/checkpoint"), &key);
    let events = process.all_events();
    assert_eq!((old + 17, new), (events.len() as u64, events.len() as u64));
    for event in &events {
        let id = event["id"].as_str().unwrap();
        let proof: Value =
            serde_json::from_str(&ask(&process, &format!("/audit/v1/events/{id}/proof"))).unwrap();
        let proof = &proof["data"];
        assert_eq!((&proof["leaf"], &proof["size"]), (&event["leaf"], &Value::from(new)));
        assert_eq!(proof["index"], event["sequence"].as_u64().unwrap() - 1);
        assert_eq!(opened(proof["checkpoint"].as_str().unwrap(), &key), (new, new_root.clone()));
        let path = all_bytes(&proof["hashes"]);
        let root = root_by(&bytes(&event["leaf"]), proof["index"].as_u64().unwrap(), new, &path);
        assert_eq!(root, new_root, "{id}");
        // What the proof shows of others is their hashes, and no salt.
        assert!(!ask(&process, &format!("/audit/v1/events/{id}/proof")).contains("salt"));
    }
    let proof = ask(&process, &format!("/audit/v1/consistency?from={old}&to={new}"));
    let proof: Value = serde_json::from_str(&proof).unwrap();
    let path = all_bytes(&proof["data"]["hashes"]);
    let known = old.is_power_of_two().then_some(&old_root);
    assert_eq!(roots_by(old, new, &path, known), (old_root.clone(), new_root));
}

// THREATS S01, S04
#[test]
fn an_export_is_checked_with_nothing_but_the_public_key() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 60);
    let key = ask(&process, "/audit/v1/key");
    let write = |name: &str, target: &str| std::fs::write(folder.join(name), ask(&process, target)).unwrap();
    write("whole.ndjson", "/audit/v1/export");
    write("part.ndjson", "/audit/v1/export?targetId=n7&targetId=n41&proof=yes");
    let export = ["export", CONFIG[0], CONFIG[1], "--out"];
    done(folder, &[&export[..], &["by-command.ndjson", "--action", "NOTE_ADDED", "--proof", "yes"]].concat());
    assert_eq!(process.terminate(), Some(0));
    done(folder, &[&export[..], &["rested.ndjson"]].concat());
    done(
        folder,
        &[&export[..], &["rested-part.ndjson", "--target-id", "n3", "--target-id", "n9", "--proof", "yes"]]
            .concat(),
    );
    let verify = |name: &str, key: &str| {
        let output = run(folder, &["verify", "--file", name, "--key", key.trim()]);
        let told =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.success(), told)
    };
    for name in ["whole", "part", "by-command", "rested", "rested-part"] {
        let name = format!("{name}.ndjson");
        let (is_sound, told) = verify(&name, &key);
        assert!(is_sound && told.contains("that was signed for by earwitness/"), "{name}: {told}");
        let told = done(folder, &["verify", "--file", &name]);
        assert!(told.contains("only somebody else can say"), "{told}");
        // Whoever changes an event and its hash, and has not the key, is found out.
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let at =
            lines.iter().position(|line| line.contains("NOTE_ADDED") && line.starts_with("{\"seq")).unwrap();
        let other = lines.iter().rposition(|line| line.starts_with("{\"seq") && *line != lines[at]).unwrap();
        let place = |line: &str| line[..line.find(",\"leaf").unwrap()].to_owned();
        // Another event, sound by itself, in its place: its leaf is that of another place.
        let moved = lines[other].replacen(&place(lines[other]), &place(lines[at]), 1);
        let with = |line: Option<&str>| {
            let changed: Vec<&str> = lines
                .iter()
                .enumerate()
                .filter_map(|(n, kept)| if n == at { line } else { Some(*kept) })
                .collect();
            std::fs::write(folder.join("changed.ndjson"), changed.join("\n") + "\n").unwrap();
            verify("changed.ndjson", &key)
        };
        for line in [Some(moved.as_str()), None] {
            let (is_sound, told) = with(line);
            assert!(!is_sound, "{name}: {told}");
        }
        let signed = std::fs::read_to_string(folder.join(&name)).unwrap();
        std::fs::write(
            folder.join("changed.ndjson"),
            signed.replacen("\\n\\n\u{2014} ", "\\n\\n\u{2014} x", 1),
        )
        .unwrap();
        let (is_sound, told) = verify("changed.ndjson", &key);
        assert!(!is_sound && told.contains("not signed by a key that is trusted"), "{name}: {told}");
    }
    let other = "earwitness/00000000-0000-7000-8000-000000000000+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(!verify("whole.ndjson", other).0, "of another log");
    done(folder, &[&export[..], &["bare.ndjson", "--proof", "no"]].concat());
    let (is_sound, told) = verify("bare.ndjson", &key);
    assert!(!is_sound && told.contains("it has no checkpoint"), "{told}");
}

// THREATS S02, S03
#[test]
fn a_checkpoint_kept_elsewhere_shows_a_log_that_was_put_back_and_a_new_key_is_signed_for_by_the_old_one() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 5);
    let refused = run(folder, &["keys", "rotate", CONFIG[0], CONFIG[1]]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"), "{refused:?}");
    assert_eq!(process.terminate(), Some(0));
    let copy = |from: &str, to: &str| {
        let status = std::process::Command::new("cp").args(["-r", from, to]).current_dir(folder).status();
        assert!(status.unwrap().success());
    };
    copy("data", "yesterday");
    let key = done(folder, &["keys", "show", CONFIG[0], CONFIG[1]]);
    let next = done(folder, &["keys", "rotate", CONFIG[0], CONFIG[1]]);
    assert_ne!(key, next);
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 5);
    assert_eq!(ask(&process, "/audit/v1/key"), next);
    std::fs::write(folder.join("elsewhere"), ask(&process, "/audit/v1/checkpoint")).unwrap();
    assert_eq!(process.terminate(), Some(0));
    // Who pinned the first key trusts the second.
    let told =
        done(folder, &["verify", CONFIG[0], CONFIG[1], "--key", key.trim(), "--checkpoint", "elsewhere"]);
    assert!(told.contains("it is the log that was signed for"), "{told}");
    let export = ["export", CONFIG[0], CONFIG[1], "--out", "events.ndjson"];
    done(folder, &export);
    let fails = |arguments: &[&str], why: &str| {
        let output = run(folder, arguments);
        let told =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!output.status.success() && told.contains(why), "{told}");
    };
    fails(
        &["verify", "--file", "events.ndjson", "--checkpoint", "elsewhere"],
        "no checkpoint that a known key",
    );
    fails(
        &["verify", "--data-dir", "yesterday", "--checkpoint", "elsewhere"],
        "no checkpoint that a known key",
    );
    let old = ["verify", "--data-dir", "yesterday", "--checkpoint", "elsewhere", "--key", next.trim()];
    fails(&old, "the newest are missing");
    done(folder, &["verify", "--data-dir", "yesterday"]);
}
