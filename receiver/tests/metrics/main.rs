//! Measurements as metrics: golden files (`UPDATE=1 cargo test -p farol --test metrics` rewrites them), budgets, and
//! crashes, in the pure half and in the lane.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod lane;

use farol::convert::measures::{Measure, Measures};
use farol::convert::metrics::{Aggregate, Folded};
use farol::convert::prometheus::{TimeSeries, WriteRequest};
use farol::convert::{points, prometheus};
use farol::enrich;
use farol::journal::Header;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// 2026-11-21T01:13:57.500Z.
pub(crate) const NOW_MS: u64 = 1_795_223_637_500;
pub(crate) const INTERVAL_MS: u64 = 15_000;

pub(crate) fn fold(aggregate: &mut Aggregate, position: u64, at_ms: u64, body: &str) -> Folded {
    let header = Header { received: at_ms * 1_000_000, ..Header::default() };
    aggregate.fold(position, &enrich::payload(&wire::decode::payload(body.as_bytes()).unwrap(), &header))
}

/// A payload of one measurement.
pub(crate) fn measured(app: &str, page: &str, kind: &str, values: &str) -> String {
    format!(
        r#"{{"meta":{{"app":{{"name":"{app}","environment":"test"}},"page":{{"url":"https://shop.example{page}?q=1"}},
            "browser":{{"name":"Mobile Chrome"}}}},"measurements":[{{"type":"{kind}","values":{values},
            "trace":{{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"}}}}]}}"#
    )
}

pub(crate) fn written(aggregate: &Aggregate) -> WriteRequest {
    let (mut all, mut from) = (WriteRequest::default(), 0);
    while from < aggregate.len() {
        let converted = prometheus::request(aggregate, "farol-0", from);
        let request = WriteRequest::decode(&*converted.body).unwrap();
        all.timeseries.extend(request.timeseries);
        all.metadata.extend(request.metadata);
        from = converted.end;
    }
    all
}

/// `name{label="value"}`.
pub(crate) fn name(series: &TimeSeries) -> String {
    let value =
        |wanted: &str| series.labels.iter().find(|label| label.name == wanted).map(|label| label.value.as_str());
    let rest = series.labels.iter().filter(|label| label.name != "__name__");
    let rest: Vec<String> = rest.map(|label| format!("{}={:?}", label.name, label.value)).collect();
    format!("{}{{{}}}", value("__name__").unwrap(), rest.join(","))
}

/// The last value of each series.
pub(crate) fn sums(aggregate: &Aggregate) -> BTreeMap<String, f64> {
    written(aggregate).timeseries.iter().map(|series| (name(series), series.samples.last().unwrap().value)).collect()
}

fn golden(file: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{file}, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "lines of {file}");
}

/// What the real SDK sent in one recorded session, and a second page load with traces, told twice.
fn recorded() -> [Aggregate; 2] {
    let by_type = [("memory".to_owned(), Measure::Gauge)].into();
    let mut aggregate = Aggregate::new(Measures { by_type, ..Measures::default() }, INTERVAL_MS);
    let recording: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/faro-sdk-2.12.1.json")).unwrap();
    let requests = recording["out"].as_array().unwrap().iter().filter(|request| request["body"].is_object());
    let mut position = 0;
    for request in requests {
        position += 1;
        fold(&mut aggregate, position, request["t"].as_u64().unwrap(), &request["body"].to_string());
    }
    aggregate.freeze();
    let first = aggregate.clone();
    let last = aggregate.stamp();
    fold(&mut aggregate, position + 1, last + 20_000, &measured("shop", "/cart", "web-vitals", r#"{"lcp":2500}"#));
    fold(&mut aggregate, position + 2, last + 20_001, &measured("shop", "/cart", "web-vitals", r#"{"lcp":9000.5}"#));
    fold(&mut aggregate, position + 3, last + 20_002, &measured("shop", "/cart", "memory", r#"{"heap":1.5e7}"#));
    aggregate.freeze();
    [first, aggregate]
}

#[test]
fn recorded_vitals_become_remote_write() {
    let mut out = String::new();
    for aggregate in recorded() {
        writeln!(out, "## told at {}", aggregate.stamp()).unwrap();
        let request = written(&aggregate);
        for metadata in &request.metadata {
            writeln!(out, "{} {} {} {:?}", metadata.family, metadata.kind, metadata.unit, metadata.help).unwrap();
        }
        for series in &request.timeseries {
            let mut names: Vec<&str> = series.labels.iter().map(|label| &*label.name).collect();
            names.dedup();
            assert!(names.len() == series.labels.len() && names.is_sorted(), "{names:?}");
            let samples: Vec<String> =
                series.samples.iter().map(|sample| format!("{} @{}", sample.value, sample.timestamp)).collect();
            writeln!(out, "{} {}", name(series), samples.join(", ")).unwrap();
            for exemplar in &series.exemplars {
                let labels: Vec<String> =
                    exemplar.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
                writeln!(out, "  # {} {} @{}", labels.join(" "), exemplar.value, exemplar.timestamp).unwrap();
            }
        }
    }
    golden("metrics-remote-write.txt", &out);
}

#[test]
fn recorded_vitals_become_otlp() {
    let mut out = String::new();
    for aggregate in recorded() {
        writeln!(out, "## told at {}", aggregate.stamp()).unwrap();
        let converted = points::request(&aggregate, "farol-0", 0);
        assert_eq!(converted.end, aggregate.len());
        let request = ExportMetricsServiceRequest::decode(&*converted.body).unwrap();
        for resource in request.resource_metrics {
            writeln!(out, "{}", pairs(&resource.resource.unwrap().attributes)).unwrap();
            for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                writeln!(out, "  {} [{}] {:?}", metric.name, metric.unit, metric.description).unwrap();
                match metric.data.unwrap() {
                    Data::Gauge(gauge) => gauge.data_points.iter().for_each(|point| {
                        let (at, value) = (point.time_unix_nano, point.value.unwrap());
                        writeln!(out, "    {} {value:?} @{at}", pairs(&point.attributes)).unwrap();
                    }),
                    Data::Histogram(histogram) => {
                        assert_eq!(histogram.aggregation_temporality, 2, "cumulative");
                        for point in histogram.data_points {
                            assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                            let (from, to) = (point.start_time_unix_nano, point.time_unix_nano);
                            writeln!(out, "    {} {from}..{to}", pairs(&point.attributes)).unwrap();
                            writeln!(out, "      count {} sum {:?}", point.count, point.sum.unwrap()).unwrap();
                            writeln!(out, "      {:?} {:?}", point.explicit_bounds, point.bucket_counts).unwrap();
                            for exemplar in point.exemplars {
                                writeln!(out, "      # {:02x?} {:?}", exemplar.trace_id, exemplar.value.unwrap())
                                    .unwrap();
                            }
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    golden("metrics-otlp.txt", &out);
}

fn pairs(attributes: &[KeyValue]) -> String {
    let pair = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => format!("{}={text}", attribute.key),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(pair).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_cannot_be_counted_is_said() {
    let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
    let mut check = |kind, values, taken, invalid| {
        let folded = fold(&mut aggregate, 1, NOW_MS, &measured("shop", "/", kind, values));
        assert_eq!(folded, Folded { taken, invalid, ..Folded::default() }, "{kind} {values}");
    };
    check("web-vitals", r#"{"lcp":1,"delta":1}"#, 1, 0);
    check("web-vitals", r#"{"lcp":-1}"#, 0, 1);
    check("web-vitals", r#"{"lcp":null}"#, 0, 1);
    check("web-vitals", r#"{"delta":5}"#, 0, 1);
    check("custom", r#"{"a":-1,"b":null}"#, 1, 0);
    check("custom", "{}", 0, 1);
    assert_eq!(aggregate.len(), 2);
}

#[test]
fn pages_past_the_budget_are_other_and_measures_are_dropped() {
    let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
    let mut total = Folded::default();
    for number in 0..150 {
        let page = format!("/product/{number}");
        let folded = fold(&mut aggregate, number, NOW_MS, &measured("shop", &page, "web-vitals", r#"{"lcp":1}"#));
        total.taken += folded.taken;
        total.other += folded.other;
    }
    assert_eq!((total.taken, total.other, aggregate.len()), (150, 50, 101));
    aggregate.freeze();
    let other =
        sums(&aggregate).into_iter().find(|(name, _)| name.contains("_count") && name.contains(r#"page="other""#));
    assert_eq!(other.unwrap().1, 50.0);
    // Still so after a freeze took stock of the names, and a known page keeps its series.
    let again = |aggregate: &mut Aggregate, page: &str| {
        fold(aggregate, 200, NOW_MS, &measured("shop", page, "web-vitals", r#"{"lcp":1}"#)).other
    };
    assert_eq!((again(&mut aggregate, "/new"), again(&mut aggregate, "/product/7")), (1, 0));

    let mut over = 0;
    for number in 0..60 {
        let values = format!(r#"{{"value {number}":1}}"#);
        over += fold(&mut aggregate, 300, NOW_MS, &measured("shop", "/product/1", "custom", &values)).over;
    }
    assert_eq!(over, 10);
}

#[test]
fn series_are_bounded_whatever_senders_call_things() {
    let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
    let mut over = 0;
    for number in 0..12_000 {
        let (app, kind) = (format!("app {}", number % 300), format!("kind {}", number / 300 % 40));
        over += fold(&mut aggregate, number, NOW_MS, &measured(&app, &format!("/{number}"), &kind, r#"{"v":1}"#)).over;
    }
    assert!(aggregate.len() <= 6_250, "{}", aggregate.len());
    assert!(over > 0);
    aggregate.freeze();
    let (mut from, mut requests) = (0, Vec::new());
    while from < aggregate.len() {
        let converted = prometheus::request(&aggregate, "i", from);
        assert!(converted.end > from);
        from = converted.end;
        requests.push(converted.body);
    }
    requests.push(points::request(&aggregate, "i", 0).body);
    assert!(requests.iter().all(|body| body.len() < 1_100_000));
    let named = |body: &Vec<u8>| body.windows(5).any(|window| window == b"other");
    assert!(requests.iter().any(named), "apps past the budget are one");
}

#[test]
fn silent_series_go_and_come_back_from_zero() {
    let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
    let body = |page| measured("shop", page, "web-vitals", r#"{"cls":0.05}"#);
    fold(&mut aggregate, 1, NOW_MS, &body("/old"));
    aggregate.freeze();
    fold(&mut aggregate, 2, NOW_MS + 3_600_000, &body("/new"));
    aggregate.freeze();
    assert_eq!(aggregate.len(), 2, "an hour is not over");
    fold(&mut aggregate, 3, NOW_MS + 3_600_001, &body("/new"));
    aggregate.freeze();
    assert_eq!(aggregate.len(), 1);
    fold(&mut aggregate, 4, NOW_MS + 3_700_000, &body("/old"));
    aggregate.freeze();
    let written = written(&aggregate);
    let old = written.timeseries.iter().find(|series| name(series).contains("_count") && name(series).contains("/old"));
    let samples: Vec<(f64, i64)> = old.unwrap().samples.iter().map(|sample| (sample.value, sample.timestamp)).collect();
    assert_eq!(samples, [(0.0, (NOW_MS + 3_700_000 - INTERVAL_MS) as i64), (1.0, (NOW_MS + 3_700_000) as i64)]);
}

#[test]
fn browsers_are_families() {
    let check = |sent: &str, label: &str| {
        let mut aggregate = Aggregate::new(Measures::default(), INTERVAL_MS);
        let body = format!(
            r#"{{"meta":{{"browser":{{"name":"{sent}"}}}},"measurements":[{{"type":"web-vitals","values":{{"cls":0}}}}]}}"#
        );
        fold(&mut aggregate, 1, NOW_MS, &body);
        aggregate.freeze();
        let name = sums(&aggregate).into_keys().next().unwrap();
        assert!(
            name.contains(&format!("browser={label:?}")) || label.is_empty() && !name.contains("browser"),
            "{name}"
        );
    };
    check("Chrome Headless", "Chrome");
    check("Mobile Safari", "Safari");
    check("Edge", "Edge");
    check("Firefox", "Firefox");
    check("Samsung Internet", "Samsung Internet");
    check("session 4711", "other");
    check("", "");
}
