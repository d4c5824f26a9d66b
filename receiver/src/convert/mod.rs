//! Conversion of payloads to what stores take. Pure: it depends on the records alone, never on now,
//! so that what is delivered twice is the same twice.
//!
//! A batch is converted by ranges of its items, numbered through all of its records, and a request
//! stops growing at [`REQUEST_BYTES`]: what one payload can blow up to never lies in memory at once.

mod attribute;
pub mod checkpoint;
mod field;
mod go;
mod json;
pub mod labels;
pub mod letter;
pub mod line;
mod logfmt;
pub mod logs;
pub mod loki;
pub mod measures;
pub mod metrics;
pub mod points;
pub mod prometheus;
mod proto;
mod resource;
pub mod template;
pub mod time;
pub mod traces;

use crate::enrich::Enriched;
use std::ops::Range;

/// When a request is full, bytes before compression: a quarter of the 4 MiB that a store behind gRPC
/// takes by default. Its last item may go over it.
pub const REQUEST_BYTES: usize = 1024 * 1024;

/// A request's body, not yet compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Protobuf. Empty when the range held nothing to send.
    pub body: Vec<u8>,
    /// The first item that is not in it.
    pub end: usize,
}

/// How many bytes of what its batch has in common each item may carry. Ordinary batches never meet
/// it; it keeps a huge `meta` times many items from becoming gigabytes.
fn share(items: usize) -> usize {
    const ALL_ITEMS: usize = 16 * 1024 * 1024;
    (ALL_ITEMS / items.max(1)).clamp(4 * 1024, 64 * 1024)
}

/// The records that a range of items touches, each with its own part of the range.
fn parts<'r, 'a>(
    records: &'r [Enriched<'a>],
    range: Range<usize>,
    count: fn(&Enriched<'a>) -> usize,
) -> impl Iterator<Item = (&'r Enriched<'a>, Range<usize>)> {
    let mut first = 0;
    let local = records.iter().map(move |record| {
        let items = count(record);
        let part = range.start.saturating_sub(first).min(items)..range.end.saturating_sub(first).min(items);
        first += items;
        (record, part)
    });
    local.filter(|(_, part)| !part.is_empty())
}

/// At most `limit` bytes of a text, cut between characters.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
