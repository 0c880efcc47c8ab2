//! What answers have in common, whatever route made them: `origins` says which pages elsewhere may see them, `tags` whether
//! their reader has them already, `form` how much of an event is in them, `coding` whether they are made small on the way;
//! `problem` is the answer that refuses.

pub(super) mod coding;
pub(super) mod form;
pub(super) mod origins;
pub(super) mod problem;
pub(super) mod tags;
#[cfg(test)]
mod tests;
