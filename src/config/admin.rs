//! The keys of `admin`: where the audit listener is, and who comes in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;
use http::uri::Authority;

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
            origins: Vec::new(),
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
    let (origins, embed) =
        (origins("admin.origins", settings, problems), origins("admin.embed", settings, problems));
    Admin { listen, token, hosts, origins, address, embed, tokens_file, oidc, is_closed }
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

fn origins(key: &str, settings: &Settings, problems: &mut Problems) -> Vec<String> {
    let cure = "write whole origins, such as `https://office.example.org`";
    let Some(setting) = settings.get(key, problems) else { return Vec::new() };
    let mut origins = Vec::new();
    for item in setting.items(&[',', ' '], problems, cure) {
        match origin(&item.text) {
            Some(origin) => origins.push(origin),
            None => setting.wrong_at(
                item.span,
                problems,
                "holds something that is not the origin of a site",
                cure,
            ),
        }
    }
    origins
}

/// An origin as browsers send it (RFC 6454 section 6.2): in small letters, without a port that its scheme implies, and never all
/// of them.
pub fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let implied = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase().parse().ok()?;
    let text = authority.as_str();
    // They become part of a policy, too: nothing else can stand in one.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_whole = text.bytes().all(fits) && !authority.host().is_empty();
    let is_port = text.len() == authority.host().len() || authority.port_u16().is_some();
    let bare = text.strip_suffix(implied).unwrap_or(text);
    (is_whole && is_port).then(|| format!("{scheme}://{bare}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it_and_is_one() {
        for (text, expected) in [
            ("https://desk.example.org", Some("https://desk.example.org")),
            ("HTTPS://Desk.Example.org:443/", Some("https://desk.example.org")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://localhost:80", Some("http://localhost")),
            ("https://localhost:80", Some("https://localhost:80")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("*", None),
            ("null", None),
            ("desk.example.org", None),
            ("https://", None),
            ("https://*.example.org", None),
            ("https://desk.example.org/page", None),
            ("https://desk.example.org?a", None),
            ("https://me@desk.example.org", None),
            ("https://desk.example.org:", None),
            ("https://desk.example.org:99999", None),
            ("ftp://desk.example.org", None),
            ("https://a.example https://b.example", None),
        ] {
            assert_eq!(origin(text).as_deref(), expected, "{text}");
        }
    }
}
