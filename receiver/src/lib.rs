//! r
pub mod journal;
