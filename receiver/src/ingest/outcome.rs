//! What becomes of a request and of each item: every reason there is, and the counts by reason. A leaf.

/// Why a request was refused or an item dropped; the `reason` label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No such path.
    Path,
    /// Not a POST.
    Method,
    /// The key was missing or wrong.
    Key,
    /// The page's origin may not use this key.
    Origin,
    /// The client, the key or the application posts too often.
    Rate,
    /// The body was too large, as sent.
    BodySize,
    /// The body was too large, inflated.
    InflatedSize,
    /// Too many values or items in one payload.
    Items,
    /// Too many requests or bytes in flight.
    Overload,
    /// The body took too long.
    Deadline,
    /// The client went away in the middle of the body.
    Disconnected,
    /// The content encoding is not known.
    Encoding,
    /// The body could not be inflated.
    Corrupt,
    /// The body is not a Faro payload.
    Payload,
    /// The idempotency key is too long.
    IdempotencyKey,
    /// The journal is over its budget or the disk is full.
    JournalFull,
    /// The journal's queue is full.
    JournalBusy,
    /// The journal could not write.
    JournalFailed,
    /// The receiver is stopping.
    Stopping,
    /// A fault of the receiver.
    Internal,
    /// One item could not be read, the rest of its payload was kept.
    InvalidItem,
    /// One part of an item (a frame, an attribute) could not be read, the item was kept.
    InvalidPart,
    /// One part of an item was past the cap of its list.
    PartLimit,
    /// Its session is not among those that its application keeps.
    Sampled,
    /// A stored payload could not be decoded again.
    Undecodable,
    /// The backend refused it for good.
    Rejected,
    /// A lane was past its byte or age budget and lost its oldest.
    LaneBudget,
    /// A best-effort lane skipped ahead.
    Skipped,
    /// A measurement for which its app has no more series.
    SeriesBudget,
}

impl Reason {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Path => "path",
            Reason::Method => "method",
            Reason::Key => "key",
            Reason::Origin => "origin",
            Reason::Rate => "rate",
            Reason::BodySize => "body_size",
            Reason::InflatedSize => "inflated_size",
            Reason::Items => "items",
            Reason::Overload => "overload",
            Reason::Deadline => "deadline",
            Reason::Disconnected => "disconnected",
            Reason::Encoding => "encoding",
            Reason::Corrupt => "corrupt",
            Reason::Payload => "payload",
            Reason::IdempotencyKey => "idempotency_key",
            Reason::JournalFull => "journal_full",
            Reason::JournalBusy => "journal_busy",
            Reason::JournalFailed => "journal_failed",
            Reason::Stopping => "stopping",
            Reason::Internal => "internal",
            Reason::InvalidItem => "invalid_item",
            Reason::InvalidPart => "invalid_part",
            Reason::PartLimit => "part_limit",
            Reason::Sampled => "sampled",
            Reason::Undecodable => "undecodable",
            Reason::Rejected => "rejected",
            Reason::LaneBudget => "lane_budget",
            Reason::Skipped => "skipped",
            Reason::SeriesBudget => "series_budget",
        }
    }
}

/// The items of one payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Log lines.
    pub logs: u32,
    /// Events.
    pub events: u32,
    /// Measurements.
    pub measurements: u32,
    /// Exceptions.
    pub exceptions: u32,
    /// Spans.
    pub spans: u32,
    /// Items left out because they could not be read.
    pub invalid_items: u32,
    /// Parts of kept items (frames, attributes) left out because they could not be read.
    pub invalid_parts: u32,
    /// Parts of kept items left out because their list was too long.
    pub over_limit_parts: u32,
    /// Why the first of what is left out could not be read. It may quote the payload.
    pub first_reason: Option<String>,
}

impl Contents {
    /// What was left out of the payload, by reason.
    pub fn dropped(&self) -> [(Reason, u32); 3] {
        [
            (Reason::InvalidItem, self.invalid_items),
            (Reason::InvalidPart, self.invalid_parts),
            (Reason::PartLimit, self.over_limit_parts),
        ]
    }
}
