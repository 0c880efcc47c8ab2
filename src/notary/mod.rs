//! What the log says of itself to others, signed: keys, signed notes, checkpoints. Nothing here touches the log.
//!
//! The forms are public ones, so that other tools read them: signed notes (C2SP signed-note), checkpoints (C2SP
//! tlog-checkpoint), keys as the note package of Go writes them, signatures Ed25519 (RFC 8032).

mod checkpoint;
mod key;
mod note;
mod succession;

pub use checkpoint::{Checkpoint, checkpoints_in};
pub use key::{KeyFault, any, load_or_create, replace};
pub use note::{NoteFault, Signer, Verifier};
pub use succession::{KEYS_FILE, Succession, succeeded};
