//! What those ask who run it: whether it works (`status`), by which rules (`rules`), what nothing recorded (`blind`), what leaves the log by age
//! (`retention`) or for a person's sake (`erasure`), and that it loads its files anew (`reload`). Who does these things is
//! told by a trait each; nothing here does them.

pub(super) mod blind;
pub(super) mod erasure;
pub(super) mod reload;
pub(super) mod retention;
pub(super) mod rules;
pub(super) mod status;
