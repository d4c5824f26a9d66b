//! The ingest and operations routes, whole but for the sockets.

#![allow(clippy::unwrap_used)]

mod alloy;
mod collect;
mod policy;
mod receiver;
