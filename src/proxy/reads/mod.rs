//! What the application is asked, and by whose leave.
//!
//! [`reader`] asks; [`brake`] says whether it may, and [`turns`] who else changes the thing meanwhile. What
//! need not be asked is known here already: [`identity`] remembers people, [`recall`] things.

mod brake;
mod identity;
mod reader;
pub(super) mod recall;
mod turns;

pub(super) use brake::Brake;
pub(super) use identity::{Identities, Marks, Sessions};
pub(super) use reader::Reader;
pub(super) use turns::{Turn, Turns};
