//! When to try again: exponential, with full jitter, without end. The journal is the buffer.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio_util::sync::CancellationToken;

/// How waiting grows.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The most that is waited before the first retry.
    pub first: Duration,
    /// The most that is ever waited: how late a store that is back is noticed.
    pub most: Duration,
    /// The most that a store's own `Retry-After` is believed.
    pub most_asked: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_millis(500),
            most: Duration::from_secs(15),
            most_asked: Duration::from_secs(300),
        }
    }
}

/// Asked to stop before the work was done.
#[derive(Debug)]
pub struct Stopped;

impl Backoff {
    /// Waits before retry number `retry`, as [`Backoff::wait`] says.
    ///
    /// # Errors
    /// At once when `stop` is cancelled.
    pub async fn pause(&self, retry: u32, asked: Option<Duration>, stop: &CancellationToken) -> Result<(), Stopped> {
        let wait = self.wait(retry, chance(), asked);
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// How long to wait before retry number `retry`, counted from 0. `chance`, from 0 to 1, spreads
    /// receivers that lost the same store: over the whole of the interval, or behind what was `asked`.
    pub fn wait(&self, retry: u32, chance: f64, asked: Option<Duration>) -> Duration {
        let chance = chance.clamp(0.0, 1.0);
        match asked {
            Some(asked) => asked.min(self.most_asked) + self.first.mul_f64(chance),
            None => self.first.saturating_mul(2_u32.saturating_pow(retry)).min(self.most).mul_f64(chance),
        }
    }
}

/// A number from 0 to 1, from the keys that the standard library draws for its maps.
pub fn chance() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Reads a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). A date that has passed is no wait.
pub fn after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_until_the_most() {
        let backoff = Backoff::default();
        let check = |retry, millis| {
            assert_eq!(backoff.wait(retry, 1.0, None), Duration::from_millis(millis), "{retry}");
        };
        check(0, 500);
        check(1, 1_000);
        check(4, 8_000);
        check(5, 15_000);
        check(6, 15_000);
        check(u32::MAX, 15_000);
    }

    #[test]
    fn what_the_store_asks_is_honoured_within_reason() {
        let backoff = Backoff::default();
        let check = |asked, chance, millis| {
            let wait = backoff.wait(3, chance, Some(Duration::from_secs(asked)));
            assert_eq!(wait, Duration::from_millis(millis), "{asked}");
        };
        check(20, 0.0, 20_000);
        check(20, 1.0, 20_500);
        check(0, 0.0, 0);
        check(86_400, 0.0, 300_000);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let check = |value, seconds: Option<u64>| {
            assert_eq!(after(value, now), seconds.map(Duration::from_secs), "{value:?}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:50:07 GMT", Some(30));
        check("Sun, 06 Nov 1994 08:49:00 GMT", Some(0));
        check("soon", None);
        check("-1", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn waits_are_bounded(retry in any::<u32>(), chance in 0.0..=1.0_f64, asked in any::<Option<u32>>()) {
            let backoff = Backoff::default();
            let asked = asked.map(|seconds| Duration::from_secs(seconds.into()));
            let wait = backoff.wait(retry, chance, asked);
            prop_assert!(wait <= backoff.most.max(backoff.most_asked + backoff.first));
        }

        #[test]
        fn chances_are_from_0_to_1(_ in 0..1000) {
            prop_assert!((0.0..1.0).contains(&chance()));
        }
    }
}
