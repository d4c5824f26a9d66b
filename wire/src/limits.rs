//! The caps that hold for one payload, each with its reason.

/// Items of one kind kept from one payload. A page batches 50; an hour spent offline stays under
/// 5,000. What is past the cap is never built in memory, only counted.
pub const ITEMS: usize = 10_000;

/// Nested OTLP attribute values, well under the recursion limit of the JSON reader (128).
pub const DEPTH: usize = 64;
