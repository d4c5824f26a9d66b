//! Measurements as series: cumulative histograms and gauges that survive a restart exactly.
//!
//! An [`Aggregate`] is what all records up to a position of the journal add up to. It is pure: records
//! go in by [`Aggregate::fold`], [`Aggregate::freeze`] sets the time at which the sums are next told,
//! and after both it can be written down and read again by [`super::checkpoint`]. Whoever stores that
//! before telling anyone can stop at any moment: what is folded again after a crash is told
//! with the same values, and what was told twice was the same twice, which stores take for once.
//!
//! Times are the records' received times, in milliseconds, never now: a backlog keeps its shape.

use super::measures::{Measure, Measures, VITALS, Vital, is_vital, vital};
use crate::enrich::Enriched;
use std::collections::{BTreeMap, BTreeSet};
use wire::Measurement;

/// Apps with their environments that have series of their own.
const SERVICES: usize = 200;

/// Pages of one app that have series of their own.
const PAGES: usize = 100;

/// Pairs of a measurement's type and the name of a value, of one app. What comes later is dropped: different
/// measures cannot share a series.
const MEASURES: usize = 50;

/// Series that tell pages and browsers apart. A histogram takes about 500 bytes here and some 14 series in a store.
const SERIES: usize = 5_000;

/// All series, those under `other` included.
const MOST_SERIES: usize = SERIES + SERIES / 4;

/// Bytes of a label's value.
const VALUE_BYTES: usize = 256;

/// What stands for values past the budget.
pub(super) const OTHER: &str = "other";

/// Series without a value for an hour of records' time are forgotten; they come back from zero, which
/// stores know as a reset.
const RETAIN_MS: u64 = 3_600_000;

/// What all records up to a position add up to.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub(super) measures: Measures,
    /// Records' time between two tellings, while records come.
    interval_ms: u64,
    pub(super) series: BTreeMap<Key, Series>,
    services: BTreeMap<(String, String), Service>,
    /// Where the last record ends that is in here.
    pub(super) position: u64,
    /// The newest received time of the records, milliseconds.
    pub(super) watermark: u64,
    /// When the sums are told, as of the last [`Aggregate::freeze`]; 0 before the first.
    pub(super) stamp: u64,
    /// Received time of the first record since then that changed a series.
    changed: Option<u64>,
}

/// Which series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub app: String,
    pub environment: String,
    pub instrument: Instrument,
    /// View, page id or path; may be empty.
    pub page: String,
    /// One of a few; may be empty.
    pub browser: String,
}

/// Which metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Instrument {
    /// A place in [`VITALS`].
    Vital(usize),
    /// A value `name` of measurements of the type `kind`.
    Measurement { kind: String, name: String },
}

/// The names of one app that have series of their own.
#[derive(Clone, Debug, Default)]
struct Service {
    pages: BTreeSet<String>,
    measures: BTreeSet<(String, String)>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub data: Data,
    /// Received time of the last value, milliseconds.
    pub updated: u64,
    /// When it was still at zero, and when it was first told; both 0 before that.
    pub zero_at: u64,
    pub told_first: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Gauge(f64),
    Histogram(Histogram),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram {
    pub bounds: Vec<f64>,
    /// One more than bounds; not cumulative.
    pub buckets: Vec<Bucket>,
    pub sum: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bucket {
    pub count: u64,
    pub exemplar: Option<Box<Exemplar>>,
}

/// A value that has a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exemplar {
    pub value: f64,
    /// Received time, milliseconds.
    pub at: u64,
    pub trace_id: Vec<u8>,
    /// Empty when unknown.
    pub span_id: Vec<u8>,
    /// When it is told, once; 0 before that is known.
    pub told: u64,
}

/// What became of a record's measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Measurements that are in the series now.
    pub taken: usize,
    /// Of these, under `other`: their names were past the budget.
    pub other: usize,
    /// Left out: no value that can be.
    pub invalid: usize,
    /// Left out: past the budget of measures.
    pub over: usize,
}

impl Aggregate {
    /// Nothing yet. While records come, sums are to be told at least once in `interval_ms` of their time.
    pub fn new(measures: Measures, interval_ms: u64) -> Aggregate {
        Aggregate {
            measures,
            interval_ms: interval_ms.max(1),
            series: BTreeMap::new(),
            services: BTreeMap::new(),
            position: 0,
            watermark: 0,
            stamp: 0,
            changed: None,
        }
    }

    /// Where the last record ends that is in here.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the sums are told, milliseconds since the epoch, as of the last freeze; 0 before the first.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Is there no series?
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Is this record, received at `received` nanoseconds and ending at `position`, in here already? A journal
    /// that was begun anew counts its positions from zero again; its records are younger.
    pub fn covers(&self, position: u64, received: u64) -> bool {
        position <= self.position && millis(received) <= self.watermark
    }

    /// Has anything changed since the last freeze?
    pub fn is_changed(&self) -> bool {
        self.changed.is_some()
    }

    /// Should be told before a record received at `received` nanoseconds is folded: a whole interval of
    /// records' time is in here.
    pub fn is_due(&self, received: u64) -> bool {
        self.changed.is_some_and(|since| millis(received) >= since + self.interval_ms)
    }

    /// Passes a record that nothing can be made of.
    pub fn pass(&mut self, position: u64, received: u64) {
        self.position = position;
        self.watermark = self.watermark.max(millis(received));
    }

    /// Adds a record that ends at `position`.
    pub fn fold(&mut self, position: u64, record: &Enriched) -> Folded {
        self.pass(position, record.received);
        let at = millis(record.received);
        let mut folded = Folded::default();
        for measurement in record.payload.measurements.iter() {
            let (mut taken, mut over, mut other) = (false, false, false);
            for (what, value) in values(measurement) {
                match self.add(record, what, value, at, measurement) {
                    Some(named) => (taken, other) = (true, other || !named),
                    None => over = true,
                }
            }
            *match (taken, over) {
                (true, _) => &mut folded.taken,
                (false, true) => &mut folded.over,
                (false, false) => &mut folded.invalid,
            } += 1;
            folded.other += usize::from(other);
        }
        if folded.taken > 0 {
            self.changed.get_or_insert(at);
        }
        folded
    }

    /// Adds one value. `None` when there is no room for it, else whether it is under its own names.
    fn add(&mut self, record: &Enriched, what: What, value: f64, at: u64, from: &Measurement) -> Option<bool> {
        let (key, named) = self.key(record, what)?;
        let series = match self.series.get_mut(&key) {
            Some(series) => series,
            None => {
                let data = match (what, self.measures.of(&from.kind)) {
                    (What::Vital(at), _) => Data::Histogram(Histogram::new(VITALS[at].bounds)),
                    (_, Measure::Histogram(bounds)) => Data::Histogram(Histogram::new(bounds)),
                    (_, Measure::Gauge) => Data::Gauge(value),
                };
                self.series.entry(key).or_insert(Series { data, updated: at, zero_at: 0, told_first: 0 })
            }
        };
        match &mut series.data {
            Data::Gauge(last) if at >= series.updated => *last = value,
            Data::Gauge(_) => {}
            Data::Histogram(histogram) => histogram.add(value, at, from),
        }
        series.updated = series.updated.max(at);
        Some(named)
    }

    /// The series of a value, and whether that has the names of the record or `other`.
    fn key(&mut self, record: &Enriched, what: What) -> Option<(Key, bool)> {
        let app = cut(record.service_name());
        let environment = record.payload.meta.app.as_ref().and_then(|app| app.environment.as_deref());
        let environment = cut(environment.unwrap_or_default());
        let mut named = true;
        let mut service = (app.to_owned(), environment.to_owned());
        if self.services.len() >= SERVICES && !self.services.contains_key(&service) {
            (service, named) = ((OTHER.to_owned(), OTHER.to_owned()), false);
        }
        let names = self.services.entry(service.clone()).or_default();
        let instrument = match what {
            What::Vital(place) => Instrument::Vital(place),
            What::Value { kind, name } => {
                let measure = (cut(kind).to_owned(), cut(name).to_owned());
                if !names.measures.contains(&measure) {
                    if names.measures.len() >= MEASURES {
                        return None;
                    }
                    names.measures.insert(measure.clone());
                }
                Instrument::Measurement { kind: measure.0, name: measure.1 }
            }
        };
        let mut page = if named { cut(page(record)) } else { OTHER };
        if !page.is_empty() && page != OTHER && !names.pages.contains(page) {
            if names.pages.len() >= PAGES || self.series.len() >= SERIES {
                (page, named) = (OTHER, false);
            } else {
                names.pages.insert(page.to_owned());
            }
        }
        let (app, environment) = service;
        let mut key = Key { app, environment, instrument, page: page.to_owned(), browser: browser(record).to_owned() };
        if self.series.len() >= SERIES && !self.series.contains_key(&key) {
            (key.page, key.browser, named) = (OTHER.to_owned(), OTHER.to_owned(), false);
            if self.series.len() >= MOST_SERIES && !self.series.contains_key(&key) {
                return None;
            }
        }
        Some((key, named))
    }

    /// Ends an interval: sets when the sums are told, and forgets series that have long been silent. Each
    /// freeze has a later time than the one before, so that no time is told twice with different values.
    pub fn freeze(&mut self) {
        let before = self.stamp;
        let stamp = self.watermark.max(before + 1);
        self.series.retain(|_, series| series.updated + RETAIN_MS >= self.watermark);
        for series in self.series.values_mut() {
            if series.told_first == 0 {
                series.told_first = stamp;
                // Without a zero before it, a store does not see the first value as an increase.
                series.zero_at = before.max(stamp.saturating_sub(self.interval_ms));
            }
            if let Data::Histogram(histogram) = &mut series.data {
                let exemplars = histogram.buckets.iter_mut().filter_map(|bucket| bucket.exemplar.as_mut());
                exemplars.filter(|exemplar| exemplar.told == 0).for_each(|exemplar| exemplar.told = stamp);
            }
        }
        self.stamp = stamp;
        self.changed = None;
        self.count_names();
    }

    /// Takes stock of the names that series have.
    pub(super) fn count_names(&mut self) {
        self.services.clear();
        for key in self.series.keys() {
            let service = self.services.entry((key.app.clone(), key.environment.clone())).or_default();
            if !key.page.is_empty() && key.page != OTHER {
                service.pages.insert(key.page.clone());
            }
            if let Instrument::Measurement { kind, name } = &key.instrument {
                service.measures.insert((kind.clone(), name.clone()));
            }
        }
    }
}

/// What a value is of, borrowed from its record.
#[derive(Clone, Copy)]
enum What<'m> {
    Vital(usize),
    Value { kind: &'m str, name: &'m str },
}

/// The values of a measurement that can be in a series.
fn values<'m>(measurement: &'m Measurement) -> impl Iterator<Item = (What<'m>, f64)> {
    let place = |vital: &Vital| VITALS.iter().position(|known| known.key == vital.key);
    let vital = vital(measurement).and_then(|(vital, value)| Some((What::Vital(place(vital)?), value?)));
    let vital = vital.filter(|(_, value)| value.is_finite() && *value >= 0.0);
    let others = measurement.values.0.iter().filter(|_| !is_vital(measurement));
    let others = others.filter_map(|(name, value)| {
        let value = value.filter(|value| value.is_finite())?;
        Some((What::Value { kind: &measurement.kind, name }, value))
    });
    vital.into_iter().chain(others)
}

impl Histogram {
    fn new(bounds: &[f64]) -> Histogram {
        Histogram { bounds: bounds.to_vec(), buckets: vec![Bucket::default(); bounds.len() + 1], sum: 0.0 }
    }

    fn add(&mut self, value: f64, at: u64, from: &Measurement) {
        self.sum += value;
        let Some(bucket) = self.buckets.get_mut(self.bounds.partition_point(|bound| *bound < value)) else { return };
        bucket.count += 1;
        let Some(trace) = &from.trace else { return };
        let trace_id = id::<16>(&trace.trace_id);
        if !trace_id.is_empty() && bucket.exemplar.as_ref().is_none_or(|last| last.at <= at) {
            let span_id = id::<8>(&trace.span_id);
            bucket.exemplar = Some(Box::new(Exemplar { value, at, trace_id, span_id, told: 0 }));
        }
    }
}

/// The page: the view's name, else the page's id, else the path of its address.
fn page<'r>(record: &'r Enriched) -> &'r str {
    let meta = &record.payload.meta;
    let view = meta.view.as_ref().and_then(|view| view.name.as_ref());
    let page = meta.page.as_ref();
    let named = [view, page.and_then(|page| page.id.as_ref())];
    let named = named.into_iter().flatten().find_map(|text| text.non_empty());
    named.unwrap_or_else(|| path(page.and_then(|page| page.url.as_deref()).unwrap_or_default()))
}

/// `/cart` of `https://shop.example/cart?id=7#top`.
fn path(url: &str) -> &str {
    let url = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let behind_host = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind_host.find('/').map_or("", |at| &behind_host[at..])
}

/// The browser's family: a fixed few, whatever senders call theirs.
fn browser(record: &Enriched) -> &'static str {
    const FAMILIES: [(&str, &str); 9] = [
        ("edg", "Edge"),
        ("samsung", "Samsung Internet"),
        ("opera", "Opera"),
        ("opr", "Opera"),
        ("firefox", "Firefox"),
        ("chrom", "Chrome"),
        ("crios", "Chrome"),
        ("safari", "Safari"),
        ("webkit", "Safari"),
    ];
    let name = record.payload.meta.browser.as_ref().and_then(|browser| browser.name.as_deref()).unwrap_or_default();
    if name.is_empty() {
        return "";
    }
    let name = cut(name).to_ascii_lowercase();
    FAMILIES.iter().find(|(part, _)| name.contains(part)).map_or(OTHER, |(_, family)| family)
}

/// The bytes of a hex id of `N` bytes, or none when it is no such id or all zero.
fn id<const N: usize>(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = hex.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    match bytes.collect::<Option<Vec<u8>>>() {
        Some(bytes) if hex.len() == 2 * N && bytes.iter().any(|byte| *byte != 0) => bytes,
        _ => Vec::new(),
    }
}

fn cut(text: &str) -> &str {
    super::cut(text, VALUE_BYTES)
}

fn millis(nanos: u64) -> u64 {
    nanos / 1_000_000
}
