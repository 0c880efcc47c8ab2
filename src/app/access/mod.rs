//! What the roof adds to access: the command that makes tokens, and the way by which what happens at the audit listener
//! gets into the log.

mod tell;
mod token;

pub(super) use tell::Teller;
pub use token::token;
