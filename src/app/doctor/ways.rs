//! Ways to the application that do not lead through us (THREATS E71): what goes there is not recorded.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Finding;
use crate::config::{Config, HostPort, Transport};

const WHAT: &str = "application";

/// Tries to reach the application beside us, at this machine's addresses and at those given.
pub(super) async fn past(config: &Config, more: &[String]) -> Vec<Finding> {
    let mut findings = match &config.upstream.transport {
        Transport::Unix(path) => vec![socket(path)],
        Transport::Tcp(at) | Transport::Tls(at, _) => here(config, at).await,
    };
    for address in more {
        let found: Vec<SocketAddr> = match timeout(PATIENCE, lookup_host(address)).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if found.is_empty() {
            let cure = "give a host and a port, such as app.internal:8081";
            findings.push(Finding::look(WHAT, format!("{address} leads nowhere"), cure));
        }
        for address in found {
            findings.push(tried(address, answers(address).await));
        }
    }
    findings
}

/// The application on this machine must answer at loopback only; elsewhere, only its own front can tell.
async fn here(config: &Config, at: &HostPort) -> Vec<Finding> {
    let own: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    let resolved: Vec<IpAddr> = match lookup_host((at.host.as_str(), at.port)).await {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(error) => {
            let found = format!("{} cannot be looked up: {error}", at.host);
            return vec![Finding::look(WHAT, found, "look at `upstream`")];
        }
    };
    if !resolved.iter().any(|ip| ip.is_loopback() || own.contains(ip)) {
        let found = format!("{at} is another machine, and what may reach it cannot be seen from here");
        let cure = "let it accept nobody but Earwitness: a client certificate, or a firewall; and try its address from elsewhere with `--try`";
        return vec![Finding::look(WHAT, found, cure)];
    }
    let mut findings = Vec::new();
    for ip in own.into_iter().filter(|ip| !ip.is_loopback()) {
        let address = SocketAddr::new(ip, at.port);
        let is_ours =
            |ours: SocketAddr| ours.port() == at.port && (ours.ip() == ip || ours.ip().is_unspecified());
        if is_ours(config.listen) || is_ours(config.admin.listen) || is_link_local(ip) {
            continue;
        }
        if answers(address).await {
            findings.push(tried(address, true));
        }
    }
    if findings.is_empty() {
        let found = format!("{at} does not answer at this machine's other addresses");
        findings.push(Finding::ok(WHAT, found));
    }
    findings
}

fn tried(address: SocketAddr, answers: bool) -> Finding {
    if answers {
        let found = format!(
            "something answers at {address}: if that is the application, what goes there is not recorded"
        );
        Finding::bad(WHAT, found, "let the application listen on 127.0.0.1 or a Unix socket only")
    } else {
        Finding::ok(WHAT, format!("nothing answers at {address}"))
    }
}

/// Who may connect to a socket is who may write to it and enter its folder.
fn socket(path: &Path) -> Finding {
    let mode = |path: &Path| fs::metadata(path).map(|data| data.permissions().mode()).ok();
    let folder = path.parent().and_then(mode);
    match (mode(path), folder) {
        (None, _) => {
            Finding::look(WHAT, format!("there is no socket {}", path.display()), "start the application")
        }
        (Some(socket), Some(folder)) if socket & 0o002 != 0 && folder & 0o001 != 0 => {
            let found = format!("every user of this machine may use {}", path.display());
            Finding::bad(
                WHAT,
                found,
                "let only Earwitness enter its folder: chmod 750, with a group of its own",
            )
        }
        (Some(_), _) => Finding::ok(WHAT, format!("not everybody may use {}", path.display())),
    }
}

async fn answers(address: SocketAddr) -> bool {
    matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_)))
}

/// Needs a zone to connect to, and reaches no further than the next switch.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

const PATIENCE: Duration = Duration::from_secs(2);
