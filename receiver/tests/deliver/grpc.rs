//! OTLP over gRPC against a server that answers what a test wants; the real ones are in `tests/sinks.test.mjs`.

use super::{Line, payload};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Uri, Version};
use axum::response::IntoResponse;
use farol::lane::Stage;
use farol::sink::grpc;
use farol::sink::otlp::Signal;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;
use std::io::Read;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// One call, its message unframed and inflated.
#[derive(Clone)]
struct Call {
    path: String,
    version: Version,
    headers: HeaderMap,
    bodies: Vec<String>,
}

/// The text of the log records in a framed message.
fn bodies(framed: &[u8]) -> Vec<String> {
    let (prefix, message) = framed.split_at(5);
    assert_eq!(prefix[0], 1, "compressed");
    assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
    let mut inflated = Vec::new();
    GzDecoder::new(message).read_to_end(&mut inflated).unwrap();
    let request = ExportLogsServiceRequest::decode(&*inflated).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    scopes.flat_map(|scope| scope.log_records).map(|record| format!("{:?}", record.body)).collect()
}

/// A server whose calls end at once with what `answer` gives for the number and the call: the
/// `grpc-status`, and the `grpc-status-details-bin`.
async fn serve(
    answer: impl Fn(usize, &Call) -> (&'static str, &'static str) + Clone + Send + Sync + 'static,
) -> (Stage, Arc<Mutex<Vec<Call>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    let app = Router::new().fallback(move |uri: Uri, version: Version, headers: HeaderMap, body: Bytes| {
        let call = Call { path: uri.path().to_owned(), version, headers, bodies: bodies(&body) };
        let mut calls = kept.lock().unwrap();
        let (status, details) = answer(calls.len(), &call);
        calls.push(call);
        let headers = [
            ("content-type", "application/grpc"),
            ("grpc-status", status),
            ("grpc-message", "why"),
            ("grpc-status-details-bin", details),
        ];
        std::future::ready(headers.into_response())
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let endpoint = grpc::endpoint(&address, true).unwrap();
    (Stage::Logs(grpc::sink(&grpc::client().unwrap(), endpoint, Signal::Logs)), calls)
}

#[tokio::test]
async fn a_call_is_framed_and_tried_again_until_it_is_taken() {
    // Exhausted, with a RetryInfo of 0 s: that alone makes it worth a retry.
    let retry_now = "GiwKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SAA";
    let (stage, calls) = serve(move |number, _| [("14", ""), ("8", retry_now), ("0", "")][number]).await;
    let line = Line::start(stage);
    line.append(payload(&["patient"])).await;
    line.until_metric("farol_lane_delivered_items_total{lane=\"lane\"} 1").await;
    let (_, metrics) = line.end().await;
    assert!(metrics.contains("farol_lane_retries_total{lane=\"lane\"} 2"), "{metrics}");
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call.version, Version::HTTP_2);
        assert_eq!(call.path, "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
        let header = |name| call.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((header("content-type"), header("te")), (Some("application/grpc"), Some("trailers")));
        assert_eq!((header("grpc-encoding"), header("grpc-timeout")), (Some("gzip"), Some("30000m")));
        assert!(call.bodies.len() == 1 && call.bodies[0].contains("patient"), "{:?}", call.bodies);
    }
}

#[tokio::test]
async fn one_poisoned_item_is_dropped_alone_over_grpc_too() {
    let poisoned = |call: &Call| call.bodies.iter().any(|body| body.contains("poison"));
    let (stage, calls) = serve(move |_, call| if poisoned(call) { ("3", "") } else { ("0", "") }).await;
    let line = Line::start(stage);
    line.append(payload(&["good 1", "poison", "good 2", "good 3"])).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
    let (_, metrics) = line.end().await;
    assert!(metrics.contains("dropped_items_total{lane=\"lane\",reason=\"rejected\"} 1"), "{metrics}");
    let calls = calls.lock().unwrap();
    let taken: Vec<&String> = calls.iter().filter(|call| !poisoned(call)).flat_map(|call| &call.bodies).collect();
    assert_eq!(taken.len(), 3, "{taken:?}");
}
