//! When a batch is sent, sent again, or given up. Knows no clock and no network.
//!
//! A failure shuts one gate for all batches: after the wait a single one goes ahead, and the rest
//! follow when it arrived. So an outage costs few attempts, and a busy collector is left alone.

use crate::batch::Batch;
use crate::drops::Reason;
use crate::policy;
use crate::queue::{Flight, Queue};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// An HTTP answer, and the milliseconds that its `Retry-After` asks for.
    Answer { status: u16, retry_after: Option<f64> },
    /// No answer: network, timeout, or the browser refused to send it.
    Failed,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The collector has it: so many items.
    Sent(u32),
    /// It is given up.
    Dropped(Reason, u32),
    /// It waits for another attempt; so many items of others gave way to it.
    Waits(u32),
}

/// Whether the page will be there in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It lives.
    Stays,
    /// It is hidden, frozen or left: now or never.
    Goes,
}

/// The queue behind its gate.
#[derive(Default)]
pub struct Uploads {
    queue: Queue,
    /// Milliseconds since the epoch before which nothing is sent.
    not_before: f64,
    /// The wait was asked for by the collector.
    asked: bool,
    /// Failures in a row.
    failures: u32,
    /// The collector reads gzip: what must leave with the page is compressed.
    pub packs: bool,
}

impl Uploads {
    /// Adds a batch. Returns the items of those that gave way.
    pub fn push(&mut self, batch: Batch) -> u32 {
        self.queue.push(batch)
    }

    /// Whether a batch waits: the next one may as well grow.
    pub fn is_busy(&self) -> bool {
        self.queue.first().is_some()
    }

    /// Items that wait or are in flight.
    pub fn items(&self) -> u32 {
        self.queue.items()
    }

    /// The session of a batch in flight.
    pub fn session(&self, id: u32) -> &str {
        self.queue.flying().iter().find(|flight| flight.id == id).map_or("", |flight| flight.batch.session.as_str())
    }

    /// The next batch to hand to the browser now, if any.
    pub fn launch(&mut self, now: f64, page: Stay) -> Option<&mut Flight> {
        if self.packs
            && page == Stay::Goes
            && let Some(first) = self.queue.first_mut()
        {
            first.pack(now);
        }
        let first = self.queue.first()?;
        let flying = self.queue.flying();
        let limit = match page {
            Stay::Stays if self.failures > 0 => 1,
            Stay::Stays => policy::CONCURRENCY,
            Stay::Goes => policy::KEEPALIVE_REQUESTS,
        };
        // A page that goes does not wait for its own backoff, but what the collector asked for holds.
        let waits = now < self.not_before && (page == Stay::Stays || self.asked);
        if waits || flying.len() >= limit {
            return None;
        }
        let used: usize = flying.iter().map(|flight| flight.keepalive).sum();
        // Whatever else the page sends shares the budget: a batch refused once goes without.
        let alive = (page == Stay::Goes || first.attempts == 0) && used + first.bytes() <= policy::KEEPALIVE_BYTES;
        let keepalive = if alive { first.bytes() } else { 0 };
        let flight = self.queue.launch(keepalive)?;
        flight.batch.attempts += 1;
        Some(flight)
    }

    /// Takes note of an answer. `roll` from 0 to 1 spreads the retries. `None` for a batch that is not in flight.
    pub fn settle(&mut self, id: u32, outcome: Outcome, now: f64, roll: f64) -> Option<Fate> {
        let batch = self.queue.land(id)?;
        let asked = match outcome {
            Outcome::Answer { status: 200..=299, .. } => {
                if now >= self.not_before {
                    self.failures = 0;
                }
                return Some(Fate::Sent(batch.items));
            }
            // RFC 9110, 10.2.3 and 15.6.4; RFC 6585, 4.
            Outcome::Answer { status: 429 | 503, retry_after } => retry_after,
            Outcome::Answer { status: 408 | 425 | 500.., .. } | Outcome::Failed => None,
            Outcome::Answer { .. } => return Some(Fate::Dropped(Reason::Refused, batch.items)),
        };
        // Answers of one wave count once: they tell of the same trouble.
        if now >= self.not_before {
            self.failures += 1;
        }
        let wait = asked.map_or_else(
            || backoff(self.failures, roll),
            |wait| spread(wait.clamp(0.0, policy::RETRY_AFTER_MAX_MS), roll),
        );
        if now + wait > self.not_before {
            self.not_before = now + wait;
            self.asked = asked.is_some();
        }
        if batch.attempts >= policy::ATTEMPTS {
            return Some(Fate::Dropped(Reason::Exhausted, batch.items));
        }
        Some(Fate::Waits(self.queue.put_back(batch)))
    }

    /// When [`Uploads::launch`] may have something again, if no answer comes before. `None`: not by waiting.
    pub fn due(&self) -> Option<f64> {
        let limit = if self.failures > 0 { 1 } else { policy::CONCURRENCY };
        (self.queue.first().is_some() && self.queue.flying().len() < limit).then_some(self.not_before)
    }
}

/// Milliseconds to wait after so many failures in a row.
fn backoff(failures: u32, roll: f64) -> f64 {
    let doublings = failures.saturating_sub(1).min(16);
    spread((policy::BACKOFF_FIRST_MS * f64::from(1_u32 << doublings)).min(policy::BACKOFF_MAX_MS), roll)
}

/// Never less than asked for, up to a fifth more.
fn spread(wait: f64, roll: f64) -> f64 {
    wait * (1.0 + policy::BACKOFF_JITTER * roll)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;
    use proptest::prelude::*;

    fn answer(status: u16) -> Outcome {
        Outcome::Answer { status, retry_after: None }
    }

    fn with(batches: u32) -> Uploads {
        let mut uploads = Uploads::default();
        for _ in 0..batches {
            uploads.push(batch(1, 100));
        }
        uploads
    }

    fn launch(uploads: &mut Uploads, now: f64, page: Stay) -> Option<(u32, usize)> {
        uploads.launch(now, page).map(|flight| (flight.id, flight.keepalive))
    }

    #[test]
    fn five_fly_at_once_and_an_answer_makes_room() {
        let mut uploads = with(7);
        let ids: Vec<u32> = std::iter::from_fn(|| launch(&mut uploads, 0.0, Stay::Stays).map(|(id, _)| id)).collect();
        assert_eq!(ids.len(), policy::CONCURRENCY);
        assert_eq!(uploads.due(), None);
        assert_eq!(uploads.settle(1, answer(202), 1.0, 0.0), Some(Fate::Sent(1)));
        assert_eq!(uploads.settle(1, answer(202), 1.0, 0.0), None);
        assert_eq!(uploads.due(), Some(0.0));
        assert!(launch(&mut uploads, 1.0, Stay::Stays).is_some());
    }

    #[test]
    fn what_can_pass_is_tried_three_times_and_the_rest_is_dropped_at_once() {
        let check = |outcome, fates: [Option<Fate>; 3]| {
            let mut uploads = with(1);
            for (attempt, fate) in fates.into_iter().enumerate() {
                let now = attempt as f64 * 100_000.0;
                let id = launch(&mut uploads, now, Stay::Stays).map_or(0, |(id, _)| id);
                assert_eq!(uploads.settle(id, outcome, now, 0.5), fate, "{outcome:?} {attempt}");
            }
        };
        let waits = Some(Fate::Waits(0));
        for status in [408, 425, 429, 500, 502, 503, 504] {
            check(answer(status), [waits, waits, Some(Fate::Dropped(Reason::Exhausted, 1))]);
        }
        check(Outcome::Failed, [waits, waits, Some(Fate::Dropped(Reason::Exhausted, 1))]);
        for status in [0, 301, 400, 401, 403, 404, 413] {
            check(answer(status), [Some(Fate::Dropped(Reason::Refused, 1)), None, None]);
        }
    }

    #[test]
    fn retry_after_holds_for_all_even_when_the_page_goes() {
        let mut uploads = with(2);
        let (id, _) = launch(&mut uploads, 0.0, Stay::Stays).expect("first");
        let busy = Outcome::Answer { status: 429, retry_after: Some(7_000.0) };
        assert_eq!(uploads.settle(id, busy, 0.0, 0.0), Some(Fate::Waits(0)));
        assert_eq!(uploads.due(), Some(7_000.0));
        assert_eq!(launch(&mut uploads, 6_999.0, Stay::Stays), None);
        assert_eq!(launch(&mut uploads, 6_999.0, Stay::Goes), None);
        assert!(launch(&mut uploads, 7_000.0, Stay::Stays).is_some());
        // One goes ahead, the rest waits for its answer.
        assert_eq!(launch(&mut uploads, 7_000.0, Stay::Stays), None);
        assert_eq!(uploads.due(), None);
    }

    #[test]
    fn a_page_that_goes_does_not_wait_for_a_backoff() {
        let mut uploads = with(2);
        let (id, _) = launch(&mut uploads, 0.0, Stay::Stays).expect("first");
        uploads.settle(id, Outcome::Failed, 0.0, 0.0);
        assert_eq!(launch(&mut uploads, 1.0, Stay::Stays), None);
        assert_eq!(launch(&mut uploads, 1.0, Stay::Goes), Some((2, 100)));
        assert_eq!(launch(&mut uploads, 1.0, Stay::Goes), Some((3, 100)));
    }

    #[test]
    fn keepalive_stays_within_the_budget_of_the_browser() {
        let mut uploads = Uploads::default();
        uploads.push(batch(1, 40_000));
        uploads.push(batch(1, 30_000));
        uploads.push(batch(1, 20_000));
        let flights: Vec<usize> =
            std::iter::from_fn(|| launch(&mut uploads, 0.0, Stay::Goes).map(|(_, keepalive)| keepalive)).collect();
        assert_eq!(flights, [40_000, 0, 20_000]);
    }

    #[test]
    fn one_wave_of_failures_counts_once() {
        let mut uploads = with(5);
        while launch(&mut uploads, 0.0, Stay::Stays).is_some() {}
        for id in 1..=5 {
            uploads.settle(id, Outcome::Failed, 10.0, 0.0);
        }
        assert_eq!(uploads.due(), Some(10.0 + policy::BACKOFF_FIRST_MS));
    }

    proptest! {
        #[test]
        fn a_backoff_grows_and_is_bounded(failures in 1_u32.., roll in 0.0..1.0_f64) {
            let wait = backoff(failures, roll);
            prop_assert!((policy::BACKOFF_FIRST_MS..=policy::BACKOFF_MAX_MS * 1.2).contains(&wait));
            prop_assert!(backoff(failures.saturating_add(1), roll) >= wait);
        }

        #[test]
        fn nothing_is_lost_without_a_count(
            steps in proptest::collection::vec((0_u8..5, 0_u16..600, 0.0..1.0_f64), 0..300),
        ) {
            let (mut uploads, mut now, mut pushed, mut gone) = (Uploads::default(), 0.0, 0, 0);
            for (step, status, roll) in steps {
                now += roll * 5_000.0;
                match step {
                    0 | 1 => {
                        pushed += 3;
                        gone += uploads.push(batch(3, 1_000));
                    }
                    2 => while uploads.launch(now, Stay::Stays).is_some() {},
                    _ => {
                        let Some(id) = uploads.queue.flying().first().map(|flight| flight.id) else { continue };
                        let outcome = if status < 100 { Outcome::Failed } else { answer(status) };
                        gone += match uploads.settle(id, outcome, now, roll) {
                            Some(Fate::Sent(items) | Fate::Dropped(_, items) | Fate::Waits(items)) => items,
                            None => 0,
                        };
                    }
                }
                prop_assert_eq!(uploads.items() + gone, pushed);
                prop_assert!(uploads.queue.flying().len() <= policy::CONCURRENCY);
                // Whatever waits has an answer or a time to wait for.
                prop_assert!(uploads.items() == 0 || uploads.due().is_some() || !uploads.queue.flying().is_empty());
            }
        }
    }
}
