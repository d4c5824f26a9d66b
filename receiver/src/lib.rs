//! The Farol receiver: takes Faro payloads, keeps them, delivers them.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod config;
pub mod convert;
pub mod enrich;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod lane;
pub mod lane_metrics;
pub mod lanes;
pub mod log;
pub mod probe;
pub mod service;
pub mod shutdown;
pub mod sink;
pub mod telemetry;
pub mod viewer;
