//! The audit listener itself, whatever it is asked: `listen` serves its routes on a socket and `routes` without one, `guard`
//! admits each request or answers it, `state` is what all handlers share, `turns` keeps one reader from taking all of it, and `openapi`
//! describes the routes for programs.

pub(super) mod guard;
pub(super) mod listen;
pub(super) mod openapi;
pub(super) mod routes;
pub(super) mod state;
pub(super) mod turns;
