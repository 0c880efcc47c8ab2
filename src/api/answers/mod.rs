//! What answers have in common, whatever route made them: `origins` says which pages elsewhere may see them, `tags` whether
//! their reader has them already, `coding` whether they are made small on the way.

pub(super) mod coding;
pub(super) mod origins;
pub(super) mod tags;
#[cfg(test)]
mod tests;
