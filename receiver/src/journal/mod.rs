//! The journal: every accepted request, on disk before its 202, kept until each lane has passed it.

use bytes::Bytes;

/// One accepted request as the journal keeps it. The body stays as it was sent, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is known of the request besides its body.
    pub header: Header,
    /// The body, in `header.encoding`.
    pub body: Bytes,
}

/// What is known of a request besides its body. Never a key, never a full client address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// When it was received, nanoseconds since the epoch.
    pub received: u64,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// Size of the inflated body in bytes.
    pub inflated: u32,
    /// `meta.app.name`, or the empty string.
    pub app: String,
    /// Client address, truncated at admission to /24 or /48.
    pub client: String,
    /// The request's `User-Agent`.
    pub user_agent: String,
    /// Hash of the idempotency key with the app; 0 when the request had none.
    pub idempotency: u64,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, what HTTP calls deflate.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Where a record ends in the journal: positions only grow, across restarts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);
