//! Earwitness: an audit log for applications that have none.
//!
//! A reverse proxy that runs beside an existing application, passes its traffic on unchanged, and derives
//! audit records from it by rules. This page is the map of the code, told as the life of one request.
//!
//! ```text
//! client ─► serve ─► proxy ─┬─ no rule ──────────────────────────────► application
//!                           └─ rules::router found candidates
//!                                derive::Engine::plan   what must be read first
//!                                proxy::reads           ask the application: before, who
//!                                proxy::bodies          forward; copy both bodies, bounded
//!                                derive::Engine::derive exchange + answers -> events (pure)
//!                                record::Log            journal (synced) ─► tail ─► store
//!                           ◄── the answer's end, when the record is synced
//! reader ─► api ─► record::Log: tail and store as one
//! ```
//!
//! 1. [`serve`] accepts. One thread per worker, a runtime each; a *gate* looks at each raw head before
//!    hyper does and refuses what two parsers could read differently.
//! 2. [`proxy`] asks [`rules`]' router which rules the request line may concern. None: both bodies are
//!    streamed, and nothing of it is copied.
//! 3. Otherwise [`derive::Engine`] says what must be known before the request destroys it (the booking as it
//!    is, whose session this is); the proxy asks the application, within a deadline.
//! 4. The request is forwarded by a task that the client's connection does not own: who hangs up is recorded
//!    too. The copies of the bodies ([`exchange::Capture`]) have a limit each and a budget together.
//! 5. [`capture`] undoes content codings and turns bodies into documents; [`rules`]' expressions look at
//!    them, redacted; [`mod@derive`] makes events.
//! 6. [`record::Log`] writes them to the [`journal`], many requests with one sync, and answers; a mover hands
//!    them to the [`store`] later.
//! 7. [`api`] reads journal and store as one. A reload puts other rules into force beside all this: a request ends
//!    with the ones that it began with. [`cli`] has the commands, and [`app`] puts it all together; those of its commands
//!    that read the log ask the routes of [`api`] too, whoever holds it.
//!
//! # Floors
//!
//! A room imports only from floors above its own; `tests/it/house.rs` holds this table.
//!
//! | floor | rooms | what lives there |
//! |---|---|---|
//! | values | [`value`] | what documents are made of |
//! | nouns | [`event`], [`exchange`] | plain data: no I/O, no clock |
//! | text | [`yaml`] | YAML with places, and problems with cures |
//! | settings | [`config`], [`rules`] | text to checked types; matching, values, conditions, redaction: pure |
//! | reading | [`capture`] | bodies to documents, one file per format: pure |
//! | meaning | [`mod@derive`], [`traffic`], [`export`] | rules, exchange, answers to events; files of traffic to exchanges and back: pure; events to files, a form each |
//! | memory | [`journal`], [`store`] | the write-ahead log; the store's trait and its embedded form, the only room that names sled |
//! | word | [`notary`] | what the log says of itself to others, signed: keys, notes, checkpoints |
//! | watching | [`telemetry`] | metrics, each defined once; logs |
//! | work | [`record`], [`serve`], [`blind`] | the log as writers and readers see it; listeners and workers; what no rule has seen |
//! | faces | [`proxy`], [`api`], [`cli`] | the story of a request; the query endpoint and its page, the viewer; the commands |
//! | roof | [`app`] | builds every part, starts, waits, stops in order |
//!
//! # What holds everywhere
//!
//! - A condition is yes, no or *doubt*; doubt still makes an event, and says why.
//! - Bytes pass as they came, or not at all. Decoding and normalising happen on our copy.
//! - Every size, depth, count and wait has a limit ([`config::Limits`]), and reaching it is a note or a metric.
//! - Derivation cannot fail: bad traffic is data, and there is a minimal event that always fits.

pub mod api;
pub mod app;
pub mod blind;
pub mod capture;
pub mod cli;
pub mod config;
pub mod derive;
pub mod event;
pub mod exchange;
pub mod export;
pub mod journal;
pub mod notary;
pub mod proxy;
pub mod record;
pub mod rules;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod traffic;
pub mod value;
pub mod yaml;
