//! The keys of `admin`: where the audit listener is, and who comes in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;

use crate::yaml::Problems;

use super::check::{address, beside, outside};
use super::oidc::{bare_host, is_plain, is_safe};
use super::settings::{Setting, Settings};
use super::{Admin, Secret, oidc};

impl Admin {
    /// A listener that asks nobody for anything, and so must stay on loopback.
    pub fn open(listen: SocketAddr) -> Admin {
        Admin {
            listen,
            token: None,
            hosts: Vec::new(),
            address: None,
            embed: Vec::new(),
            tokens_file: None,
            oidc: None,
            is_closed: false,
        }
    }
}

/// The audit listener.
pub(super) fn admin(settings: &Settings, data_dir: &Path, problems: &mut Problems) -> Admin {
    let given = settings.get("admin.listen", problems);
    let listen = given.as_ref().and_then(|setting| address(setting, problems)).unwrap_or(LISTEN);
    let hosts = hosts(settings, problems);
    let address =
        settings.get("admin.address", problems).and_then(|setting| home(&setting, &hosts, problems));
    let errors_before = problems.error_count();
    let token = settings.get("admin.token", problems).and_then(|setting| token(&setting, problems));
    let tokens = settings.get("admin.tokens_file", problems);
    let oidc = oidc::oidc(settings, address.as_deref(), problems);
    let is_closed =
        token.is_some() || tokens.is_some() || oidc.is_some() || problems.error_count() > errors_before;
    if let (Some(setting), false, false) = (given, listen.ip().is_loopback(), is_closed) {
        problems
            .error("C02", setting.source, setting.node.span, "the audit log would be open to the network")
            .cure("set admin.token or admin.tokens_file, or listen on 127.0.0.1");
    }
    let tokens_file = tokens_file(tokens.as_ref(), data_dir, problems);
    let embed = embed(settings, problems);
    Admin { listen, token, hosts, address, embed, tokens_file, oidc, is_closed }
}

fn token(setting: &Setting<'_>, problems: &mut Problems) -> Option<Secret> {
    let cure = "make one with `openssl rand -hex 32`, and put it in quotes";
    let text = setting.text(problems, cure)?;
    // RFC 6750 section 2.1: what can stand in an Authorization header.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if text.len() < TOKEN_BYTES_MIN {
        setting.wrong(problems, "is shorter than 16 characters", cure);
    } else if text.len() > TOKEN_BYTES_MAX {
        setting.wrong(problems, "is longer than 1,024 characters", cure);
    } else if !text.bytes().all(fits) {
        setting.wrong(problems, "holds characters other than letters, digits and `-._~+/=`", cure);
    } else {
        return Some(Secret::new(text));
    }
    None
}

fn hosts(settings: &Settings, problems: &mut Problems) -> Vec<String> {
    let cure = "write names alone, such as `audit.example.org`";
    let Some(setting) = settings.get("admin.hosts", problems) else { return Vec::new() };
    let mut hosts = Vec::new();
    for item in setting.items(&[',', ' '], problems, cure) {
        let bare = item.text.trim_start_matches('[').trim_end_matches(']');
        let is_name = !bare.is_empty()
            && bare.len() <= 253
            && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if is_name || bare.parse::<IpAddr>().is_ok() {
            hosts.push(bare.to_ascii_lowercase());
        } else {
            setting.wrong_at(item.span, problems, "holds something that is not a host name", cure);
        }
    }
    hosts
}

/// Where people's browsers find the viewer: people are sent there, so that a request has no say in it.
fn home(setting: &Setting<'_>, hosts: &[String], problems: &mut Problems) -> Option<String> {
    let cure = "write where people open the viewer: `https://audit.example.org`; `http://` is for this machine alone";
    let text = setting.text(problems, cure)?.trim_end_matches('/');
    let uri = text.parse::<Uri>().ok().filter(|uri| {
        let is_here = uri.scheme_str() == Some("http") && bare_host(uri).eq_ignore_ascii_case("localhost");
        is_plain(text, uri) && (is_safe(uri) || is_here)
    });
    let Some(uri) = uri else {
        setting.wrong(problems, "is not an address that browsers keep a session for", cure);
        return None;
    };
    let host = bare_host(&uri).to_ascii_lowercase();
    let is_name = host.parse::<IpAddr>().is_err() && host != "localhost";
    if is_name && !hosts.contains(&host) {
        setting.wrong(
            problems,
            "has a host that the audit listener does not answer to",
            "add it to `admin.hosts`",
        );
    }
    Some(text.to_owned())
}

/// Origins (RFC 6454 section 6.1), each named: they become part of a policy, so that nothing else can stand in them.
fn embed(settings: &Settings, problems: &mut Problems) -> Vec<String> {
    let cure = "write whole origins, such as `https://office.example.org`";
    let Some(setting) = settings.get("admin.embed", problems) else { return Vec::new() };
    let mut sites = Vec::new();
    for item in setting.items(&[',', ' '], problems, cure) {
        let text = item.text.trim_end_matches('/').to_ascii_lowercase();
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let is_origin = rest.is_some_and(|rest| rest.bytes().all(fits))
            && text.parse::<Uri>().is_ok_and(|uri| !bare_host(&uri).is_empty());
        if is_origin {
            sites.push(text);
        } else {
            setting.wrong_at(item.span, problems, "holds something that is not the origin of a site", cure);
        }
    }
    sites
}

/// Tokens live apart from data: a log that is restored from a backup must not bring back those that were revoked since.
fn tokens_file(setting: Option<&Setting<'_>>, data_dir: &Path, problems: &mut Problems) -> Option<PathBuf> {
    match setting {
        None => beside(data_dir, ".tokens"),
        Some(setting) => {
            outside(setting, data_dir, "so that an old copy of the data revives no token", problems)
        }
    }
}

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9090);
const TOKEN_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 1_024;
