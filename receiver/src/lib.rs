//! The receiver as a library: every room of it, so that tests can walk in.

pub mod journal;
pub mod viewer;
