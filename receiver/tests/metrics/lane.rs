//! The lane with a real journal, and a store that takes, refuses or is not there.

use super::{NOW_MS, measured, name};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use farol::convert::measures::Measures;
use farol::convert::prometheus::WriteRequest;
use farol::ingest::decode::Gate;
use farol::journal::{Header, Journal, Options, Record, Start};
use farol::lane_metrics::{Dialect, MetricsLane, Options as LaneOptions};
use farol::sink::retry::Backoff;
use farol::sink::{client, prometheus};
use farol::telemetry::Metrics;
use prost::Message;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A Prometheus that keeps what it is sent, and answers with a status that may be changed.
struct Store {
    url: reqwest::Url,
    status: Arc<AtomicU16>,
    pushes: Arc<Mutex<Vec<WriteRequest>>>,
}

impl Store {
    async fn start() -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap()).parse().unwrap();
        let store = Store { url, status: Arc::new(AtomicU16::new(204)), pushes: Arc::default() };
        let (status, pushes) = (Arc::clone(&store.status), Arc::clone(&store.pushes));
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-encoding"], "snappy");
            assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
            let body = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
            let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
            if status.is_success() {
                pushes.lock().unwrap().push(WriteRequest::decode(&*body).unwrap());
            }
            std::future::ready(status)
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        store
    }

    /// The newest value of each series.
    fn sums(&self) -> BTreeMap<String, f64> {
        let pushes = self.pushes.lock().unwrap();
        let series = pushes.iter().flat_map(|push| &push.timeseries);
        series.map(|series| (name(series), series.samples.last().unwrap().value)).collect()
    }

    fn count(&self) -> f64 {
        self.sums()
            .iter()
            .filter(|(name, _)| name.starts_with("web_vitals_lcp_milliseconds_count"))
            .map(|(_, sum)| sum)
            .sum()
    }

    async fn until_count(&self, count: f64) {
        for _ in 0..400 {
            if self.count() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("10 s passed; the count is {}, not {count}", self.count());
    }
}

fn journal(dir: &Path) -> Journal {
    Journal::open(Options::new(dir.join("journal"))).unwrap()
}

fn lane(dir: &Path, store: &Store, interval: Duration, metrics: &Arc<Metrics>) -> MetricsLane {
    let sink = prometheus::sink(&client().unwrap(), store.url.clone());
    let options =
        LaneOptions { dir: dir.join("metrics"), interval, instance: "farol-0".into(), measures: Measures::default() };
    let quick = Backoff { first: Duration::from_millis(20), most: Duration::from_millis(50), ..Backoff::default() };
    let lane =
        MetricsLane::open("metrics", (sink, Dialect::RemoteWrite), options, Arc::clone(metrics), Gate::default());
    lane.unwrap().with_backoff(quick)
}

async fn append(journal: &Journal, at_ms: u64, lcp: u32) {
    let body: Bytes = measured("shop", "/", "web-vitals", &format!(r#"{{"lcp":{lcp}}}"#)).into();
    let header = Header { received: at_ms * 1_000_000, inflated: body.len() as u32, ..Header::default() };
    journal.append(Record { header, body }).await.unwrap();
}

#[tokio::test]
async fn sums_are_told_at_an_interval_and_a_restart_goes_on() {
    let (dir, store, metrics) = (TempDir::new().unwrap(), Store::start().await, Arc::new(Metrics::default()));
    for round in 0..3_u64 {
        let (journal, stop) = (journal(dir.path()), CancellationToken::new());
        let reader = journal.lane("metrics", Start::FromCursor).unwrap();
        let lane =
            tokio::spawn(lane(dir.path(), &store, Duration::from_millis(50), &metrics).run(reader, stop.clone()));
        for number in 0..10 {
            append(&journal, NOW_MS + round * 1_000 + number, 100).await;
        }
        store.until_count(10.0 * (round + 1) as f64).await;
        // The lane's last commit follows the store's answer.
        for _ in 0..400 {
            if journal.status().lanes[0].lag_records == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(journal.status().lanes[0].lag_records, 0);
        stop.cancel();
        lane.await.unwrap();
        journal.close().await;
    }
    let mode = std::fs::metadata(dir.path().join("metrics/metrics.metrics")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(metrics.text().contains("farol_lane_delivered_items_total{lane=\"metrics\"} 30"), "{}", metrics.text());
}

#[tokio::test]
async fn what_was_told_but_not_committed_is_not_counted_twice() {
    let (dir, store, metrics) = (TempDir::new().unwrap(), Store::start().await, Arc::new(Metrics::default()));
    let journal = journal(dir.path());
    for number in 0..10 {
        append(&journal, NOW_MS + number, 3_000).await;
    }
    let run = |store: &Store| {
        let reader = journal.lane("metrics", Start::FromCursor).unwrap();
        let stop = CancellationToken::new();
        (tokio::spawn(lane(dir.path(), store, Duration::from_millis(50), &metrics).run(reader, stop.clone())), stop)
    };
    // The store is down: sums are written down, and the lane is killed while it tries to tell.
    store.status.store(503, Ordering::SeqCst);
    let (task, _stop) = run(&store);
    let checkpoint = dir.path().join("metrics/metrics.metrics");
    for _ in 0..400 {
        if checkpoint.exists() && metrics.text().contains("farol_lane_retries_total{lane=\"metrics\"}") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(checkpoint.exists());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(journal.status().lanes[0].lag_records, 10, "nothing is committed");
    assert_eq!(store.count(), 0.0);

    // It is back; ten are read again and passed over, five are new.
    store.status.store(204, Ordering::SeqCst);
    let (task, stop) = run(&store);
    store.until_count(10.0).await;
    for number in 10..15 {
        append(&journal, NOW_MS + number, 3_000).await;
    }
    store.until_count(15.0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store.count(), 15.0);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_backlog_keeps_its_shape_and_is_told_to_the_end() {
    let (dir, store, metrics) = (TempDir::new().unwrap(), Store::start().await, Arc::new(Metrics::default()));
    let journal = journal(dir.path());
    // Ten minutes at one in five seconds.
    for number in 0..120 {
        append(&journal, NOW_MS + number * 5_000, 3_000).await;
    }
    let reader = journal.lane("metrics", Start::FromCursor).unwrap();
    let lane = lane(dir.path(), &store, Duration::from_secs(15), &metrics);
    journal.close().await;
    lane.run(reader, CancellationToken::new()).await;
    assert_eq!(store.count(), 120.0);
    let pushes = store.pushes.lock().unwrap();
    assert!((38..=42).contains(&pushes.len()), "one push for each 15 s of records: {}", pushes.len());
    let stamps: Vec<i64> = pushes.iter().map(|push| push.timeseries[0].samples.last().unwrap().timestamp).collect();
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    assert_eq!(*stamps.last().unwrap(), (NOW_MS + 119 * 5_000) as i64, "times are the records'");
}

#[tokio::test]
async fn refused_sums_are_counted_and_the_next_hold_them_too() {
    let (dir, store, metrics) = (TempDir::new().unwrap(), Store::start().await, Arc::new(Metrics::default()));
    let (journal, stop) = (journal(dir.path()), CancellationToken::new());
    store.status.store(400, Ordering::SeqCst);
    let reader = journal.lane("metrics", Start::FromCursor).unwrap();
    let task = tokio::spawn(lane(dir.path(), &store, Duration::from_millis(50), &metrics).run(reader, stop.clone()));
    append(&journal, NOW_MS, 3_000).await;
    let dropped = "farol_lane_dropped_items_total{lane=\"metrics\",reason=\"rejected\"} 1";
    for _ in 0..400 {
        if metrics.text().contains(dropped) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(metrics.text().contains(dropped), "{}", metrics.text());
    store.status.store(204, Ordering::SeqCst);
    append(&journal, NOW_MS + 1, 3_000).await;
    store.until_count(2.0).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_down_for_long_costs_steps_but_no_count() {
    let (dir, store, metrics) = (TempDir::new().unwrap(), Store::start().await, Arc::new(Metrics::default()));
    let (journal, stop) = (journal(dir.path()), CancellationToken::new());
    store.status.store(503, Ordering::SeqCst);
    let reader = journal.lane("metrics", Start::FromCursor).unwrap();
    let lane = lane(dir.path(), &store, Duration::from_millis(50), &metrics).with_patience(Duration::from_millis(200));
    let failing = lane.failing();
    let task = tokio::spawn(lane.run(reader, stop.clone()));
    for number in 0..10 {
        append(&journal, NOW_MS + number, 3_000).await;
    }
    for _ in 0..400 {
        if journal.status().lanes[0].lag_records == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(journal.status().lanes[0].lag_records, 0, "all is added, the journal may let it go");
    assert_eq!((store.count(), failing.now().unwrap().reason.as_str()), (0.0, "status 503"));
    store.status.store(204, Ordering::SeqCst);
    store.until_count(10.0).await;
    assert_eq!(failing.now(), None, "told without anything new");
    append(&journal, NOW_MS + 10, 3_000).await;
    store.until_count(11.0).await;
    stop.cancel();
    task.await.unwrap();
}
