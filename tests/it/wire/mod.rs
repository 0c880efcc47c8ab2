//! What goes over the wire, byte by byte: the proxy between a scripted client and a scripted application,
//! first without an audit, then with one that is scripted too. Rules and log have no part in it.

mod audited;
mod certificates;
mod endings;
mod fidelity;
mod framing;
mod http2;
mod intents;
mod limits;
mod proxied;
mod proxying;
mod raw;
mod reads;
mod script;
mod signed;
mod tls;
mod tunnels;
pub(crate) mod upstream;
