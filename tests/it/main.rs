//! Integration tests: a real proxy and a real upstream on port 0, spoken to in raw bytes. One binary, one
//! file per subject.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the place and the value")]

mod audited;
mod bad_input;
mod blind;
mod check_page;
mod coverage;
mod endings;
mod explain;
mod framing;
mod gullible;
mod house;
mod process;
mod proxying;
mod reads;
mod record;
mod replay;
mod restart;
mod rig;
mod script;
mod suggest;
mod threats;
mod trials;
