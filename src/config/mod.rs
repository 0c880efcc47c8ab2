//! The configuration: what the operator wrote, checked.

mod admin;
mod bounds;
mod changes;
mod check;
mod checkpoints;
mod credentials;
mod env;
mod erasure;
mod file;
mod grant;
mod limits;
mod mask;
mod methods;
mod oidc;
mod packs;
mod retention;
mod secret;
mod settings;
mod telemetry;
mod tls;
mod upstream;

pub use admin::origin;
pub use changes::Changes;
pub use checkpoints::Checkpoints;
pub use credentials::Credential;
pub use env::environment;
pub use erasure::{Approval, Erasure};
pub use grant::{GRANTS, Grant, Shows};
pub use limits::Limits;
pub use oidc::{ClaimGrant, Oidc, SignIn};
pub use packs::PackPlace;
pub use retention::{Hold, Keep, Policy, Retention, Selection};
pub use secret::Secret;
pub use telemetry::Telemetry;
pub use tls::{ClientCertificates, Tls, TlsFault, TlsFaults, TlsVersion};
pub use upstream::{HostPort, Transport, Upstream, UpstreamTls};

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Method;
use ipnet::IpNet;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// With what they are met over TLS; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// The application.
    pub upstream: Upstream,
    /// Where operators and auditors connect.
    pub admin: Admin,
    /// Where journal and store live.
    pub data_dir: PathBuf,
    /// The secret for keyed hashes; never inside `data_dir`. Made at the first start.
    pub key_file: PathBuf,
    /// The key that signs checkpoints; never inside `data_dir`. Made at the first start.
    pub signing_key_file: PathBuf,
    /// Where checkpoints are kept besides.
    pub checkpoints: Checkpoints,
    /// Rule packs: folders, or single files.
    pub rules: Vec<PackPlace>,
    /// What rules may read the application with, instead of the caller's own credentials.
    pub credentials: Vec<Credential>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// True when each connection begins with a PROXY header, which only `trusted_proxies` may send.
    pub proxy_protocol: bool,
    /// The only methods that reach the application; none listed for all.
    pub methods: Vec<Method>,
    /// Ceilings.
    pub limits: Limits,
    /// Worker threads of the proxy.
    pub workers: usize,
    /// Whether rules and configuration are loaded anew when their files change.
    pub watch: bool,
    /// Whether a request without a trace gets one.
    pub trace_context: bool,
    /// Where spans of requests go; `None` when none are made.
    pub telemetry: Option<Telemetry>,
    /// What becomes of a request that cannot be recorded, where its rule does not say.
    pub on_failure: OnFailure,
    /// What may leave the log.
    pub retention: Retention,
    /// What an erasure of a person's values needs.
    pub erasure: Erasure,
}

/// What becomes of a request that cannot be recorded before it is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is forwarded: the application keeps working.
    #[default]
    Allow,
    /// It is answered 503.
    Refuse,
}

/// The audit listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its address; loopback only when there is no token.
    pub listen: SocketAddr,
    /// The bearer token that readers must show.
    pub token: Option<Secret>,
    /// Host names (lower case, no port) by which the audit listener may be addressed, beside loopback names and
    /// its address.
    pub hosts: Vec<String>,
    /// Where people's browsers find the viewer, without a slash at its end: `https://audit.example.org`.
    pub address: Option<String>,
    /// Sites whose pages may show the timeline of a link in a frame, as origins: `https://office.example.org`.
    pub embed: Vec<String>,
    /// Origins (as a browser writes them) whose pages may read, with a token.
    pub origins: Vec<String>,
    /// The file of the tokens that `earwitness token` makes; where it is there, readers must show one.
    pub tokens_file: Option<PathBuf>,
    /// Whose tokens readers may show, too.
    pub oidc: Option<Oidc>,
    /// True when readers must show something even where there is no such file yet.
    pub is_closed: bool,
}

#[cfg(test)]
mod tests;
