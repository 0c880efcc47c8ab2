//! From settings to a [`Config`]: each key parsed once, then what must hold between them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::yaml::{Problems, Yaml};

use super::bounds::{BOUNDS, Range, Unit};
use super::settings::{Setting, Settings};
use super::{
    Admin, Config, Limits, OnFailure, Upstream, admin, checkpoints, credentials, erasure, methods, packs,
    retention, telemetry, tls, upstream,
};

/// The configuration; `None` when something that it needs is missing or wrong. That every problem is in
/// `problems` is also true where a value is given: the caller counts.
pub(super) fn config(settings: &Settings, problems: &mut Problems) -> Option<Config> {
    let listen = required(settings, "listen", "127.0.0.1:8080", problems, address);
    let tls = tls::tls(settings, problems);
    let upstream = upstream::upstream(settings, problems);
    let data_dir = data_dir(settings, problems);
    let admin = admin::admin(settings, &data_dir, problems);
    let key_file = key_file(settings, &data_dir, problems);
    let signing_key_file = checkpoints::signing_key_file(settings, &data_dir, key_file.as_deref(), problems);
    let checkpoints = checkpoints::checkpoints(settings, &data_dir, problems);
    let rules = packs::rules(settings, problems);
    let credentials = credentials::credentials(settings, problems);
    let trusted_proxies = trusted_proxies(settings, problems);
    let proxy_protocol = proxy_protocol(settings, &trusted_proxies, problems);
    let methods = methods::methods(settings, problems);
    let limits = limits(settings, problems);
    let workers = workers(settings, problems);
    let watch = settings.get("watch", problems).is_none_or(|setting| setting.flag(problems));
    let tracing = settings.get("trace_context", problems);
    let trace_context = tracing.is_none_or(|setting| setting.flag(problems));
    let telemetry = telemetry::telemetry(settings, problems);
    let on_failure = on_failure(settings, problems);
    let retention = retention::retention(settings, problems);
    let erasure = erasure::erasure(settings, &data_dir, problems);
    let (listen, upstream) = (listen?, upstream?);
    refuse_collisions(settings, listen, &upstream, &admin, problems);
    let (key_file, signing_key_file) = (key_file?, signing_key_file?);
    Some(Config {
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
        limits,
        workers,
        watch,
        trace_context,
        telemetry,
        on_failure,
        retention,
        erasure,
    })
}

pub(super) fn required<T>(
    settings: &Settings,
    key: &str,
    example: &str,
    problems: &mut Problems,
    parse: fn(&Setting<'_>, &mut Problems) -> Option<T>,
) -> Option<T> {
    let before = problems.error_count();
    match settings.get(key, problems) {
        Some(setting) => parse(&setting, problems),
        None => {
            if problems.error_count() == before {
                settings.missing(key, example, problems);
            }
            None
        }
    }
}

pub(super) fn address(setting: &Setting<'_>, problems: &mut Problems) -> Option<SocketAddr> {
    let cure = "write an address and a port: `127.0.0.1:8080`, `0.0.0.0:8080` or `\"[::1]:8080\"`";
    let text = setting.text(problems, cure)?;
    let address = text.parse();
    if address.is_err() {
        setting.wrong(problems, "is not an address with a port", cure);
    }
    address.ok()
}

fn data_dir(settings: &Settings, problems: &mut Problems) -> PathBuf {
    let Some(setting) = settings.get("data_dir", problems) else {
        return settings.folder.join("earwitness-data");
    };
    let cure = "name a folder; it is made if it is not there";
    let Some(path) = setting.text(problems, cure).map(|text| setting.path(text)) else {
        return settings.folder.join("earwitness-data");
    };
    if path.exists() && !path.is_dir() {
        setting.wrong(problems, "is not a folder", cure);
    }
    path
}

/// Keys live apart from data: a copied data directory can reverse no hash.
fn key_file(settings: &Settings, data_dir: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let Some(setting) = settings.get("key_file", problems) else {
        return beside(data_dir, ".key").or_else(|| {
            settings.missing("key_file", "earwitness.key", problems);
            None
        });
    };
    outside(&setting, data_dir, "so that a copy of the data cannot reverse its hashes", problems)
}

/// A file that must not be in the data directory, and why.
pub(super) fn outside(
    setting: &Setting<'_>,
    data_dir: &Path,
    why: &str,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let cure = "name a file outside the data directory; it is made if it is not there";
    let path = setting.path(setting.text(problems, cure)?);
    if resolved(&path).starts_with(resolved(data_dir)) {
        let message = format!("`{}` lies inside `data_dir`", setting.key);
        problems
            .error("C03", setting.source, setting.node.span, message)
            .cure(format!("put it elsewhere, {why}"));
    } else if path.is_dir() {
        setting.wrong(problems, "is a folder", cure);
    }
    Some(path)
}

/// `data_dir` with an ending after its name; `None` for `/`, `.` and `..`, which have none.
pub(super) fn beside(data_dir: &Path, ending: &str) -> Option<PathBuf> {
    let mut name = data_dir.file_name()?.to_owned();
    name.push(ending);
    Some(data_dir.with_file_name(name))
}

/// The absolute path without links or dots, as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
        plain = plain.canonicalize().unwrap_or(plain);
    }
    plain
}

fn trusted_proxies(settings: &Settings, problems: &mut Problems) -> Vec<IpNet> {
    let cure = "write addresses or networks: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`";
    let Some(setting) = settings.get("trusted_proxies", problems) else { return Vec::new() };
    let mut networks = Vec::new();
    for item in setting.items(&[',', ' '], problems, cure) {
        match network(&item.text) {
            Some(network) if network.trunc() == network => networks.push(network),
            Some(network) => {
                let cure = format!("write `{}` or `{}`", network.trunc(), network.addr());
                setting.wrong_at(item.span, problems, "names an address within a network", &cure);
            }
            None => setting.wrong_at(item.span, problems, "holds something that is no network", cure),
        }
    }
    networks
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn limits(settings: &Settings, problems: &mut Problems) -> Limits {
    let mut limits = Limits::default();
    for bound in BOUNDS {
        let key = format!("limits.{}", bound.name);
        let Some(setting) = settings.get(&key, problems) else { continue };
        let default = bound.range.unit.written((bound.read)(&limits));
        let cure = format!("{}; the default is {default}", bound.range.cure());
        if let Some(value) = number(&setting, bound.range, &cure, problems) {
            (bound.set)(&mut limits, value);
        }
    }
    if limits.capture_total_bytes_max < limits.capture_bytes_max {
        let all = settings.find("limits.capture_total_bytes_max");
        if let Some(setting) = all.or_else(|| settings.find("limits.capture_bytes_max")) {
            let cure = "raise `capture_total_bytes_max` or lower `capture_bytes_max`";
            setting.wrong(problems, "leaves no room: all copies together are smaller than one", cure);
        }
    }
    limits
}

pub(super) fn number(
    setting: &Setting<'_>,
    range: Range,
    cure: &str,
    problems: &mut Problems,
) -> Option<u64> {
    let Range { unit, least, most } = range;
    let value = match &setting.node.value {
        Yaml::Number(number) => number.as_u64(),
        Yaml::Text(text) => unit.parse(text.trim()),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    let within = value.filter(|value| (least..=most).contains(value));
    if within.is_none() {
        let what = match value {
            None => format!("is not {}", unit.accepts()),
            Some(value) if value < least => format!("is too small: the least is {}", unit.written(least)),
            Some(_) => format!("is too large: the most is {}", unit.written(most)),
        };
        setting.wrong(problems, &what, cure);
    }
    within
}

/// Whether connections begin with a PROXY header; somebody must be trusted to send it.
fn proxy_protocol(settings: &Settings, trusted: &[IpNet], problems: &mut Problems) -> bool {
    let Some(setting) = settings.get("proxy_protocol", problems) else { return false };
    let is_on = setting.flag(problems);
    if is_on && trusted.is_empty() {
        let cure = "name the balancers that send the header in `trusted_proxies`";
        setting.wrong(problems, "is on, and nobody may send the header", cure);
    }
    is_on
}

/// What becomes of requests that cannot be recorded.
fn on_failure(settings: &Settings, problems: &mut Problems) -> OnFailure {
    let Some(setting) = settings.get("on_failure", problems) else { return OnFailure::default() };
    let cure = "write `allow` or `refuse`";
    match setting.text(problems, cure) {
        Some("allow") => OnFailure::Allow,
        Some("refuse") => OnFailure::Refuse,
        Some(_) => {
            setting.wrong(problems, "is neither `allow` nor `refuse`", cure);
            OnFailure::default()
        }
        None => OnFailure::default(),
    }
}

fn workers(settings: &Settings, problems: &mut Problems) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Some(setting) = settings.get("workers", problems) else { return cores };
    let cure = format!("{}; the default is the number of cores", WORKERS.cure());
    let value = number(&setting, WORKERS, &cure, problems);
    value.and_then(|value| usize::try_from(value).ok()).unwrap_or(cores)
}

/// Two listeners on one place, or a proxy that forwards to itself.
fn refuse_collisions(
    settings: &Settings,
    listen: SocketAddr,
    upstream: &Upstream,
    admin: &Admin,
    problems: &mut Problems,
) {
    let everywhere = listen.ip().is_unspecified() || admin.listen.ip().is_unspecified();
    let same_port = listen.port() == admin.listen.port() && listen.port() != 0;
    let place = settings.find("admin.listen").or_else(|| settings.find("listen"));
    if let (true, Some(setting)) = (same_port && (everywhere || listen.ip() == admin.listen.ip()), place) {
        setting.wrong(problems, "collides: `listen` and `admin.listen` are one place", "change one port");
    }
    let is_ours = upstream.is(listen) || upstream.is(admin.listen);
    if let (true, Some(setting)) = (is_ours, settings.find("upstream")) {
        let cure = "name the application's own address";
        setting.wrong(problems, "is Earwitness itself: requests would go round in circles", cure);
    }
}

const WORKERS: Range = Range { unit: Unit::Count, least: 1, most: 1_024 };
