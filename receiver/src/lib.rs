//! The receiver as a library: every room of it, so that tests can walk in.

pub mod convert;
pub mod enrich;
pub mod journal;
