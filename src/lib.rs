//! Earwitness: an audit log for applications that have none.

pub mod api;
pub mod app;
pub mod capture;
pub mod cli;
pub mod config;
pub mod derive;
pub mod event;
pub mod exchange;
pub mod journal;
pub mod proxy;
pub mod record;
pub mod rules;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod yaml;
