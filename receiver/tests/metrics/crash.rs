//! The aggregate against crashes: whatever is lost and read again, sums are those of one straight run.

use super::{INTERVAL_MS, NOW_MS, fold, measured, name, sums, written};
use farol::convert::checkpoint;
use farol::convert::measures::{Measure, Measures};
use farol::convert::metrics::Aggregate;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A record: how much later than the one before it came, milliseconds (it may be earlier), and its measurement.
#[derive(Clone, Debug)]
struct Sent {
    later: i64,
    page: u8,
    vital: bool,
    value: f64,
}

/// What happens between two records.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Go,
    /// The interval ends: written down, told, committed.
    Tell,
    /// Killed after it was written down, before it was told.
    KilledBeforeTelling,
    /// Killed after it was told, before the cursor was stored.
    KilledBeforeCommit,
    /// Killed with nothing written down.
    Killed,
}

fn sent() -> impl Strategy<Value = Sent> {
    (-5_i64..20_000, 0..4_u8, any::<bool>(), 0.0..10_000.0_f64).prop_map(|(later, page, vital, value)| Sent {
        later,
        page,
        vital,
        value,
    })
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        6 => Just(Then::Go),
        2 => Just(Then::Tell),
        1 => Just(Then::KilledBeforeTelling),
        1 => Just(Then::KilledBeforeCommit),
        1 => Just(Then::Killed),
    ]
}

fn body(sent: &Sent) -> String {
    let (kind, key) = if sent.vital { ("web-vitals", "lcp") } else { ("custom", "v") };
    measured("shop", &format!("/{}", sent.page), kind, &format!(r#"{{"{key}":{}}}"#, sent.value))
}

/// The parts that outlive a process, and what the store has.
#[derive(Default)]
struct World {
    checkpoint: Vec<u8>,
    cursor: usize,
    /// By series and time.
    store: BTreeMap<(String, i64), f64>,
}

impl World {
    fn start(&mut self) -> Aggregate {
        let measures = Measures { default: Measure::Gauge, ..Measures::default() };
        match checkpoint::decode(&self.checkpoint, measures.clone(), INTERVAL_MS) {
            Some(aggregate) => {
                self.tell(&aggregate);
                aggregate
            }
            None => Aggregate::new(measures, INTERVAL_MS),
        }
    }

    /// A store takes each time of a series once, and in order: what comes again has to be the same.
    fn tell(&mut self, aggregate: &Aggregate) {
        for series in written(aggregate).timeseries {
            for sample in &series.samples {
                let told = self.store.insert((name(&series), sample.timestamp), sample.value);
                assert!(told.is_none_or(|told| told == sample.value), "told twice, differently");
            }
            let last = series.samples.last().unwrap().timestamp;
            let later = self.store.range((name(&series), last + 1)..(name(&series), i64::MAX)).next();
            assert_eq!(later, None, "told out of order");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn a_crash_neither_loses_nor_repeats(steps in prop::collection::vec((sent(), then()), 1..40)) {
        let mut at = NOW_MS;
        let records: Vec<(u64, String)> = steps.iter().map(|(sent, _)| {
            at = at.saturating_add_signed(sent.later);
            (at, body(sent))
        }).collect();
        let mut world = World::default();
        let mut aggregate = world.start();
        let (mut next, mut fates) = (0, steps.iter().map(|(_, then)| *then).collect::<Vec<_>>());
        while next < records.len() {
            let (received, body) = &records[next];
            let end = (next as u64 + 1) * 100;
            if !aggregate.covers(end, received * 1_000_000) {
                fold(&mut aggregate, end, *received, body);
            }
            // Each fate strikes once: what is read again goes well.
            let fate = std::mem::replace(&mut fates[next], Then::Go);
            next += 1;
            if fate != Then::Go && fate != Then::Killed {
                aggregate.freeze();
                world.checkpoint = checkpoint::encode(&aggregate);
                if fate != Then::KilledBeforeTelling {
                    world.tell(&aggregate);
                }
                if fate == Then::Tell {
                    world.cursor = next;
                }
            }
            if matches!(fate, Then::Killed | Then::KilledBeforeTelling | Then::KilledBeforeCommit) {
                aggregate = world.start();
                next = world.cursor;
            }
        }
        aggregate.freeze();
        world.tell(&aggregate);
        let mut straight = Aggregate::new(aggregate_measures(), INTERVAL_MS);
        for (place, (received, body)) in records.iter().enumerate() {
            fold(&mut straight, (place as u64 + 1) * 100, *received, body);
        }
        straight.freeze();
        prop_assert_eq!(sums(&aggregate), sums(&straight));
    }

    #[test]
    fn a_checkpoint_comes_back_whole_or_not_at_all(sent in prop::collection::vec(sent(), 0..20), byte in any::<prop::sample::Index>()) {
        let mut aggregate = Aggregate::new(aggregate_measures(), INTERVAL_MS);
        for (place, sent) in sent.iter().enumerate() {
            fold(&mut aggregate, place as u64, NOW_MS, &body(sent));
        }
        aggregate.freeze();
        let bytes = checkpoint::encode(&aggregate);
        let back = checkpoint::decode(&bytes, aggregate_measures(), INTERVAL_MS).unwrap();
        prop_assert_eq!(written(&back), written(&aggregate));
        prop_assert_eq!(checkpoint::encode(&back), bytes.clone());
        let (mut flipped, at) = (bytes.clone(), byte.index(bytes.len()));
        flipped[at] ^= 1;
        prop_assert!(checkpoint::decode(&flipped, aggregate_measures(), INTERVAL_MS).is_none());
        prop_assert!(checkpoint::decode(&bytes[..at], aggregate_measures(), INTERVAL_MS).is_none());
    }
}

fn aggregate_measures() -> Measures {
    Measures { default: Measure::Gauge, ..Measures::default() }
}

#[test]
fn other_bounds_begin_again_and_the_rest_goes_on() {
    let measures = |bounds: &[f64]| Measures {
        by_type: [("custom".to_owned(), Measure::histogram(bounds).unwrap())].into(),
        ..Measures::default()
    };
    let mut aggregate = Aggregate::new(measures(&[1.0, 2.0]), INTERVAL_MS);
    fold(&mut aggregate, 1, NOW_MS, &measured("shop", "/", "custom", r#"{"v":1.5}"#));
    fold(&mut aggregate, 2, NOW_MS, &measured("shop", "/", "web-vitals", r#"{"inp":1.5}"#));
    aggregate.freeze();
    let bytes = checkpoint::encode(&aggregate);
    assert_eq!(checkpoint::decode(&bytes, measures(&[1.0, 2.0]), INTERVAL_MS).unwrap().len(), 2);
    let back = checkpoint::decode(&bytes, measures(&[1.0, 3.0]), INTERVAL_MS).unwrap();
    assert!(sums(&back).keys().all(|name| name.contains("inp")), "{:?}", sums(&back));
}

#[test]
fn a_journal_begun_anew_is_read_from_its_start() {
    let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
    let body = measured("shop", "/", "web-vitals", r#"{"inp":1.5}"#);
    fold(&mut aggregate, 9_000, NOW_MS, &body);
    aggregate.freeze();
    assert!(aggregate.covers(9_000, NOW_MS * 1_000_000) && !aggregate.covers(9_001, NOW_MS * 1_000_000));
    let later = NOW_MS + 1;
    assert!(!aggregate.covers(100, later * 1_000_000), "it is younger than all that was counted");
    fold(&mut aggregate, 100, later, &body);
    assert!(!aggregate.covers(200, NOW_MS * 1_000_000), "and so may the next be, a little out of order");
}
