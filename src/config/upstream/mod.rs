//! The application: where it is, and how it is spoken to.
//!
//! The address stands in the configuration and nowhere else: nothing that a client sends can change it
//! (THREATS D09). So it has no path, no query and no user.

mod tls;

#[cfg(test)]
mod tests;

pub use tls::UpstreamTls;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::Uri;

use crate::yaml::Problems;

use super::check::required;
use super::settings::{Setting, Settings};

/// The application behind the proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// What the bytes go over.
    pub transport: Transport,
    /// True: HTTP/2 is spoken with it, over TLS where it agrees. False: HTTP/1.1.
    pub is_http2: bool,
}

/// What the bytes to the application go over.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// TCP, in clear.
    Tcp(HostPort),
    /// TLS over TCP.
    Tls(HostPort, UpstreamTls),
    /// A Unix socket, in clear.
    Unix(PathBuf),
}

/// A place in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Host name or address, in lower case; an IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Upstream {
    /// An application that is reached by TCP in clear.
    pub fn tcp(address: SocketAddr) -> Upstream {
        let (host, port) = (address.ip().to_string(), address.port());
        Upstream { transport: Transport::Tcp(HostPort { host, port }), is_http2: false }
    }

    /// What stands in `Host` where a client gives none.
    pub fn host(&self) -> String {
        match &self.transport {
            Transport::Tcp(at) | Transport::Tls(at, _) => at.to_string(),
            Transport::Unix(_) => "localhost".to_owned(),
        }
    }

    /// True when whoever answers is believed to be the application, whatever its certificate says.
    pub fn is_unverified(&self) -> bool {
        match &self.transport {
            Transport::Tls(_, tls) => !tls.is_verified,
            Transport::Tcp(_) | Transport::Unix(_) => false,
        }
    }

    /// True where a connection to that listener of ours would be one to the application.
    pub(super) fn is(&self, ours: SocketAddr) -> bool {
        let at = match &self.transport {
            Transport::Tcp(at) | Transport::Tls(at, _) => at,
            Transport::Unix(_) => return false,
        };
        let host = if at.host == "localhost" { "127.0.0.1" } else { &at.host };
        host.parse().is_ok_and(|ip: IpAddr| {
            let is_here = ours.ip() == ip || (ours.ip().is_unspecified() && ip.is_loopback());
            is_here && ours.port() == at.port
        })
    }
}

/// As an operator would write it.
impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transport {
            Transport::Tcp(at) => write!(formatter, "http://{at}"),
            Transport::Tls(at, _) => write!(formatter, "https://{at}"),
            Transport::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

/// The application of a configuration.
pub(super) fn upstream(settings: &Settings, problems: &mut Problems) -> Option<Upstream> {
    let place = required(settings, "upstream", "http://127.0.0.1:3000", problems, place);
    let wants_tls = matches!(place, Some(Place::Https(_)));
    let tls = tls::tls(settings, place.as_ref().and_then(Place::host), problems);
    if !wants_tls
        && place.is_some()
        && let Some(setting) = tls::first(settings)
    {
        let cure = "write `upstream: https://…`, or remove it: nothing would be encrypted";
        setting.wrong(problems, "is given, and `upstream` does not begin with `https://`", cure);
    }
    let transport = match place? {
        Place::Http(at) => Transport::Tcp(at),
        Place::Https(at) => Transport::Tls(at, tls?),
        Place::Unix(path) => Transport::Unix(path),
    };
    let http2 = settings.get("upstream_http2", problems);
    let is_http2 = http2.is_some_and(|setting| setting.flag(problems));
    Some(Upstream { transport, is_http2 })
}

/// What `upstream` says.
enum Place {
    Http(HostPort),
    Https(HostPort),
    Unix(PathBuf),
}

impl Place {
    /// The host that TLS is spoken with.
    fn host(&self) -> Option<&str> {
        match self {
            Place::Https(at) => Some(&at.host),
            Place::Http(_) | Place::Unix(_) => None,
        }
    }
}

fn place(setting: &Setting<'_>, problems: &mut Problems) -> Option<Place> {
    let place = parse(setting.text(problems, EXAMPLES)?);
    place.map_err(|(what, cure)| setting.wrong(problems, what, cure)).ok()
}

/// Where the application is, or what is wrong with the text and the cure.
fn parse(text: &str) -> Result<Place, (&'static str, &'static str)> {
    let (scheme, rest) = text.split_once(':').ok_or(("does not begin with `http://`", EXAMPLES))?;
    match (scheme.to_ascii_lowercase().as_str(), rest.starts_with("//")) {
        ("unix", _) => socket(rest).map(Place::Unix),
        ("http", true) => host_port(text, 80).map(Place::Http),
        ("https", true) => host_port(text, 443).map(Place::Https),
        (_, true | false) => Err(("does not begin with `http://`, `https://` or `unix:/`", EXAMPLES)),
    }
}

fn socket(path: &str) -> Result<PathBuf, (&'static str, &'static str)> {
    let cure = "write the socket's whole path: `unix:/run/app.sock`";
    if !path.starts_with('/') {
        return Err(("names no whole path to a socket", cure));
    }
    if path.len() > SOCKET_PATH_BYTES_MAX {
        return Err(("is longer than the path of a socket may be, 107 bytes", cure));
    }
    if path.contains(['\0', '?', '#']) || path.ends_with('/') {
        return Err(("is not the path of a socket", cure));
    }
    Ok(PathBuf::from(path))
}

fn host_port(text: &str, default_port: u16) -> Result<HostPort, (&'static str, &'static str)> {
    let uri: Uri = text.parse().map_err(|_| ("is not a URL", EXAMPLES))?;
    let authority = uri.authority().ok_or(("names no host", EXAMPLES))?;
    if authority.as_str().contains('@') {
        return Err(("holds a user name or password", "leave it out: clients bring their own"));
    }
    if uri.path() != "/" || uri.query().is_some() || text.contains('#') {
        return Err(("has a path", "leave it out: paths are passed on as they come"));
    }
    let host = authority.host();
    let port = authority.port_u16().unwrap_or(default_port);
    let has_odd_port = authority.port().is_none() && authority.as_str().len() > host.len();
    if host.is_empty() || port == 0 || has_odd_port {
        return Err(("names no host and port that can be connected to", EXAMPLES));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Ok(HostPort { host, port })
}

const EXAMPLES: &str =
    "write it as `http://127.0.0.1:3000`, `https://app.example.org` or `unix:/run/app.sock`";
/// `sun_path` of unix(7), without its end.
const SOCKET_PATH_BYTES_MAX: usize = 107;
