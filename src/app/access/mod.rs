//! What the roof adds to access: the commands that make tokens and links, and the way by which what happens at the audit listener
//! gets into the log.

mod link;
mod tell;
mod token;

pub use link::link;
pub(super) use tell::Teller;
pub use token::token;
