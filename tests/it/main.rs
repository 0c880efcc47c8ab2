//! Integration tests: a real proxy and a real upstream on port 0, spoken to in raw bytes. One binary, one
//! file per subject.

#![allow(clippy::unwrap_used, reason = "a test may unwrap: its failure is the message")]

mod audited;
mod endings;
mod framing;
mod proxying;
mod reads;
mod rig;
mod script;
