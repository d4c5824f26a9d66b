//! What the receiver says about itself in numbers: the metrics, all families in one list.

use crate::ingest::outcome::{Contents, Reason};
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A family with one label.
type By<V, M = Counter> = Family<[(&'static str, V); 1], M>;
/// A family by lane and reason.
type ByLaneAndReason = Family<([(&'static str, &'static str); 1], [(&'static str, Reason); 1]), Counter>;

/// A family by application and one more.
type ByApp<V> = Family<([(&'static str, AppLabel); 1], [(&'static str, V); 1]), Counter>;
/// One sample that says what runs.
type Build = Family<[(&'static str, String); 2], Gauge>;

/// A family by method, route and status, under Alloy's names.
type Requests = Family<([(&'static str, &'static str); 3], [(&'static str, u16); 1]), Histogram>;

/// Alloy's bounds of answering times.
const ALLOY_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0];

/// What a request asked for, in words that no client chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `POST` and its like, `other` for what is none of them.
    pub method: &'static str,
    /// `collect` or `other`.
    pub route: &'static str,
}

impl Asked {
    /// A payload.
    pub const COLLECT: Asked = Asked { method: "POST", route: "collect" };

    /// Anything that is not served.
    pub fn other(method: &str) -> Asked {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
        let method = KNOWN.into_iter().find(|known| *known == method).unwrap_or("other");
        Asked { method, route: "other" }
    }
}

/// A request under way, counted until this is dropped.
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Applications that have samples of their own: the first that came. All later ones are `other`.
const APPS: usize = 100;

/// Bytes of an application's name in its label.
const APP_BYTES: usize = 64;

/// An application in the metrics: its name, or `other`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppLabel(Arc<str>);

impl EncodeLabelValue for AppLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        self.0.as_ref().encode(encoder)
    }
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

/// Bounds of the histogram of answering times: from a decode to a disk that takes its time.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Every number that `/metrics` shows. Labels come from our own enums and names, never from a client.
pub struct Metrics {
    registry: Registry,
    requests: By<u16>,
    refused: By<Reason>,
    payloads_accepted: Counter,
    payloads_repeated: Counter,
    items_accepted: By<&'static str>,
    items_dropped: By<Reason>,
    collect_seconds: Histogram,
    build: Build,
    apps: Mutex<HashMap<Box<str>, AppLabel>>,
    app_payloads: By<AppLabel>,
    app_refused: ByApp<Reason>,
    app_items: ByApp<&'static str>,
    app_dropped: ByApp<Reason>,
    faro_seconds: Requests,
    faro_in_flight: Family<[(&'static str, &'static str); 2], Gauge>,
    faro_logs: Counter,
    faro_measurements: Counter,
    faro_exceptions: Counter,
    faro_events: Counter,
    lane_records: By<&'static str>,
    lane_items: By<&'static str>,
    lane_dropped: ByLaneAndReason,
    lane_retries: By<&'static str>,
    lane_other: By<&'static str>,
    lane_lag_records: By<&'static str, Gauge>,
    lane_lag_bytes: By<&'static str, Gauge>,
    journal_bytes: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::default(),
            requests: Family::default(),
            refused: Family::default(),
            payloads_accepted: Counter::default(),
            payloads_repeated: Counter::default(),
            items_accepted: Family::default(),
            items_dropped: Family::default(),
            collect_seconds: Histogram::new(SECONDS),
            build: Family::default(),
            apps: Mutex::default(),
            app_payloads: Family::default(),
            app_refused: Family::default(),
            app_items: Family::default(),
            app_dropped: Family::default(),
            faro_seconds: Family::new_with_constructor(|| Histogram::new(ALLOY_SECONDS)),
            faro_in_flight: Family::default(),
            faro_logs: Counter::default(),
            faro_measurements: Counter::default(),
            faro_exceptions: Counter::default(),
            faro_events: Counter::default(),
            lane_records: Family::default(),
            lane_items: Family::default(),
            lane_dropped: Family::default(),
            lane_retries: Family::default(),
            lane_other: Family::default(),
            lane_lag_records: Family::default(),
            lane_lag_bytes: Family::default(),
            journal_bytes: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The one list of families. Counters gain `_total` when written.
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("farol_requests", "Requests answered by the ingest server", self.requests.clone());
        r.register("farol_requests_refused", "Requests refused", self.refused.clone());
        r.register("farol_payloads_accepted", "Payloads stored", self.payloads_accepted.clone());
        r.register("farol_payloads_repeated", "Payloads answered as stored before", self.payloads_repeated.clone());
        r.register("farol_items_accepted", "Items stored", self.items_accepted.clone());
        r.register("farol_items_dropped", "Items and parts left out of stored payloads", self.items_dropped.clone());
        r.register("farol_collect_duration_seconds", "From head to answer", self.collect_seconds.clone());
        r.register("farol_build_info", "What runs, always 1", self.build.clone());
        r.register("farol_app_payloads_accepted", "Payloads stored, by application", self.app_payloads.clone());
        r.register(
            "farol_app_requests_refused",
            "Requests refused, by the key's application",
            self.app_refused.clone(),
        );
        r.register("farol_app_items_accepted", "Items stored, by application", self.app_items.clone());
        r.register("farol_app_items_dropped", "Items left out, by application", self.app_dropped.clone());
        r.register("faro_receiver_request_duration_seconds", "From head to answer", self.faro_seconds.clone());
        r.register("faro_receiver_inflight_requests", "Payloads being taken in", self.faro_in_flight.clone());
        r.register("faro_receiver_logs", "Total number of ingested logs", self.faro_logs.clone());
        r.register(
            "faro_receiver_measurements",
            "Total number of ingested measurements",
            self.faro_measurements.clone(),
        );
        r.register("faro_receiver_exceptions", "Total number of ingested exceptions", self.faro_exceptions.clone());
        r.register("faro_receiver_events", "Total number of ingested events", self.faro_events.clone());
        r.register("farol_lane_delivered_records", "Records that a lane is done with", self.lane_records.clone());
        r.register("farol_lane_delivered_items", "Items that a lane delivered", self.lane_items.clone());
        r.register("farol_lane_dropped_items", "Items that a lane gave up", self.lane_dropped.clone());
        r.register("farol_lane_retries", "Deliveries tried again", self.lane_retries.clone());
        r.register("farol_lane_other_items", "Items under the label value other", self.lane_other.clone());
        r.register("farol_lane_lag_records", "Records a lane has yet to deliver", self.lane_lag_records.clone());
        r.register("farol_lane_lag_bytes", "Bytes a lane has yet to deliver", self.lane_lag_bytes.clone());
        r.register("farol_journal_bytes", "Bytes of the journal on disk", self.journal_bytes.clone());
    }

    /// All of it as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A string takes everything that is written to it.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }

    /// A payload begins to be taken in.
    pub fn in_flight(&self) -> InFlight {
        let Asked { method, route } = Asked::COLLECT;
        let gauge = self.faro_in_flight.get_or_create(&[("method", method), ("route", route)]).clone();
        gauge.inc();
        InFlight(gauge)
    }

    /// A request was answered with `status` after `elapsed`.
    pub fn answered(&self, Asked { method, route }: Asked, status: u16, elapsed: Duration) {
        let labels = ([("method", method), ("route", route), ("ws", "false")], [("status_code", status)]);
        self.faro_seconds.get_or_create(&labels).observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&[("status", status)]).inc();
        self.collect_seconds.observe(elapsed.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// This process, where it runs.
    pub fn build(&self, version: &str, environment: &str) {
        let labels = [("version", version.to_owned()), ("environment", environment.to_owned())];
        self.build.get_or_create(&labels).set(1);
    }

    /// The label of an application: of the first hundred their names, of later ones `other`.
    pub fn app(&self, name: &str) -> AppLabel {
        let name = match name[..name.floor_char_boundary(APP_BYTES)].trim() {
            "" => "unknown",
            name => name,
        };
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(label) = apps.get(name) {
            return label.clone();
        }
        let known = if apps.len() < APPS { name } else { "other" };
        let label = AppLabel(known.into());
        if apps.len() <= APPS {
            apps.insert(known.into(), label.clone());
        }
        label
    }

    /// A payload was read and is not kept: its session is not among those that are.
    pub fn sampled(&self, app: &AppLabel, contents: &Contents) {
        let Contents { logs, events, measurements, exceptions, spans, .. } = contents;
        let items = logs + events + measurements + exceptions + spans;
        self.items_dropped.get_or_create(&[("reason", Reason::Sampled)]).inc_by(items.into());
        self.app_dropped.get_or_create(&([("app", app.clone())], [("reason", Reason::Sampled)])).inc_by(items.into());
    }

    /// A request that brought the key of `app` was refused.
    pub fn refused_app(&self, app: &AppLabel, reason: Reason) {
        self.app_refused.get_or_create(&([("app", app.clone())], [("reason", reason)])).inc();
    }

    /// A payload was stored.
    pub fn accepted(&self, app: &AppLabel, contents: &Contents) {
        self.payloads_accepted.inc();
        self.app_payloads.get_or_create(&[("app", app.clone())]).inc();
        for (kind, count, faro) in [
            ("log", contents.logs, Some(&self.faro_logs)),
            ("event", contents.events, Some(&self.faro_events)),
            ("measurement", contents.measurements, Some(&self.faro_measurements)),
            ("exception", contents.exceptions, Some(&self.faro_exceptions)),
            ("span", contents.spans, None),
        ] {
            if count > 0 {
                self.items_accepted.get_or_create(&[("kind", kind)]).inc_by(count.into());
                self.app_items.get_or_create(&([("app", app.clone())], [("kind", kind)])).inc_by(count.into());
                faro.map(|counter| counter.inc_by(count.into()));
            }
        }
        for (reason, count) in contents.dropped() {
            if count > 0 {
                self.items_dropped.get_or_create(&[("reason", reason)]).inc_by(count.into());
                self.app_dropped.get_or_create(&([("app", app.clone())], [("reason", reason)])).inc_by(count.into());
            }
        }
    }

    /// A payload came again with its idempotency key.
    pub fn repeated(&self) {
        self.payloads_repeated.inc();
    }

    /// `lane` is done with `records` that had `items` for it.
    pub fn lane_delivered(&self, lane: &'static str, records: u64, items: u64) {
        self.lane_records.get_or_create(&[("lane", lane)]).inc_by(records);
        self.lane_items.get_or_create(&[("lane", lane)]).inc_by(items);
    }

    /// `lane` gave up `items`.
    pub fn lane_dropped(&self, lane: &'static str, reason: Reason, items: u64) {
        self.lane_dropped.get_or_create(&([("lane", lane)], [("reason", reason)])).inc_by(items);
    }

    /// `lane` tries a delivery again.
    pub fn lane_retried(&self, lane: &'static str) {
        self.lane_retries.get_or_create(&[("lane", lane)]).inc();
    }

    /// `lane` had to put `items` under the label value `other`: their names were past its budget.
    pub fn lane_other(&self, lane: &'static str, items: u64) {
        if items > 0 {
            self.lane_other.get_or_create(&[("lane", lane)]).inc_by(items);
        }
    }

    /// What `lane` has yet to deliver.
    pub fn lane_lag(&self, lane: &'static str, records: u64, bytes: u64) {
        self.lane_lag_records.get_or_create(&[("lane", lane)]).set(records as i64);
        self.lane_lag_bytes.get_or_create(&[("lane", lane)]).set(bytes as i64);
    }

    /// What the journal takes on disk.
    pub fn journal_bytes(&self, bytes: u64) {
        self.journal_bytes.set(bytes as i64);
    }
}

/// Why a lane is not getting on, and since when; empty while it is.
#[derive(Clone, Debug, Default)]
pub struct Failing(Arc<Mutex<Option<Failure>>>);

/// What a store said last, while deliveries fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When the first of them failed.
    pub since: SystemTime,
    /// Why the last of them did.
    pub reason: String,
}

impl Failing {
    /// The failure, while there is one.
    pub fn now(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets or clears it; true when that starts or ends a failure.
    pub fn set(&self, reason: Option<&str>) -> bool {
        let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was = failure.take();
        let changed = was.is_some() != reason.is_some();
        *failure = reason.map(|reason| Failure {
            since: was.map_or_else(SystemTime::now, |was| was.since),
            reason: reason.to_owned(),
        });
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metrics of which each has a sample.
    fn used() -> Metrics {
        let metrics = Metrics::default();
        metrics.answered(Asked::COLLECT, 202, Duration::from_millis(3));
        // One is over, one is not.
        drop(metrics.in_flight());
        std::mem::forget(metrics.in_flight());
        metrics.refused(Reason::Key);
        metrics.repeated();
        metrics.build("1.2.3", "staging");
        let shop = metrics.app("shop");
        metrics.refused_app(&shop, Reason::Rate);
        metrics.sampled(&shop, &Contents { events: 11, ..Contents::default() });
        metrics.accepted(&shop, &Contents { logs: 2, spans: 1, invalid_items: 4, ..Contents::default() });
        metrics.lane_delivered("loki", 3, 5);
        metrics.lane_dropped("loki", Reason::Rejected, 6);
        metrics.lane_retried("loki");
        metrics.lane_other("loki", 10);
        metrics.lane_lag("loki", 7, 8);
        metrics.journal_bytes(9);
        metrics
    }

    #[test]
    fn every_family_is_written_under_its_name() {
        let metrics = used();
        let text = metrics.text();
        for line in [
            "farol_requests_total{status=\"202\"} 1",
            "farol_requests_refused_total{reason=\"key\"} 1",
            "farol_payloads_accepted_total 1",
            "farol_payloads_repeated_total 1",
            "farol_items_accepted_total{kind=\"log\"} 2",
            "farol_items_accepted_total{kind=\"span\"} 1",
            "farol_items_dropped_total{reason=\"invalid_item\"} 4",
            "farol_items_dropped_total{reason=\"sampled\"} 11",
            "farol_build_info{version=\"1.2.3\",environment=\"staging\"} 1",
            "farol_app_requests_refused_total{app=\"shop\",reason=\"rate\"} 1",
            "farol_app_payloads_accepted_total{app=\"shop\"} 1",
            "farol_app_items_accepted_total{app=\"shop\",kind=\"log\"} 2",
            "farol_app_items_dropped_total{app=\"shop\",reason=\"sampled\"} 11",
            "farol_collect_duration_seconds_count 1",
            "faro_receiver_request_duration_seconds_count{method=\"POST\",route=\"collect\",ws=\"false\",status_code=\"202\"} 1",
            "faro_receiver_inflight_requests{method=\"POST\",route=\"collect\"} 1",
            "faro_receiver_logs_total 2",
            "faro_receiver_events_total 0",
            "faro_receiver_measurements_total 0",
            "faro_receiver_exceptions_total 0",
            "farol_lane_delivered_records_total{lane=\"loki\"} 3",
            "farol_lane_delivered_items_total{lane=\"loki\"} 5",
            "farol_lane_dropped_items_total{lane=\"loki\",reason=\"rejected\"} 6",
            "farol_lane_retries_total{lane=\"loki\"} 1",
            "farol_lane_other_items_total{lane=\"loki\"} 10",
            "farol_lane_lag_records{lane=\"loki\"} 7",
            "farol_lane_lag_bytes{lane=\"loki\"} 8",
            "farol_journal_bytes 9",
        ] {
            assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn every_family_is_in_the_reference() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md")).unwrap();
        let text = used().text();
        let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        assert!(families.len() > 20);
        for (name, kind) in families {
            let name = if kind == "counter" { format!("`{name}_total`") } else { format!("`{name}`") };
            assert!(page.contains(&name), "docs/operations.md does not name {name}");
        }
    }

    #[test]
    fn methods_are_words_of_ours() {
        assert_eq!(Asked::other("GET").method, "GET");
        assert_eq!(Asked::other("BREW").method, "other");
    }

    #[test]
    fn applications_past_the_cap_are_other() {
        let metrics = Metrics::default();
        for n in 0..APPS {
            assert_eq!(metrics.app(&format!("app {n}")).0.as_ref(), format!("app {n}"));
        }
        for n in 0..1000 {
            assert_eq!(metrics.app(&format!("more {n}")).0.as_ref(), "other");
        }
        assert_eq!(metrics.app("app 7").0.as_ref(), "app 7");
        assert_eq!(metrics.apps.lock().unwrap().len(), APPS + 1);
        assert_eq!(Metrics::default().app("").0.as_ref(), "unknown");
        assert_eq!(Metrics::default().app(&"é".repeat(100)).0.len(), APP_BYTES);
    }
}
