//! An aggregate as an OTLP metrics export request: cumulative histograms and gauges.

use super::measures::VITALS;
use super::metrics::{Aggregate, Data, Exemplar, Histogram, Instrument, Key, Series};
use super::{Converted, REQUEST_BYTES};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// Name and description of measurements that are kept as a gauge, and as a histogram.
pub(super) const MEASUREMENT: [(&str, &str); 2] =
    [("measurement_last", "The last value of a measurement"), ("measurement", "Values of a measurement")];

/// The series from number `from` on, as of the last freeze. Series of one app stand together, under a resource that
/// names it and this `instance`.
pub fn request(aggregate: &Aggregate, instance: &str, from: usize) -> Converted {
    let mut resources: Vec<otlp::ResourceMetrics> = Vec::new();
    let (mut bytes, mut end, mut last) = (0, from, None);
    for (key, series) in aggregate.series.iter().skip(from) {
        if bytes >= REQUEST_BYTES {
            break;
        }
        let service = Some((&key.app, &key.environment));
        if last != service {
            last = service;
            resources.push(service_metrics(key, instance));
        }
        let metric = metric(key, series, aggregate.stamp);
        bytes += metric.encoded_len();
        if let Some(scope) = resources.last_mut().and_then(|resource| resource.scope_metrics.last_mut()) {
            add(metric, &mut scope.metrics);
        }
        end += 1;
    }
    let empty = resources.is_empty();
    let request = ExportMetricsServiceRequest { resource_metrics: resources };
    Converted { body: if empty { Vec::new() } else { request.encode_to_vec() }, end }
}

fn service_metrics(key: &Key, instance: &str) -> otlp::ResourceMetrics {
    let named = [
        ("service.name", &*key.app),
        ("deployment.environment.name", &key.environment),
        ("service.instance.id", instance),
    ];
    let scope = InstrumentationScope { name: "farol".to_owned(), ..Default::default() };
    otlp::ResourceMetrics {
        resource: Some(Resource { attributes: attributes(named), ..Default::default() }),
        scope_metrics: vec![otlp::ScopeMetrics { scope: Some(scope), ..Default::default() }],
        ..Default::default()
    }
}

/// Appends a metric with one point, or the point to the metric before, when that is the same.
fn add(metric: otlp::Metric, metrics: &mut Vec<otlp::Metric>) {
    use otlp::metric::Data;
    match (metrics.last_mut(), metric.data) {
        (Some(last), Some(data)) if last.name == metric.name => match (&mut last.data, data) {
            (Some(Data::Histogram(all)), Data::Histogram(one)) => all.data_points.extend(one.data_points),
            (Some(Data::Gauge(all)), Data::Gauge(one)) => all.data_points.extend(one.data_points),
            (_, data) => metrics.push(otlp::Metric { data: Some(data), ..metric }),
        },
        (_, data) => metrics.push(otlp::Metric { data, ..metric }),
    }
}

fn metric(key: &Key, series: &Series, stamp: u64) -> otlp::Metric {
    let histogram = matches!(series.data, Data::Histogram(_));
    let (name, description, unit) = match &key.instrument {
        Instrument::Vital(place) => {
            let vital = &VITALS[*place];
            (["web_vitals.", vital.key].concat(), vital.help, vital.unit)
        }
        Instrument::Measurement { .. } => {
            let (name, description) = MEASUREMENT[usize::from(histogram)];
            (name.to_owned(), description, "")
        }
    };
    let (kind, value_name) = match &key.instrument {
        Instrument::Vital(_) => ("", ""),
        Instrument::Measurement { kind, name } => (&**kind, &**name),
    };
    let pairs = [("browser", &*key.browser), ("name", value_name), ("page", &key.page), ("type", kind)];
    let attributes = attributes(pairs);
    let (start, time) = (nanos(series.zero_at), nanos(stamp));
    let data = match &series.data {
        Data::Gauge(value) => otlp::metric::Data::Gauge(otlp::Gauge {
            data_points: vec![otlp::NumberDataPoint {
                attributes,
                time_unix_nano: time,
                value: Some(otlp::number_data_point::Value::AsDouble(*value)),
                ..Default::default()
            }],
        }),
        Data::Histogram(histogram) => otlp::metric::Data::Histogram(otlp::Histogram {
            data_points: vec![point(histogram, attributes, start, time, stamp)],
            aggregation_temporality: otlp::AggregationTemporality::Cumulative.into(),
        }),
    };
    otlp::Metric {
        name,
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Default::default()
    }
}

fn point(
    histogram: &Histogram,
    attributes: Vec<KeyValue>,
    start: u64,
    time: u64,
    stamp: u64,
) -> otlp::HistogramDataPoint {
    let exemplars = histogram.buckets.iter().filter_map(|bucket| bucket.exemplar.as_deref());
    otlp::HistogramDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: histogram.buckets.iter().map(|bucket| bucket.count).sum(),
        sum: Some(histogram.sum),
        bucket_counts: histogram.buckets.iter().map(|bucket| bucket.count).collect(),
        explicit_bounds: histogram.bounds.clone(),
        exemplars: exemplars.filter(|exemplar| exemplar.told == stamp).map(written).collect(),
        ..Default::default()
    }
}

fn written(exemplar: &Exemplar) -> otlp::Exemplar {
    otlp::Exemplar {
        time_unix_nano: nanos(exemplar.at),
        trace_id: exemplar.trace_id.clone(),
        span_id: exemplar.span_id.clone(),
        value: Some(otlp::exemplar::Value::AsDouble(exemplar.value)),
        ..Default::default()
    }
}

fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> Vec<KeyValue> {
    let text = |text: &str| AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) };
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(key, value)| KeyValue { key: key.to_owned(), value: Some(text(value)), ..Default::default() }).collect()
}

fn nanos(millis: u64) -> u64 {
    millis.saturating_mul(1_000_000)
}
