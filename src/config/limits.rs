//! Every ceiling in one place. Each has a default that is safe, and is counted when it is hit.

/// Ceilings; sizes in bytes, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A request's head.
    pub head_bytes_max: usize,
    /// Header lines in a message.
    pub headers_max: usize,
    /// The copy of one body.
    pub capture_bytes_max: usize,
    /// All copies of bodies together.
    pub capture_total_bytes_max: usize,
    /// A body after its content codings are undone.
    pub decoded_bytes_max: usize,
    /// A request body held back because a rule's read needs it.
    pub held_body_bytes_max: usize,
    /// How long a request body is held.
    pub held_body_ms: u64,
    /// Reads before a request, all together; a rule's own time for one ends within it.
    pub before_ms: u64,
    /// Reads of the application at a time.
    pub reads_max: usize,
    /// Reads that one client may cause in a second.
    pub client_reads_max: u32,
    /// Waiting for one's turn to change a thing.
    pub turn_ms: u64,
    /// Requests that wait for their turn at one thing.
    pub turn_waiters_max: usize,
    /// Remembered forms of things.
    pub snapshots_max: usize,
    /// All of them together, as JSON.
    pub snapshots_bytes_max: usize,
    /// Connecting to the application.
    pub connect_ms: u64,
    /// From the request's end to the head of the application's answer.
    pub upstream_ms: u64,
    /// The application's silence in the middle of an answer's body.
    pub upstream_body_ms: u64,
    /// A client's TLS handshake.
    pub handshake_ms: u64,
    /// A client's request head.
    pub head_ms: u64,
    /// A kept-alive connection without a request.
    pub idle_ms: u64,
    /// Waiting for an intent to be synced before a request is forwarded.
    pub intent_ms: u64,
    /// Intents that wait for the disk at a time; one client has a quarter of them at most.
    pub intents_max: usize,
    /// Waiting for a record to be synced before the end of an answer.
    pub record_ms: u64,
    /// At shutdown, how long it says that it is about to stop before it accepts nobody any more; may be 0.
    pub drain_ms: u64,
    /// Finishing what is in flight at shutdown.
    pub shutdown_ms: u64,
    /// After the client is gone: reading the application's answer for the record.
    pub abandoned_ms: u64,
    /// A client that is waited for, in the middle of a body or of taking an answer: in this time it must
    /// move `client_stall_bytes_min`.
    pub client_stall_ms: u64,
    /// What a client must move in `client_stall_ms`.
    pub client_stall_bytes_min: u64,
    /// A PROXY header.
    pub proxy_header_ms: u64,
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections of one client at a time: an IPv4 address, or 64 bits of IPv6. Trusted proxies are not
    /// counted.
    pub client_connections_max: usize,
    /// Streams of one HTTP/2 connection at a time.
    pub streams_max: u32,
    /// Requests on one connection; after the last it is closed.
    pub connection_requests_max: u64,
    /// Requests under way at a time.
    pub requests_max: usize,
    /// A request's body.
    pub request_body_bytes_max: u64,
    /// Events in the journal that the store has not taken yet.
    pub tail_bytes_max: usize,
    /// Events of a page.
    pub page_max: usize,
    /// One query.
    pub query_ms: u64,
    /// Queries at a time; others wait for their turn.
    pub queries_max: usize,
    /// Connections to the audit listener at a time.
    pub admin_connections_max: usize,
    /// Requests that one token may send to the audit listener in a second, over time; ten times as many at once.
    pub admin_requests_max: u32,
    /// How old a token of a provider of identities may be that a reader shows.
    pub bearer_ms: u64,
    /// How old what a provider has said of a person's roles may be, in a session.
    pub roles_ms: u64,
    /// Spans that wait to be sent.
    pub spans_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes_max: 64 << 10,
            headers_max: 100,
            capture_bytes_max: 1 << 20,
            capture_total_bytes_max: 64 << 20,
            decoded_bytes_max: 8 << 20,
            held_body_bytes_max: 1 << 20,
            held_body_ms: 2_000,
            before_ms: 1_000,
            reads_max: 256,
            client_reads_max: 1_000,
            turn_ms: 2_000,
            turn_waiters_max: 32,
            snapshots_max: 50_000,
            snapshots_bytes_max: 64 << 20,
            connect_ms: 5_000,
            upstream_ms: 60_000,
            upstream_body_ms: 300_000,
            handshake_ms: 10_000,
            head_ms: 15_000,
            idle_ms: 75_000,
            intent_ms: 1_000,
            intents_max: 4_096,
            record_ms: 5_000,
            drain_ms: 0,
            shutdown_ms: 20_000,
            abandoned_ms: 5_000,
            client_stall_ms: 60_000,
            client_stall_bytes_min: 6_000,
            proxy_header_ms: 1_000,
            connections_max: 10_000,
            client_connections_max: 1_000,
            streams_max: 100,
            connection_requests_max: 100_000,
            requests_max: 10_000,
            request_body_bytes_max: 1 << 40,
            tail_bytes_max: 64 << 20,
            page_max: 500,
            query_ms: 5_000,
            queries_max: 4,
            admin_connections_max: 256,
            admin_requests_max: 100,
            bearer_ms: 300_000,
            roles_ms: 300_000,
            spans_max: 4_096,
        }
    }
}
