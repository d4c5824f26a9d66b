//! A refused request: the one line that its sender reads, and the reason it is counted under.

use super::inflate::{self, InflateError};
use super::outcome::Reason;
use crate::journal::{AppendError, Encoding};
use std::time::Duration;
use thiserror::Error;

/// A refused request: what is said to the client, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing is served there.
    #[error("no such path: payloads go to POST /collect")]
    Path,
    /// Anything but POST and OPTIONS.
    #[error("method not allowed: payloads are sent by POST")]
    Method,
    /// Alloy's words.
    #[error("API key not provided or incorrect")]
    Key,
    /// The page that posts is not one of those that may use the key.
    #[error("origin is not allowed for this key")]
    Origin,
    /// A bucket is empty. Alloy's words.
    #[error("Too Many Requests")]
    Rate {
        /// Until the next would be taken.
        wait: Duration,
    },
    /// More bytes than allowed, declared or received.
    #[error("body is larger than {limit} bytes")]
    BodySize {
        /// Bytes allowed.
        limit: usize,
    },
    /// More bytes than allowed after inflating.
    #[error("inflated body is larger than {limit} bytes")]
    InflatedSize {
        /// Bytes allowed.
        limit: usize,
    },
    /// More JSON values than allowed.
    #[error("payload has more than {limit} values")]
    Values {
        /// Values allowed.
        limit: usize,
    },
    /// More levels of lists and objects than allowed.
    #[error("payload is nested deeper than {limit} levels")]
    Levels {
        /// Levels allowed.
        limit: usize,
    },
    /// More items of one kind than allowed.
    #[error("payload has {count} {kind}, the limit is {limit}")]
    Items {
        /// Plural name of the kind.
        kind: &'static str,
        /// How many were sent.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Too many requests at once.
    #[error("more than {limit} requests in flight")]
    Requests {
        /// Requests allowed.
        limit: usize,
    },
    /// Too many bytes at once.
    #[error("more than {limit} bytes of bodies in flight")]
    Bodies {
        /// Bytes allowed.
        limit: usize,
    },
    /// The body came too slowly.
    #[error("body took longer than {seconds} s")]
    Deadline {
        /// Seconds allowed.
        seconds: u64,
    },
    /// The body broke off.
    #[error("body ended before its end")]
    Disconnected,
    /// An encoding that nobody here reads.
    #[error("content encoding {0:?} is not known: use gzip, deflate, br or zstd")]
    Encoding(String),
    /// A body that is not what its encoding says.
    #[error("body is not valid {}", inflate::name(*.0))]
    Corrupt(Encoding),
    /// JSON that is not a payload, with the reader's reason.
    #[error("{0}")]
    Payload(String),
    /// A key nobody would send.
    #[error("idempotency key is longer than {limit} bytes")]
    IdempotencyKey {
        /// Bytes allowed.
        limit: usize,
    },
    /// No room on disk.
    #[error("journal is full")]
    JournalFull,
    /// The disk cannot follow.
    #[error("journal is busy")]
    JournalBusy,
    /// The disk refuses.
    #[error("journal cannot write")]
    JournalFailed,
    /// Shutting down.
    #[error("receiver is stopping")]
    Stopping,
    /// A fault of ours.
    #[error("internal error")]
    Internal,
}

impl Refusal {
    /// The reason it is counted under.
    pub fn reason(&self) -> Reason {
        match self {
            Refusal::Path => Reason::Path,
            Refusal::Method => Reason::Method,
            Refusal::Key => Reason::Key,
            Refusal::Origin => Reason::Origin,
            Refusal::Rate { .. } => Reason::Rate,
            Refusal::BodySize { .. } => Reason::BodySize,
            Refusal::InflatedSize { .. } => Reason::InflatedSize,
            Refusal::Values { .. } | Refusal::Items { .. } => Reason::Items,
            Refusal::Requests { .. } | Refusal::Bodies { .. } => Reason::Overload,
            Refusal::Deadline { .. } => Reason::Deadline,
            Refusal::Disconnected => Reason::Disconnected,
            Refusal::Encoding(_) => Reason::Encoding,
            Refusal::Corrupt(_) => Reason::Corrupt,
            Refusal::Payload(_) | Refusal::Levels { .. } => Reason::Payload,
            Refusal::IdempotencyKey { .. } => Reason::IdempotencyKey,
            Refusal::JournalFull => Reason::JournalFull,
            Refusal::JournalBusy => Reason::JournalBusy,
            Refusal::JournalFailed => Reason::JournalFailed,
            Refusal::Stopping => Reason::Stopping,
            Refusal::Internal => Reason::Internal,
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full => Refusal::JournalFull,
            AppendError::Busy => Refusal::JournalBusy,
            AppendError::Failed(_) => Refusal::JournalFailed,
            AppendError::Closed => Refusal::Stopping,
            // The limits of admission are under the journal's.
            AppendError::TooLarge => Refusal::Internal,
        }
    }
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge(limit) => Refusal::InflatedSize { limit },
            InflateError::Corrupt(encoding) => Refusal::Corrupt(encoding),
        }
    }
}
