//! Token buckets, one number each: when the bucket would be full again (the generic cell rate algorithm).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets that are kept at once, some 2 MB. A bucket that is full again is none, so only those count that were used
/// within the time of filling; what comes past this shares one bucket.
pub const KEYS: usize = 65_536;

/// Buckets of one rate and one size.
#[derive(Debug)]
pub struct Limiter {
    /// Nanoseconds for one token.
    token: u64,
    /// Nanoseconds for all tokens but one.
    burst: u64,
    epoch: Instant,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When each is full again, nanoseconds since the epoch.
    full: HashMap<u64, u64>,
    /// The bucket of all that found no room.
    shared: u64,
    /// When those that are full were last thrown out.
    swept: u64,
}

impl Limiter {
    /// Buckets that gain `rate` tokens a second (above 0) and hold `burst`. They begin full, at `now` or later.
    pub fn new(rate: f64, burst: u32, now: Instant) -> Limiter {
        let token = (1e9 / rate).clamp(1.0, 1e15) as u64;
        let burst = token.saturating_mul(u64::from(burst.max(1)) - 1);
        Limiter { token, burst, epoch: now, buckets: Mutex::default() }
    }

    /// Takes a token from the bucket of `key`, or says how long until there is one.
    pub fn take(&self, key: u64, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.epoch).as_nanos() as u64;
        // Each change is one number: a panic leaves nothing half done.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = buckets.of(key, now);
        let begin = (*full).max(now);
        let wait = (begin - now).saturating_sub(self.burst);
        if wait > 0 {
            return Err(Duration::from_nanos(wait));
        }
        *full = begin + self.token;
        Ok(())
    }
}

impl Buckets {
    fn of(&mut self, key: u64, now: u64) -> &mut u64 {
        const SECOND: u64 = 1_000_000_000;
        if self.full.len() >= KEYS && !self.full.contains_key(&key) {
            if now >= self.swept.saturating_add(SECOND) {
                self.full.retain(|_, full| *full > now);
                self.swept = now;
            }
            if self.full.len() >= KEYS {
                return &mut self.shared;
            }
        }
        self.full.entry(key).or_insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let limiter = Limiter::new(10.0, 3, start);
        let take =
            |millis: u64| limiter.take(1, start + Duration::from_millis(millis)).map_err(|wait| wait.as_millis());
        assert_eq!([take(0), take(0), take(0)], [Ok(()); 3]);
        assert_eq!(take(0), Err(100));
        assert_eq!(take(40), Err(60));
        assert_eq!((take(100), take(100)), (Ok(()), Err(100)));
        assert_eq!([take(10_000), take(10_000), take(10_000)], [Ok(()); 3], "never more than it holds");
        assert_eq!(take(10_000), Err(100));
        assert_eq!(limiter.take(2, start), Ok(()), "each key has its own");
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let start = Instant::now();
        let limiter = Limiter::new(1.0, 1, start);
        limiter.take(1, start).unwrap();
        for _ in 0..100 {
            assert!(limiter.take(1, start).is_err());
        }
        assert_eq!(limiter.take(1, start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn keys_past_the_cap_share_a_bucket_until_others_are_full_again() {
        let start = Instant::now();
        let limiter = Limiter::new(1.0, 1, start);
        for key in 0..KEYS as u64 {
            limiter.take(key, start).unwrap();
        }
        assert_eq!(limiter.take(1 << 40, start), Ok(()));
        assert!(limiter.take(1 << 41, start).is_err(), "the shared bucket is empty");
        assert_eq!(limiter.buckets.lock().unwrap().full.len(), KEYS);
        let later = start + Duration::from_secs(5);
        assert_eq!(limiter.take(1 << 41, later), Ok(()));
        assert_eq!(limiter.take(1 << 42, later), Ok(()), "there is room again");
        assert_eq!(limiter.buckets.lock().unwrap().full.len(), 2);
    }

    #[test]
    fn extreme_rates_do_not_overflow() {
        let start = Instant::now();
        for (rate, burst) in [(1e-9, u32::MAX), (1e12, 0), (f64::MIN_POSITIVE, 1_000_000)] {
            let limiter = Limiter::new(rate, burst, start);
            assert_eq!(limiter.take(1, start + Duration::from_secs(1 << 30)), Ok(()));
        }
    }
}
