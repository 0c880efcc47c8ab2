//! A log that holds events before anything runs.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use earwitness::config::Limits;
use earwitness::event::Event;
use earwitness::record::{Log, Urgency};
use earwitness::telemetry::Metrics;
use serde_json::Value;

use super::{Process, notes, request};

const KEY: [u8; 32] = [9; 32];
/// The header that the audit listener of such an installation asks for.
pub(super) const TOKEN: &str = "authorization: Bearer 0123456789abcdef\r\n";

/// An installation whose log holds these, recorded batch by batch; and the lines of its configuration.
pub(super) fn recorded(batches: Vec<Vec<Event>>) -> (tempfile::TempDir, String) {
    let folder = notes();
    let key = folder.path().join("data.key");
    std::fs::write(&key, KEY).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let data = folder.path().join("data");
    let log = Log::open(&data, Some(KEY), &Limits::default(), Arc::clone(&Metrics::new())).unwrap();
    for events in batches {
        runtime.block_on(log.record(events, Urgency::Now)).unwrap();
    }
    log.close(Duration::from_secs(20));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (folder, format!("admin: {{ listen: \"{free}\", token: 0123456789abcdef }}\n"))
}

/// The newest of its events that fit.
pub(super) fn events(process: &Process, filter: &str) -> Vec<Value> {
    let line = format!("GET /audit/v1/events?limit=200{filter} HTTP/1.1");
    let (status, body) = request(process.audit, &line, TOKEN, "").unwrap();
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["data"].as_array().unwrap().clone()
}
