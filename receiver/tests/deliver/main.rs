//! Lanes against stores that refuse, stall or lose: what was journaled arrives, or is counted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod grpc;
mod letters;
mod stores;

use axum::response::IntoResponse;
use bytes::Bytes;
use farol::convert::labels::LabelBudget;
use farol::convert::line::Format;
use farol::ingest::Limits as IngestLimits;
use farol::ingest::decode::Gate;
use farol::journal::{Encoding, Header, Journal, Options, Record, Start};
use farol::lane::{Lane, Stage};
use farol::sink::dead_letters::DeadLetters;
use farol::sink::otlp::Signal;
use farol::sink::retry::Backoff;
use farol::sink::{client, loki, otlp};
use farol::telemetry::{Failing, Metrics};
use farol::viewer::{Limits, Viewer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use stores::{Store, status};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A journal and one lane over it.
struct Line {
    dir: TempDir,
    journal: Journal,
    metrics: Arc<Metrics>,
    letters: Arc<DeadLetters>,
    stop: CancellationToken,
    failing: Failing,
    lane: JoinHandle<()>,
}

impl Line {
    fn start(stage: Stage) -> Line {
        Line::resume(stage, TempDir::new().unwrap())
    }

    fn resume(stage: Stage, dir: TempDir) -> Line {
        let journal = Journal::open(Options::new(dir.path().join("journal"))).unwrap();
        let reader = journal.lane("lane", Start::FromCursor).unwrap();
        let metrics = Arc::new(Metrics::default());
        let quick = Backoff { first: Duration::from_millis(20), most: Duration::from_millis(50), ..Backoff::default() };
        let letters = Arc::new(DeadLetters::open(&dir.path().join("letters"), Default::default()).unwrap());
        let lane = Lane::new("lane", stage, Arc::clone(&metrics), Gate::default());
        let lane = lane.with_backoff(quick).with_dead_letters(Arc::clone(&letters));
        let (stop, failing) = (CancellationToken::new(), lane.failing());
        let lane = tokio::spawn(lane.run(reader, stop.clone()));
        Line { dir, journal, metrics, letters, stop, failing, lane }
    }

    async fn append(&self, body: impl Into<Bytes>) {
        let body = body.into();
        let header = Header { received: 1_795_223_637_500_000_000, inflated: body.len() as u32, ..Header::default() };
        self.journal.append(Record { header, body }).await.unwrap();
    }

    /// Ends the lane and the journal; what is left is the directory.
    async fn end(self) -> (TempDir, String) {
        self.stop.cancel();
        self.lane.await.unwrap();
        self.journal.close().await;
        (self.dir, self.metrics.text())
    }

    async fn until_metric(&self, line: &str) {
        for _ in 0..400 {
            if self.metrics.text().lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("10 s passed without {line} in\n{}", self.metrics.text());
    }

    /// Retries follow each other faster than anyone looks.
    async fn until_retried(&self, at_least: u64) {
        for _ in 0..400 {
            let text = self.metrics.text();
            let count = text.lines().find_map(|line| line.strip_prefix("farol_lane_retries_total{lane=\"lane\"} "));
            if count.is_some_and(|count| count.parse::<u64>().unwrap() >= at_least) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("10 s passed without {at_least} retries in\n{}", self.metrics.text());
    }

    fn lag(&self) -> u64 {
        self.journal.status().lanes[0].lag_records
    }
}

fn loki_stage(store: &Store) -> Stage {
    let sink = loki::sink(&client().unwrap(), store.url.clone(), Some("tenant-1")).unwrap();
    Stage::Loki { sink, format: Format::Logfmt, labels: LabelBudget::default() }
}

fn logs_stage(store: &Store) -> Stage {
    Stage::Logs(otlp::sink(&client().unwrap(), store.url.clone(), Signal::Logs))
}

fn payload(messages: &[&str]) -> String {
    let logs: Vec<String> =
        messages.iter().map(|message| format!(r#"{{"message":"{message}","level":"info"}}"#)).collect();
    format!(r#"{{"meta":{{"app":{{"name":"shop"}}}},"logs":[{}]}}"#, logs.join(","))
}

#[tokio::test]
async fn loki_gets_what_was_journaled_and_gets_it_once() {
    let store = Store::start(|_, _| async { status(204) }).await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["first", "second"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 2").await;
    assert_eq!(line.lag(), 0);
    let requests = store.requests();
    assert_eq!(requests[0].headers["x-scope-orgid"], "tenant-1");
    assert_eq!(requests[0].headers["content-type"], "application/x-protobuf");
    assert!(requests[0].contains("{app=\"shop\", kind=\"log\", level=\"info\", service_name=\"shop\"}"));
    assert!(requests[0].contains("message=first") && requests[0].contains("message=second"));
    let (dir, _) = line.end().await;
    let line = Line::resume(loki_stage(&store), dir);
    line.append(payload(&["third"])).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
    assert_eq!(store.requests().iter().filter(|request| request.contains("message=first")).count(), 1);
    line.end().await;
}

#[tokio::test]
async fn a_store_that_refuses_for_now_is_asked_again_until_it_takes() {
    let asked = |number| async move {
        let headers = [("retry-after", "0")];
        if number < 3 {
            Some((axum::http::StatusCode::TOO_MANY_REQUESTS, headers, "slow\ndown").into_response())
        } else {
            status(204)
        }
    };
    let store = Store::start(move |number, _| asked(number)).await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["patient"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 1").await;
    let requests = store.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.windows(2).all(|pair| pair[0].body == pair[1].body), "a retry is the same request");
    assert_eq!(line.failing.now(), None);
    let (_, metrics) = line.end().await;
    assert!(metrics.contains("farol_lane_retries_total{lane=\"lane\"} 3"), "{metrics}");
}

#[tokio::test]
async fn a_store_that_is_down_costs_nothing_but_time() {
    let refuses = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&refuses);
    let store = Store::start(move |_, _| {
        let code = if down.load(Ordering::SeqCst) { 503 } else { 200 };
        async move { status(code) }
    })
    .await;
    let line = Line::start(logs_stage(&store));
    for number in 0..20 {
        line.append(payload(&[&format!("item {number};")])).await;
    }
    store.until(|requests| requests.len() > 2).await;
    assert_eq!(line.failing.now().unwrap().reason, "status 503");
    assert_eq!(line.lag(), 20);
    refuses.store(false, Ordering::SeqCst);
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 20").await;
    assert_eq!((line.lag(), line.failing.now()), (0, None));
    let requests = store.requests();
    for number in 0..20 {
        assert!(requests.iter().any(|request| request.contains(&format!("item {number};"))), "{number}");
    }
    line.end().await;
}

#[tokio::test]
async fn a_store_that_is_not_there_is_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://me:secret@{port}/v1/logs").parse().unwrap();
    let line = Line::start(Stage::Logs(otlp::sink(&client().unwrap(), url, Signal::Logs)));
    line.append(payload(&["waiting"])).await;
    line.until_retried(2).await;
    let reason = line.failing.now().unwrap().reason;
    assert!(reason.contains("onnect") && !reason.contains("secret"), "{reason}");
    let stopped = Instant::now();
    let (dir, _) = line.end().await;
    assert!(stopped.elapsed() < Duration::from_secs(2), "a lane that waits stops at once");
    let store = Store::start(|_, _| async { status(200) }).await;
    let line = Line::resume(logs_stage(&store), dir);
    store.until(|requests| requests.iter().any(|request| request.contains("waiting"))).await;
    line.end().await;
}

#[tokio::test]
async fn a_lost_answer_means_the_same_request_again() {
    let store = Store::start(|number, _| async move { if number == 0 { None } else { status(204) } }).await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["twice"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 1").await;
    let requests = store.requests();
    assert_eq!((requests.len(), &requests[0].body), (2, &requests[1].body));
    line.end().await;
}

#[tokio::test]
async fn one_poisoned_item_is_dropped_alone() {
    let store = Store::start(|_, request| async move {
        let poisoned = request.contains("poison");
        status(if poisoned { 400 } else { 200 })
    })
    .await;
    let line = Line::start(logs_stage(&store));
    line.append(payload(&["good 1;", "good 2;", "poison", "good 3;", "good 4;"])).await;
    line.append(payload(&["good 5;"])).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 2").await;
    let taken: Vec<String> = store
        .requests()
        .iter()
        .filter(|request| !request.contains("poison"))
        .flat_map(|request| ExportLogsServiceRequest::decode(&*request.body).unwrap().resource_logs)
        .flat_map(|logs| logs.scope_logs)
        .flat_map(|scope| scope.log_records)
        .map(|record| format!("{:?}", record.body.unwrap().value.unwrap()))
        .collect();
    for number in 1..=5 {
        assert_eq!(taken.iter().filter(|body| body.contains(&format!("good {number};"))).count(), 1, "{taken:?}");
    }
    assert_eq!(line.lag(), 0);
    let (_, metrics) = line.end().await;
    for expected in
        ["dropped_items_total{lane=\"lane\",reason=\"rejected\"} 1", "delivered_items_total{lane=\"lane\"} 5"]
    {
        assert!(metrics.contains(expected), "{metrics}");
    }
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_not_asked_item_by_item() {
    let store = Store::start(|_, _| async { status(405) }).await;
    let line = Line::start(logs_stage(&store));
    line.append(payload(&["a", "b", "c", "d"])).await;
    line.until_metric("farol_lane_dropped_items_total{lane=\"lane\",reason=\"rejected\"} 4").await;
    assert_eq!(store.requests().len(), 1);
    line.end().await;
}

#[tokio::test]
async fn what_a_partial_success_rejected_is_counted_and_not_sent_again() {
    let store = Store::start(|_, _| async {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "too long".into() };
        let response = ExportLogsServiceResponse { partial_success: Some(partial) };
        Some(response.encode_to_vec().into_response())
    })
    .await;
    let line = Line::start(logs_stage(&store));
    line.append(payload(&["a", "b", "c"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 2").await;
    let (_, metrics) = line.end().await;
    assert!(metrics.contains("dropped_items_total{lane=\"lane\",reason=\"rejected\"} 1"), "{metrics}");
    assert_eq!(store.requests().len(), 1);
}

#[tokio::test]
async fn a_delivery_under_way_is_finished_at_stop() {
    let store = Store::start(|_, _| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        status(204)
    })
    .await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["last words"])).await;
    store.until(|requests| !requests.is_empty()).await;
    let journal = line.journal.clone();
    line.stop.cancel();
    line.lane.await.unwrap();
    assert_eq!(journal.status().lanes[0].lag_records, 0, "it was committed");
}

#[tokio::test]
async fn a_store_that_stalls_does_not_hold_up_the_stop() {
    let store = Store::start(|_, _| std::future::pending()).await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["stuck"])).await;
    store.until(|requests| !requests.is_empty()).await;
    assert_eq!(line.lag(), 1);
    let stopping = Instant::now();
    line.end().await;
    let took = stopping.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn heavy_payloads_are_delivered_whole_in_requests_of_bounded_size() {
    let store = Store::start(|_, _| async { status(204) }).await;
    let line = Line::start(loki_stage(&store));
    let messages: Vec<String> = (0..4000).map(|number| format!("item {number}; {}", "x".repeat(400))).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    line.append(payload(&["before"])).await;
    line.append(payload(&messages)).await;
    line.append(payload(&["after"])).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 3").await;
    let requests = store.requests();
    assert!(requests.len() > 2 && requests.iter().all(|request| request.body.len() < 1_400_000));
    let bodies: Vec<u8> = requests.into_iter().flat_map(|request| request.body).collect();
    let text = String::from_utf8_lossy(&bodies);
    for number in [0, 1, 1999, 3998, 3999] {
        assert_eq!(text.matches(&format!("\"item {number}; ")).count(), 1, "{number}");
    }
    assert_eq!(text.matches("kind=log").count(), 4002);
    line.end().await;
}

#[tokio::test]
async fn a_record_nobody_can_read_is_counted_and_passed() {
    let store = Store::start(|_, _| async { status(204) }).await;
    let line = Line::start(loki_stage(&store));
    line.append("not JSON").await;
    line.append(payload(&["fine"])).await;
    store.until(|requests| requests.iter().any(|request| request.contains("fine"))).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 2").await;
    let (_, metrics) = line.end().await;
    assert!(metrics.contains("dropped_items_total{lane=\"lane\",reason=\"undecodable\"} 1"), "{metrics}");
}

#[tokio::test]
async fn spans_go_to_traces_and_payloads_without_any_send_nothing() {
    let store = Store::start(|_, _| async { status(200) }).await;
    let line = Line::start(Stage::Traces(otlp::sink(&client().unwrap(), store.url.clone(), Signal::Traces)));
    line.append(payload(&["no span"])).await;
    line.append(
        r#"{"meta":{},"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
            "spanId":"b7ad6b7169203331","name":"GET /cart"}]}]}]}}"#,
    )
    .await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 2").await;
    let requests = store.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("GET /cart") && requests[0].contains("unknown"));
    line.end().await;
}

#[tokio::test]
async fn the_viewer_gets_items_and_spans() {
    let dir = TempDir::new().unwrap();
    let viewer = Viewer::open(dir.path(), Limits::default()).unwrap();
    let line = Line::start(Stage::Viewer(viewer));
    line.append(payload(&["seen", "also seen"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 2").await;
    assert_eq!((line.lag(), line.failing.now()), (0, None));
    line.end().await;
}

/// A payload with all kinds of items and with what only a lenient decoder reads: half a surrogate pair, numbers as text, keys
/// in another case, repeated keys.
const MIXED: &str = r#"{"Meta":{"app":{"name":"sh\ud83dop"},"session":{"id":7}},
    "logs":[{"message":"cut \ud83d","level":"info","context":{"\ude00":"x","n":5}},{"message":"a","message":"b"},{"message":{}}],
    "events":[{"Name":"e\ud83d\ude00","attributes":{"o":{"deep":[1]}}}],
    "measurements":[{"type":"t","values":{"v":"1.5","z":null}}],
    "exceptions":[{"type":"T","value":"v\ud83d","stacktrace":{"frames":[{"filename":"f","function":"g","lineno":"3"}]}}],
    "traces":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef",
        "spanId":"0123456789abcdef","name":"s\udbff","attributes":[{"key":"k","value":{"stringValue":"\ud83d"}}]}]}]}]}}"#;

#[tokio::test]
async fn a_record_is_delivered_alike_from_memory_and_from_disk() {
    type MakeStage = fn(&Store) -> Stage;
    let traces: MakeStage = |store| Stage::Traces(otlp::sink(&client().unwrap(), store.url.clone(), Signal::Traces));
    for stage in [loki_stage, logs_stage, traces] {
        let mut sent = Vec::new();
        let plain = Bytes::from_static(MIXED.as_bytes());
        let zstd = Bytes::from(zstd::encode_all(MIXED.as_bytes(), 3).unwrap());
        for (encoding, body) in [(Encoding::Identity, plain), (Encoding::Zstd, zstd)] {
            for decoded in [true, false] {
                let store = Store::start(|_, _| async { status(204) }).await;
                let line = Line::start(stage(&store));
                let examined = Gate::default().examine(encoding, &body, &IngestLimits::default()).await.unwrap();
                let companion = examined.decoded.filter(|_| decoded);
                assert_eq!(companion.is_some(), decoded);
                let header = Header {
                    received: 1_795_223_637_500_000_000,
                    encoding,
                    inflated: examined.inflated,
                    ..Header::default()
                };
                line.journal.append_with(Record { header, body: body.clone() }, companion).await.unwrap();
                line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
                sent.push(store.requests()[0].body.clone());
                line.end().await;
            }
        }
        assert!(
            sent[0].windows(3).any(|three| three == "\u{fffd}".as_bytes()),
            "half a pair is a replacement character"
        );
        assert!(sent.iter().all(|body| *body == sent[0]));
    }
}
