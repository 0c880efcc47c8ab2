//! Integration tests: a real proxy and a real upstream on port 0, spoken to in raw bytes. One binary, one
//! file per subject; what is run in the same way stands together.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the place and the value")]

mod access;
mod authority;
mod bad_input;
mod fidelity;
mod gullible;
mod house;
mod image;
mod multipart;
mod process;
mod rig;
mod threats;
mod tools;
mod wire;
