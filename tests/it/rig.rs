//! The rig: a proxy, a scripted upstream, and a client, all over real sockets and in raw bytes, so that a
//! test sees what went over the wire and not what a library made of it. Every wait has a deadline.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use earwitness::config::{Admin, Checkpoints, Config, Erasure, Limits, OnFailure, Retention, Upstream};
use earwitness::derive::{Answers, Plan, ReadRequest};
use earwitness::event::Event;
use earwitness::exchange::{Capture, Client, Exchange, Request};
use earwitness::proxy::{Audit, Proxy, Recording};
use earwitness::record::Urgency;
use earwitness::rules::router::{Candidate, HeadView};
use earwitness::serve::{Entrance, Workers};
use earwitness::telemetry::Metrics;
use parking_lot::Mutex;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running proxy.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    workers: Option<Workers>,
}

impl Rig {
    /// A proxy with one worker before that upstream.
    pub(crate) fn before(upstream: SocketAddr) -> Rig {
        Rig::with(upstream, |_| {})
    }

    /// The same, with other settings.
    pub(crate) fn with(upstream: SocketAddr, change: impl FnOnce(&mut Config)) -> Rig {
        Rig::audited(upstream, Arc::new(Nothing), change)
    }

    /// A proxy that asks that audit.
    pub(crate) fn audited(
        upstream: SocketAddr,
        audit: Arc<dyn Audit>,
        change: impl FnOnce(&mut Config),
    ) -> Rig {
        let mut config = config(upstream);
        change(&mut config);
        let metrics = Metrics::new();
        let proxy = Proxy::new(Arc::new(config.clone()), audit, Arc::clone(&metrics));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let entrance = Entrance::new(&config, &metrics).unwrap();
        let make = move || proxy.worker();
        let workers = Workers::start(listener, config.workers, entrance, &metrics, make).unwrap();
        Rig { address, metrics, workers: Some(workers) }
    }

    pub(crate) fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }

    /// Sends one request on a connection of its own; everything that comes back.
    pub(crate) fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut wire = self.connect();
        wire.send(request);
        wire.read_message()
    }

    pub(crate) fn stop(mut self) {
        if let Some(workers) = self.workers.take() {
            workers.stop();
        }
    }

    /// The value of a metric's line, by the line's start.
    pub(crate) fn metric(&self, start: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find(|line| line.starts_with(start));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Not waited for: a failing test must not hang in its own clean-up.
        drop(self.workers.take());
    }
}

/// An audit that no request concerns.
struct Nothing;

impl Audit for Nothing {
    fn candidates(&self, _: &HeadView<'_>) -> Vec<Candidate> {
        Vec::new()
    }

    fn plan(&self, _: Vec<Candidate>, _: &Request, _: &Client) -> Plan {
        Plan::default()
    }

    fn plan_with_body(&self, plan: Plan, _: &Request, _: &Client, _: &Capture) -> Plan {
        plan
    }

    fn reads_after(&self, _: &Plan, _: &Exchange, _: &Answers) -> Vec<ReadRequest> {
        Vec::new()
    }

    fn derive(&self, _: Plan, _: &Exchange, _: &Answers, _: &mut dyn FnMut() -> uuid::Uuid) -> Vec<Event> {
        Vec::new()
    }

    fn record(&self, _: Vec<Event>, _: Option<uuid::Uuid>, _: Urgency) -> Recording {
        Box::pin(std::future::ready(Ok(())))
    }
}

pub(crate) fn config(upstream: SocketAddr) -> Config {
    let any = "127.0.0.1:0".parse().unwrap();
    Config {
        listen: any,
        tls: None,
        upstream: Upstream::tcp(upstream),
        admin: Admin::open(any),
        data_dir: PathBuf::new(),
        key_file: PathBuf::new(),
        signing_key_file: PathBuf::new(),
        checkpoints: Checkpoints::default(),
        rules: Vec::new(),
        credentials: Vec::new(),
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        methods: Vec::new(),
        limits: Limits { shutdown_ms: 5_000, ..Limits::default() },
        workers: 1,
        watch: false,
        trace_context: true,
        telemetry: None,
        on_failure: OnFailure::Allow,
        retention: Retention::default(),
        erasure: Erasure::default(),
    }
}

/// An application that does what the test says, one thread for each connection.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// Runs the script on every connection.
    pub(crate) fn scripted(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> App {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let app = App { address, connections: Arc::clone(&connections), seen: Arc::clone(&seen) };
        let script = Arc::new(script);
        thread::spawn(move || {
            for socket in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                thread::spawn(move || {
                    let mut wire = Wire::new(socket.unwrap());
                    wire.seen = Some(seen);
                    script(&mut wire);
                });
            }
        });
        app
    }

    /// Answers every request with that.
    pub(crate) fn answering(response: impl Into<Vec<u8>>) -> App {
        let response = response.into();
        App::scripted(move |wire| while wire.next_request().is_some() && wire.try_send(&response) {})
    }

    /// Answers every request with 200 and the request itself, head and body.
    pub(crate) fn echoing() -> App {
        App::scripted(|wire| {
            while let Some(request) = wire.next_request() {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len());
                if !wire.try_send(head + &request) {
                    return;
                }
            }
        })
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that came, heads and bodies as raw text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().clone()
    }
}

/// A socket, read message by message.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
    seen: Option<Arc<Mutex<Vec<String>>>>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Wire {
        Wire::new(TcpStream::connect(address).unwrap())
    }

    fn new(socket: TcpStream) -> Wire {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Wire { socket, buffer: Vec::new(), seen: None }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.socket.write_all(bytes.as_ref()).is_ok()
    }

    /// A head, its empty line included; `None` at the end of the connection.
    pub(crate) fn read_head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return Some(self.take(end + 4));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next bytes, that many; fewer at the end of the connection.
    pub(crate) fn read_bytes(&mut self, count: usize) -> String {
        while self.buffer.len() < count && self.fill() {}
        self.take(count.min(self.buffer.len()))
    }

    /// How much was read and not taken yet.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Everything until the other end closes.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.fill() {}
        self.take(self.buffer.len())
    }

    /// A message: a head and the body that it announces, chunks as they are.
    pub(crate) fn read_message(&mut self) -> String {
        let Some(head) = self.read_head() else { return self.read_to_end() };
        let body = self.read_body(&head);
        head + &body
    }

    /// The body that a head announces.
    pub(crate) fn read_body(&mut self, head: &str) -> String {
        let lower = head.to_ascii_lowercase();
        if let Some(length) = value_of(&lower, "content-length") {
            return self.read_bytes(length.parse().unwrap());
        }
        if lower.contains("transfer-encoding: chunked") {
            return self.read_chunks();
        }
        String::new()
    }

    fn read_chunks(&mut self) -> String {
        let mut all = String::new();
        loop {
            let line = self.read_line();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            all += &line;
            if size == 0 {
                break;
            }
            all += &self.read_bytes(size + 2);
        }
        loop {
            let line = self.read_line();
            all += &line;
            if line == "\r\n" {
                return all;
            }
        }
    }

    fn read_line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\r\n") {
                return self.take(end + 2);
            }
            assert!(self.fill(), "the connection ended in a line: {:?}", self.buffer);
        }
    }

    /// At the application's end: the next request, which is also kept for [`App::requests`].
    pub(crate) fn next_request(&mut self) -> Option<String> {
        let head = self.read_head()?;
        let body = self.read_body(&head);
        let request = head + &body;
        if let Some(seen) = &self.seen {
            seen.lock().push(request.clone());
        }
        Some(request)
    }

    fn fill(&mut self) -> bool {
        let mut space = [0; 16 << 10];
        match self.socket.read(&mut space) {
            Ok(count) => {
                self.buffer.extend_from_slice(&space[..count]);
                count > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => {
                panic!("nothing came in time: {error}; so far {:?}", String::from_utf8_lossy(&self.buffer))
            }
        }
    }

    fn take(&mut self, count: usize) -> String {
        let rest = self.buffer.split_off(count);
        String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest)).into_owned()
    }
}

/// The value of a header in a head's text, by its name in lower case.
pub(crate) fn value_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::yield_now();
    }
}

/// The least event.
pub(crate) fn event(exchange: uuid::Uuid) -> Event {
    serde_json::from_value(serde_json::json!({
        "format": 1, "id": exchange, "time": "2026-01-01T00:00:00Z", "exchangeId": exchange, "action": "X",
        "title": "X", "message": { "text": "X", "parts": [{ "text": "X" }] }, "actor": { "type": "user", "assurance": "none" },
        "result": "success", "before": { "state": "none" }, "client": { "ip": "127.0.0.1" },
        "request": { "id": "x", "method": "POST", "url": "http://x/" },
        "rule": { "id": "x", "version": "x" }, "match": { "certainty": "certain", "by": "raw" },
    }))
    .unwrap()
}
