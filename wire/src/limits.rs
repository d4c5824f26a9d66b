//! The caps that hold for one payload, each with its reason.

/// Items of one kind kept from one payload. A page batches 50; an hour spent offline stays under
/// 5,000. What is past the cap is never built in memory, only counted.
pub const ITEMS: usize = 10_000;

/// Levels of lists and maps in an OTLP attribute's value: what reads and converts them calls itself.
pub const DEPTH: usize = 64;

/// Members with unknown names kept of one item: a newer SDK adds a few, and what is more than that is no item.
pub const MORE: usize = 16;

/// Bytes of name and value that such a member may have, about what a short text takes.
pub const MORE_BYTES: usize = 1024;
