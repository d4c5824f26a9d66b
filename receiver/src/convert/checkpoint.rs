//! An aggregate as bytes: `farol-metrics 1`, a new line, the CRC-32C of the rest as four bytes little-endian, the rest.

use super::measures::{Measure, Measures, VITALS};
use super::metrics::{Aggregate, Bucket, Data, Exemplar, Histogram, Instrument, Key, Series};
use prost::Message;

const MAGIC: &[u8] = b"farol-metrics 1\n";

#[derive(Clone, PartialEq, Message)]
struct Saved {
    #[prost(uint64, tag = "1")]
    position: u64,
    #[prost(uint64, tag = "2")]
    watermark: u64,
    #[prost(uint64, tag = "3")]
    stamp: u64,
    #[prost(message, repeated, tag = "4")]
    series: Vec<SavedSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedSeries {
    #[prost(string, tag = "1")]
    app: String,
    #[prost(string, tag = "2")]
    environment: String,
    #[prost(string, tag = "3")]
    page: String,
    #[prost(string, tag = "4")]
    browser: String,
    /// The key of a vital; else the next two.
    #[prost(string, tag = "5")]
    vital: String,
    #[prost(string, tag = "6")]
    kind: String,
    #[prost(string, tag = "7")]
    name: String,
    #[prost(uint64, tag = "8")]
    updated: u64,
    #[prost(uint64, tag = "9")]
    zero_at: u64,
    #[prost(uint64, tag = "10")]
    told_first: u64,
    #[prost(double, optional, tag = "11")]
    gauge: Option<f64>,
    #[prost(double, tag = "12")]
    sum: f64,
    #[prost(double, repeated, tag = "13")]
    bounds: Vec<f64>,
    #[prost(uint64, repeated, tag = "14")]
    counts: Vec<u64>,
    #[prost(message, repeated, tag = "15")]
    exemplars: Vec<SavedExemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedExemplar {
    #[prost(uint32, tag = "1")]
    bucket: u32,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(uint64, tag = "3")]
    at: u64,
    #[prost(bytes = "vec", tag = "4")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    span_id: Vec<u8>,
    #[prost(uint64, tag = "6")]
    told: u64,
}

/// Writes an aggregate down, as it is since its last freeze.
pub fn encode(aggregate: &Aggregate) -> Vec<u8> {
    let series = aggregate.series.iter().map(|(key, series)| saved(key, series)).collect();
    let (position, watermark, stamp) = (aggregate.position, aggregate.watermark, aggregate.stamp);
    let body = Saved { position, watermark, stamp, series }.encode_to_vec();
    [MAGIC, &crc32c::crc32c(&body).to_le_bytes(), &body].concat()
}

/// Reads what was written. A series whose measure or bounds were changed since is left out, to begin
/// again from zero. `None` when the bytes are damaged or of another version.
pub fn decode(bytes: &[u8], measures: Measures, interval_ms: u64) -> Option<Aggregate> {
    let (checksum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let saved = Saved::decode(body).ok()?;
    let mut aggregate = Aggregate::new(measures, interval_ms);
    (aggregate.position, aggregate.watermark, aggregate.stamp) = (saved.position, saved.watermark, saved.stamp);
    let series = saved.series.into_iter().filter_map(|series| restored(series, &aggregate.measures));
    aggregate.series = series.collect();
    aggregate.count_names();
    Some(aggregate)
}

fn saved(key: &Key, series: &Series) -> SavedSeries {
    let mut out = SavedSeries {
        app: key.app.clone(),
        environment: key.environment.clone(),
        page: key.page.clone(),
        browser: key.browser.clone(),
        updated: series.updated,
        zero_at: series.zero_at,
        told_first: series.told_first,
        ..SavedSeries::default()
    };
    match &key.instrument {
        Instrument::Vital(place) => VITALS[*place].key.clone_into(&mut out.vital),
        Instrument::Measurement { kind, name } => (out.kind, out.name) = (kind.clone(), name.clone()),
    }
    match &series.data {
        Data::Gauge(value) => out.gauge = Some(*value),
        Data::Histogram(histogram) => {
            out.sum = histogram.sum;
            out.bounds.clone_from(&histogram.bounds);
            out.counts = histogram.buckets.iter().map(|bucket| bucket.count).collect();
            let exemplars = histogram.buckets.iter().zip(0..).filter_map(|(bucket, place)| {
                let Exemplar { value, at, trace_id, span_id, told } = bucket.exemplar.as_deref()?.clone();
                Some(SavedExemplar { bucket: place, value, at, trace_id, span_id, told })
            });
            out.exemplars = exemplars.collect();
        }
    }
    out
}

fn restored(saved: SavedSeries, measures: &Measures) -> Option<(Key, Series)> {
    let instrument = match VITALS.iter().position(|vital| vital.key == saved.vital) {
        Some(place) => Instrument::Vital(place),
        None if saved.vital.is_empty() => Instrument::Measurement { kind: saved.kind, name: saved.name },
        None => return None,
    };
    let measure = match &instrument {
        Instrument::Vital(place) => &Measure::Histogram(VITALS[*place].bounds.into()),
        Instrument::Measurement { kind, .. } => measures.of(kind),
    };
    let data = match (measure, saved.gauge) {
        (Measure::Gauge, Some(value)) => Data::Gauge(value),
        (Measure::Histogram(bounds), None) if **bounds == *saved.bounds && saved.counts.len() == bounds.len() + 1 => {
            let mut buckets: Vec<Bucket> =
                saved.counts.into_iter().map(|count| Bucket { count, exemplar: None }).collect();
            for SavedExemplar { bucket, value, at, trace_id, span_id, told } in saved.exemplars {
                buckets.get_mut(bucket as usize)?.exemplar =
                    Some(Box::new(Exemplar { value, at, trace_id, span_id, told }));
            }
            Data::Histogram(Histogram { bounds: saved.bounds, buckets, sum: saved.sum })
        }
        _ => return None,
    };
    let (app, environment, page, browser) = (saved.app, saved.environment, saved.page, saved.browser);
    let key = Key { app, environment, instrument, page, browser };
    Some((key, Series { data, updated: saved.updated, zero_at: saved.zero_at, told_first: saved.told_first }))
}
