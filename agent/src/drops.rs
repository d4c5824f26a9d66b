//! Why an item was not sent, and how often: one counter for each reason.

use crate::json;

/// Every reason for which an item does not reach the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It equals the one before it.
    Duplicate,
    /// Its session is not sampled.
    Unsampled,
    /// The page paused the agent.
    Paused,
    /// `ignoreErrors` names it.
    Ignored,
    /// The page's hook returned null.
    BeforeSend,
    /// The page's hook threw, or returned what is no JSON text.
    HookFailed,
    /// It was pushed while the agent was at work, or by a hook that answers each item with a new one.
    Reentrant,
    /// It did not arrive whole over the border: longer than the scratch buffer may be, or garbled.
    Malformed,
    /// Too many requests were open to observe one more.
    RequestsFull,
    /// Its batch was the oldest of too many.
    QueueFull,
    /// The collector will never take its batch: a 4xx other than 408, 425 and 429.
    Refused,
    /// Its batch was tried as often as is allowed.
    Exhausted,
    /// There is no URL to send to.
    NoUrl,
}

impl Reason {
    const NAMES: [&'static str; 13] = [
        "duplicate",
        "unsampled",
        "paused",
        "ignored",
        "before_send",
        "hook_failed",
        "reentrant",
        "malformed",
        "requests_full",
        "queue_full",
        "refused",
        "exhausted",
        "no_url",
    ];
}

/// Items dropped so far, by reason.
#[derive(Default)]
pub struct Drops {
    counts: [u32; Reason::NAMES.len()],
}

impl Drops {
    /// Counts `items` more.
    pub fn add(&mut self, reason: Reason, items: u32) {
        if let Some(count) = self.counts.get_mut(reason as usize) {
            *count = count.saturating_add(items);
        }
    }

    /// The reasons that occurred with their counts, as JSON members by `write`.
    pub fn members(&self, write: fn(&mut Vec<u8>, &str, u32)) -> Vec<u8> {
        let mut members = Vec::new();
        let counted = Reason::NAMES.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        counted.for_each(|(name, count)| write(&mut members, name, *count));
        members
    }
}

/// A count as the wire has it: text.
pub fn as_text(out: &mut Vec<u8>, name: &str, count: u32) {
    json::text(out, name, &json::decimal(u64::from(count)));
}

/// A count as a page wants to see it.
pub fn as_number(out: &mut Vec<u8>, name: &str, count: u32) {
    json::number(out, name, f64::from(count));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let mut drops = Drops::default();
        assert_eq!(drops.members(as_text), b"");
        drops.add(Reason::Duplicate, 2);
        drops.add(Reason::NoUrl, 1);
        drops.add(Reason::Duplicate, u32::MAX);
        assert_eq!(drops.members(as_text), br#""duplicate":"4294967295","no_url":"1""#);
        assert_eq!(drops.members(as_number), br#""duplicate":4294967295,"no_url":1"#);
    }
}
