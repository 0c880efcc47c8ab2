//! The commands beside `serve`, as a user runs them: what they print, their exit codes, and the page of
//! examples that they keep to.

mod check_page;
mod coverage;
mod explain;
mod record;
mod replay;
mod suggest;
mod trials;
