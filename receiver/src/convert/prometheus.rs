//! An aggregate as Prometheus remote write 1.0 (`prometheus.WriteRequest`).

use super::measures::VITALS;
use super::metrics::{Aggregate, Data, Exemplar, Instrument, Key, Series};
use super::{Converted, REQUEST_BYTES};
use prost::Message;
use std::fmt::Write;

/// The job of every series: whoever counts them.
const JOB: &str = "farol";

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// Series, each once.
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
    /// What the metrics are.
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<Metadata>,
}

/// One series with its labels sorted by name.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    /// `__name__` first.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// In order of time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Values that have a trace.
    #[prost(message, repeated, tag = "3")]
    pub exemplars: Vec<WrittenExemplar>,
}

/// A name and its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Label {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Never empty.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A value at a time.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since the epoch.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// A value with the labels that lead to its trace.
#[derive(Clone, PartialEq, Message)]
pub struct WrittenExemplar {
    /// `span_id`, `trace_id`.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// The value.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// Milliseconds since the epoch.
    #[prost(int64, tag = "3")]
    pub timestamp: i64,
}

/// `prometheus.MetricMetadata`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Metadata {
    /// 2 for a gauge, 3 for a histogram.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The metric.
    #[prost(string, tag = "2")]
    pub family: String,
    /// What it is.
    #[prost(string, tag = "4")]
    pub help: String,
    /// As a word.
    #[prost(string, tag = "5")]
    pub unit: String,
}

const GAUGE: i32 = 2;
const HISTOGRAM: i32 = 3;

/// The series from number `from` on, as of the last freeze, under the name of this `instance`. Two receivers that
/// write one series would each undo what the other counted.
pub fn request(aggregate: &Aggregate, instance: &str, from: usize) -> Converted {
    let mut out = WriteRequest::default();
    let (mut bytes, mut end) = (0, from);
    for (key, series) in aggregate.series.iter().skip(from) {
        if bytes >= REQUEST_BYTES {
            break;
        }
        let before = out.timeseries.len();
        write(key, series, aggregate.stamp, instance, &mut out);
        bytes += out.timeseries[before..].iter().map(Message::encoded_len).sum::<usize>();
        end += 1;
    }
    Converted { body: if out.timeseries.is_empty() { Vec::new() } else { out.encode_to_vec() }, end }
}

fn write(key: &Key, series: &Series, stamp: u64, instance: &str, out: &mut WriteRequest) {
    let family = describe(key, &series.data);
    let labels = |suffix: &str, le: &str| {
        let (kind, name) = match &key.instrument {
            Instrument::Vital(_) => ("", ""),
            Instrument::Measurement { kind, name } => (&**kind, &**name),
        };
        let metric = [&*family.family, suffix].concat();
        let pairs = [
            ("__name__", &*metric),
            ("app", &key.app),
            ("browser", &key.browser),
            ("environment", &key.environment),
            ("instance", instance),
            ("job", JOB),
            ("le", le),
            ("name", name),
            ("page", &key.page),
            ("type", kind),
        ];
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| label(name, value)).collect()
    };
    let samples = |value: f64| {
        let zero = (series.told_first == stamp && family.kind == HISTOGRAM)
            .then_some(Sample { value: 0.0, timestamp: series.zero_at as i64 });
        zero.into_iter().chain([Sample { value, timestamp: stamp as i64 }]).collect()
    };
    match &series.data {
        Data::Gauge(value) => {
            out.timeseries.push(TimeSeries { labels: labels("", ""), samples: samples(*value), exemplars: Vec::new() });
        }
        Data::Histogram(histogram) => {
            let mut count = 0;
            for (place, bucket) in histogram.buckets.iter().enumerate() {
                count += bucket.count;
                let le = histogram.bounds.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                let exemplar = bucket.exemplar.as_deref().filter(|exemplar| exemplar.told == stamp);
                out.timeseries.push(TimeSeries {
                    labels: labels("_bucket", &le),
                    samples: samples(count as f64),
                    exemplars: exemplar.map(written).into_iter().collect(),
                });
            }
            for (suffix, value) in [("_count", count as f64), ("_sum", histogram.sum)] {
                let (labels, samples) = (labels(suffix, ""), samples(value));
                out.timeseries.push(TimeSeries { labels, samples, exemplars: Vec::new() });
            }
        }
    }
    if !out.metadata.contains(&family) {
        out.metadata.push(family);
    }
}

/// The metric: `web_vitals_lcp_milliseconds`, as Prometheus itself would name what comes by OTLP.
fn describe(key: &Key, data: &Data) -> Metadata {
    let (kind, unit) = match data {
        Data::Gauge(_) => (GAUGE, ""),
        Data::Histogram(_) => (HISTOGRAM, ""),
    };
    match &key.instrument {
        Instrument::Vital(place) => {
            let vital = &VITALS[*place];
            let (suffix, unit) = if vital.unit == "ms" { ("_milliseconds", "milliseconds") } else { ("", unit) };
            let family = ["web_vitals_", vital.key, suffix].concat();
            Metadata { kind, family, help: vital.help.to_owned(), unit: unit.to_owned() }
        }
        Instrument::Measurement { .. } => {
            let (family, help) = super::points::MEASUREMENT[usize::from(kind == HISTOGRAM)];
            Metadata { kind, family: family.to_owned(), help: help.to_owned(), unit: unit.to_owned() }
        }
    }
}

fn written(exemplar: &Exemplar) -> WrittenExemplar {
    let ids = [("span_id", &exemplar.span_id), ("trace_id", &exemplar.trace_id)];
    let ids = ids.into_iter().filter(|(_, id)| !id.is_empty());
    let labels = ids.map(|(name, id)| label(name, &hex(id))).collect();
    WrittenExemplar { labels, value: exemplar.value, timestamp: exemplar.at as i64 }
}

fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
