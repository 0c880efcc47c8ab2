//! The commands of whoever writes or installs rule packs: what is wrong with them, what they may do, what
//! their tests say, what of an application they leave out, and a rule to begin with.
//!
//! They look at packs and at descriptions of applications, never at traffic; what plays recorded traffic is
//! in `replay` and `explain`.

pub(super) mod check;
mod coverage;
mod description;
mod permissions;
mod schema;
mod suggest;
mod trial;

pub use check::{check, load, show};
pub use coverage::coverage;
pub use schema::schema;
pub use suggest::suggest;
pub use trial::{test, trial_failures};
