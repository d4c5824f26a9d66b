//! The Farol receiver: takes Faro payloads, keeps them, delivers them.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod config;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod shutdown;
pub mod telemetry;
