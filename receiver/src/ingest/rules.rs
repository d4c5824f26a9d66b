//! What holds for the key that a request brought: its sizes, its application's rate, the share of sessions that is kept.

use super::Refusal;
use super::decode::Examined;
use super::limits::Limits;
use super::rate::Limiter;
use std::time::Instant;

/// The rules of one request.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The limits of now, where they may have changed since admission was opened.
    pub limits: Option<&'a Limits>,
    /// Bytes of a body, sent and inflated, where the key has less than others.
    pub payload: Option<usize>,
    /// The buckets of applications, by the name in the payload.
    pub per_app: Option<&'a Limiter>,
    /// The share of sessions that is kept, from 0 to 1.
    pub keep: f64,
    /// The key's application.
    pub app: Option<&'a str>,
}

impl Default for Rules<'_> {
    /// No rule at all.
    fn default() -> Self {
        Rules { limits: None, payload: None, per_app: None, keep: 1.0, app: None }
    }
}

/// What becomes of a payload that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stored,
    Sampled,
}

impl Rules<'_> {
    /// The limits of this request.
    pub(super) fn limits(&self, opened: &Limits) -> Limits {
        let limits = self.limits.unwrap_or(opened);
        let payload = self.payload.unwrap_or(usize::MAX);
        Limits { wire: limits.wire.min(payload), inflated: limits.inflated.min(payload), ..*limits }
    }

    /// Fails when the application posts too often.
    pub(super) fn verdict(&self, examined: &Examined, now: Instant) -> Result<Verdict, Refusal> {
        if let Some(limiter) = self.per_app {
            limiter.take(examined.rate_key, now).map_err(|wait| Refusal::Rate { wait })?;
        }
        // A payload without a session has nothing to be judged by, and is kept.
        let kept = self.keep >= 1.0 || examined.session == 0 || examined.session as f64 / u64::MAX as f64 <= self.keep;
        Ok(if kept { Verdict::Stored } else { Verdict::Sampled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_kept_by_their_share() {
        let kept = |keep: f64| {
            let rules = Rules { keep, ..Rules::default() };
            let session =
                |id: u64| Examined { session: id.wrapping_mul(0x9E37_79B9_7F4A_7C15).max(1), ..Examined::default() };
            (1..=10_000).filter(|id| rules.verdict(&session(*id), Instant::now()) == Ok(Verdict::Stored)).count()
        };
        assert_eq!((kept(1.0), kept(0.0)), (10_000, 0));
        assert!((2_400..2_600).contains(&kept(0.25)), "{}", kept(0.25));
        let none = Rules { keep: 0.0, ..Rules::default() }.verdict(&Examined::default(), Instant::now());
        assert_eq!(none, Ok(Verdict::Stored));
    }

    #[test]
    fn a_key_may_have_less_room_and_never_more() {
        let opened = Limits { wire: 100, inflated: 100, ..Limits::default() };
        let check = |payload, expected| {
            let limits = Rules { payload, ..Rules::default() }.limits(&opened);
            assert_eq!((limits.wire, limits.inflated), (expected, expected));
        };
        check(None, 100);
        check(Some(10), 10);
        check(Some(1000), 100);
    }
}
