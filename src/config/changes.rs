//! What a new configuration changes of the one in service: what can be put into force at once, and what waits for
//! the next start. Names only: values may be secrets.

use super::bounds::BOUNDS;
use super::{Admin, Config, Limits};

/// Keys whose value has changed, dotted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In force from now on.
    pub applied: Vec<String>,
    /// As before until the next start.
    pub needs_restart: Vec<String>,
}

impl Config {
    /// The configuration to go on with when this one is in service and that one is wanted.
    pub fn followed_by(&self, wanted: Config) -> (Config, Changes) {
        let mut changes = Changes::default();
        let limits = limits(&self.limits, &wanted.limits, &mut changes);
        // Every member stands here, so that who adds one decides which kind it is.
        let Config {
            listen,
            tls,
            upstream,
            admin,
            data_dir,
            key_file,
            signing_key_file,
            checkpoints,
            rules,
            credentials,
            trusted_proxies,
            proxy_protocol,
            methods,
            limits: _,
            workers,
            watch,
            trace_context,
            telemetry,
            on_failure,
            retention,
            erasure,
        } = &wanted;
        let at_start = [
            ("listen", *listen == self.listen),
            ("tls", *tls == self.tls),
            ("upstream", *upstream == self.upstream),
            ("admin.listen", admin.listen == self.admin.listen),
            ("admin.address", admin.address == self.admin.address),
            ("admin.embed", admin.embed == self.admin.embed),
            ("oidc", admin.oidc == self.admin.oidc),
            ("admin.tokens_file", admin.tokens_file == self.admin.tokens_file),
            ("data_dir", *data_dir == self.data_dir),
            ("key_file", *key_file == self.key_file),
            ("signing_key_file", *signing_key_file == self.signing_key_file),
            ("checkpoints", *checkpoints == self.checkpoints),
            ("erasure", *erasure == self.erasure),
            ("proxy_protocol", *proxy_protocol == self.proxy_protocol),
            ("telemetry", *telemetry == self.telemetry),
            ("workers", *workers == self.workers),
        ];
        let are_credentials_same = credentials.len() == self.credentials.len()
            && credentials.iter().zip(&self.credentials).all(|(one, other)| one.is_same(other));
        let at_once = [
            ("admin.hosts", admin.hosts == self.admin.hosts),
            ("admin.origins", admin.origins == self.admin.origins),
            ("credentials", are_credentials_same),
            ("methods", *methods == self.methods),
            ("rules", *rules == self.rules),
            ("trusted_proxies", *trusted_proxies == self.trusted_proxies),
            ("watch", *watch == self.watch),
            ("trace_context", *trace_context == self.trace_context),
            ("on_failure", *on_failure == self.on_failure),
            ("retention", *retention == self.retention),
        ];
        let changed = |keys: &[(&'static str, bool)]| {
            keys.iter().filter(|(_, is_same)| !is_same).map(|(key, _)| (*key).to_owned()).collect::<Vec<_>>()
        };
        changes.needs_restart.extend(changed(&at_start));
        changes.applied.extend(changed(&at_once));
        let admin = self.admin_followed_by(&wanted.admin, &mut changes);
        changes.applied.sort();
        changes.needs_restart.sort();
        let config = Config {
            listen: self.listen,
            tls: self.tls.clone(),
            upstream: self.upstream.clone(),
            admin,
            data_dir: self.data_dir.clone(),
            key_file: self.key_file.clone(),
            signing_key_file: self.signing_key_file.clone(),
            checkpoints: self.checkpoints.clone(),
            erasure: self.erasure.clone(),
            proxy_protocol: self.proxy_protocol,
            telemetry: self.telemetry.clone(),
            workers: self.workers,
            limits,
            ..wanted
        };
        (config, changes)
    }

    /// A listener that is open to the network keeps its token until it is closed.
    fn admin_followed_by(&self, wanted: &Admin, changes: &mut Changes) -> Admin {
        let text = |admin: &Admin| admin.token.as_ref().map(|token| token.expose().to_owned());
        let (old, new) = (text(&self.admin), text(wanted));
        let must_stay = !wanted.is_closed && !self.admin.listen.ip().is_loopback();
        if old != new {
            let list = if must_stay { &mut changes.needs_restart } else { &mut changes.applied };
            list.push("admin.token".to_owned());
        }
        let token = if must_stay { self.admin.token.clone() } else { wanted.token.clone() };
        Admin {
            listen: self.admin.listen,
            token,
            hosts: wanted.hosts.clone(),
            origins: wanted.origins.clone(),
            address: self.admin.address.clone(),
            embed: self.admin.embed.clone(),
            tokens_file: self.admin.tokens_file.clone(),
            oidc: self.admin.oidc.clone(),
            is_closed: wanted.is_closed || must_stay || self.admin.oidc.is_some(),
        }
    }
}

/// The ceilings to go on with.
fn limits(old: &Limits, wanted: &Limits, changes: &mut Changes) -> Limits {
    let mut limits = wanted.clone();
    for bound in BOUNDS.iter().filter(|bound| (bound.read)(old) != (bound.read)(wanted)) {
        let key = format!("limits.{}", bound.name);
        if AT_ONCE.contains(&bound.name) {
            changes.applied.push(key);
        } else {
            changes.needs_restart.push(key);
            (bound.set)(&mut limits, (bound.read)(old));
        }
    }
    limits
}

/// Ceilings that are looked up for each request. The others are part of what was made at the start: listeners,
/// pools, queues.
const AT_ONCE: [&str; 17] = [
    "capture_bytes_max",
    "capture_total_bytes_max",
    "decoded_bytes_max",
    "held_body_bytes_max",
    "held_body_ms",
    "before_ms",
    "reads_max",
    "client_reads_max",
    "turn_ms",
    "turn_waiters_max",
    "upstream_ms",
    "upstream_body_ms",
    "intent_ms",
    "record_ms",
    "abandoned_ms",
    "requests_max",
    "request_body_bytes_max",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credential, Secret};

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        let path = folder.path().join("earwitness.yaml");
        let base = "upstream: http://127.0.0.1:3000\nrules: rules\ndata_dir: /data\n";
        std::fs::write(&path, format!("{base}{text}")).unwrap();
        let config = Config::load(Some(&path), []).map_err(|problems| problems.render()).unwrap();
        Config { rules: Vec::new(), ..config }
    }

    fn check(old: &str, wanted: &str, applied: &[&str], needs_restart: &[&str]) -> Config {
        let (config, changes) = config(old).followed_by(config(wanted));
        assert_eq!(changes.applied, applied, "{wanted}");
        assert_eq!(changes.needs_restart, needs_restart, "{wanted}");
        config
    }

    #[test]
    fn what_was_made_at_the_start_stays_and_is_named() {
        let old = "listen: 127.0.0.1:1\n";
        check(old, old, &[], &[]);
        let wanted = "listen: 127.0.0.1:2\nworkers: 7\nlimits: { idle_ms: 100, before_ms: 7 }\n";
        let next = check(old, wanted, &["limits.before_ms"], &["limits.idle_ms", "listen", "workers"]);
        assert_eq!((next.listen.port(), next.limits.before_ms), (1, 7));
        assert_eq!(next.limits.idle_ms, Limits::default().idle_ms);
        let wanted = "listen: 127.0.0.1:1\ntrusted_proxies: 10.0.0.0/8\nwatch: false\n";
        assert!(!check(old, wanted, &["trusted_proxies", "watch"], &[]).watch);
    }

    // THREATS O05
    #[test]
    fn a_token_is_changed_at_once_and_never_taken_off_a_listener_that_is_open_to_the_network() {
        let with = |listen: &str, token: &str| {
            format!("listen: 127.0.0.1:1\nadmin: {{ listen: \"{listen}\", {token} }}\n")
        };
        let (one, other) = ("token: aaaaaaaaaaaaaaaa", "token: bbbbbbbbbbbbbbbb");
        let (inside, outside) = ("127.0.0.1:2", "0.0.0.0:2");
        let token = |config: Config| config.admin.token.map(|token| token.expose().to_owned());
        let next = check(&with(outside, one), &with(outside, other), &["admin.token"], &[]);
        assert_eq!(token(next).unwrap(), "bbbbbbbbbbbbbbbb");
        let next = check(&with(outside, one), &with(inside, ""), &[], &["admin.listen", "admin.token"]);
        assert_eq!(token(next).unwrap(), "aaaaaaaaaaaaaaaa");
        let next = check(&with(inside, one), &with(inside, ""), &["admin.token"], &[]);
        assert_eq!(token(next), None);
    }

    #[test]
    fn a_credential_with_another_secret_is_another() {
        let with = |secret: &str| Config {
            credentials: vec![Credential::new("a", &["/x"], http::header::COOKIE, Secret::new(secret))],
            ..config("listen: 127.0.0.1:1\n")
        };
        assert_eq!(with("x").followed_by(with("x")).1, Changes::default());
        assert_eq!(with("x").followed_by(with("y")).1.applied, ["credentials"]);
    }

    #[test]
    fn every_ceiling_that_is_looked_up_for_each_request_exists() {
        for name in AT_ONCE {
            assert!(BOUNDS.iter().any(|bound| bound.name == name), "{name}");
        }
    }
}
