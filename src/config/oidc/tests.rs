//! What a claim grants, and how people sign in.

use super::*;
use crate::config::Config;

const PROVIDER: &str = "issuer: 'https://id.example.org', audience: a, grants: 'g=a -> auditor'";

/// What the configuration makes of these keys beside the provider's; else everything that is said of it.
fn sign_in(address: &str, keys: &str) -> Result<SignIn, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("secret"), "of the client \n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let path = folder.path().join("earwitness.yaml");
    let base = "listen: 127.0.0.1:1\nupstream: http://127.0.0.1:3000\nrules: rules\n";
    let admin = format!("admin: {{ hosts: audit.example.org{address} }}\n");
    std::fs::write(&path, format!("{base}{admin}oidc: {{ {PROVIDER}, {keys} }}\n")).unwrap();
    let config = Config::load(Some(&path), []).map_err(|problems| problems.render())?;
    Ok(config.admin.oidc.unwrap().sign_in.unwrap())
}

#[test]
fn people_sign_in_as_a_client_and_come_back_to_an_address() {
    let keys = "client_id: viewer, client_secret_file: secret, scopes: [groups, openid]";
    let all = sign_in(", address: 'https://Audit.example.org/x/'", keys).unwrap();
    assert_eq!((all.client_id.as_str(), all.address.as_str()), ("viewer", "https://Audit.example.org/x"));
    assert_eq!(all.client_secret.as_ref().map(crate::config::Secret::expose), Some("of the client"));
    assert_eq!(all.scopes, ["openid", "groups"]);
    let few = sign_in(", address: 'http://localhost:9090'", "client_id: viewer").unwrap();
    assert_eq!((few.scopes.join(" ").as_str(), few.client_secret.is_none()), ("openid profile email", true));
    assert!(all == all.clone() && all != few);
    assert!(all != SignIn { client_secret: None, ..all.clone() });
}

#[test]
fn what_is_wrong_with_signing_in_is_said() {
    let check = |address: &str, keys: &str, expected: &str| {
        let told = sign_in(address, keys).unwrap_err();
        assert!(told.contains(expected), "{address} {keys}: {told}");
    };
    let (id, address) = ("client_id: viewer", ", address: 'https://audit.example.org'");
    check("", id, "`admin.address` is missing");
    check(address, "scopes: [email]", "`oidc.client_id` is missing");
    for odd in [
        "http://audit.example.org",
        "audit.example.org",
        "https://a@audit.example.org",
        "https://audit.example.org/?x",
    ] {
        check(&format!(", address: '{odd}'"), id, "is not an address that browsers keep a session for");
    }
    check(", address: 'https://other.example.org'", id, "add it to `admin.hosts`");
    check(address, &format!("{id}, client_secret_file: none"), "cannot be read");
    check(address, &format!("{id}, client_secret_file: empty"), "is empty");
    check(address, &format!("{id}, scopes: ['a b']"), "is no scope");
    check(address, &format!("{id}, client_secret: text"), "client_secret");
}

#[test]
fn a_site_that_may_have_a_frame_is_a_whole_origin() {
    let good = sign_in(
        ", address: 'https://audit.example.org', embed: ['https://Office.example.org/', 'http://localhost:3000']",
        "client_id: v",
    );
    assert!(good.is_ok(), "{good:?}");
    for odd in [
        "'*'",
        "'office.example.org'",
        "'https://*.example.org'",
        "\"'self'\"",
        "'https://a.example; script-src *'",
        "'https://a.example/x'",
        "'https://'",
        "'ftp://a.example'",
    ] {
        let told =
            sign_in(&format!(", address: 'https://audit.example.org', embed: [{odd}]"), "client_id: v")
                .unwrap_err();
        assert!(told.contains("is not the origin of a site"), "{odd}: {told}");
    }
}

#[test]
fn a_claim_grants_what_is_written_for_its_value() {
    let check = |text: &str, value: &str, expected: Option<&str>| {
        let grant = ClaimGrant::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(grant.grant(value).map(|grant| grant.to_string()).as_deref(), expected, "{text} {value}");
    };
    check("groups=audit -> auditor", "audit", Some("auditor"));
    check("groups=audit -> auditor", "Audit", None);
    check("groups=a=b->team:t1", "a=b", Some("team:t1"));
    check("owns=* -> organization:*", "acme", Some("organization:acme"));
    check("owns=* -> organization:*", "", None);
    check("owns=* -> organization:*", "a*", Some("organization:a*"));
    check("sub=* -> actor:*", "u4", Some("actor:u4"));
    for wrong in [
        "",
        "groups",
        "groups=audit",
        "groups -> auditor",
        "=x -> auditor",
        "g= -> auditor",
        "g=x -> owner",
        "g=* -> auditor",
        "g=x -> team:*",
        "g=* -> team:*:*",
        "g=* -> te*m:x",
        "g=* -> team:a*",
    ] {
        assert_eq!(ClaimGrant::parse(wrong), None, "{wrong}");
    }
}
