//! What a store refuses for good is found among the dead letters, with its reason.

use super::stores::{Store, status};
use super::{Line, logs_stage, loki_stage, payload};
use axum::response::IntoResponse;
use farol::lane::Stage;
use farol::sink::client;
use farol::sink::otlp::{self, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;
use serde_json::{Value, json};

fn letters(line: &Line) -> Vec<Value> {
    let lines = line.letters.newest_lines(1000).unwrap();
    lines.iter().rev().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_poisoned_item_is_kept_whole() {
    let store = Store::start(|_, request| async move {
        if request.contains("poison") {
            Some((axum::http::StatusCode::BAD_REQUEST, "bad\nline").into_response())
        } else {
            status(204)
        }
    })
    .await;
    let line = Line::start(loki_stage(&store));
    line.append(payload(&["good", "poison 1", "good"])).await;
    // A heavy one is found in the same way.
    let mut many = vec!["x"; 9_000];
    many[7_000] = "poison 2";
    line.append(payload(&many)).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 2").await;
    let letters = letters(&line);
    assert_eq!(letters.len(), 2, "{letters:?}");
    for (letter, message) in letters.iter().zip(["poison 1", "poison 2"]) {
        assert_eq!(letter["reason"], "status 400: bad");
        assert_eq!((&letter["lane"], &letter["items"]), (&json!("lane"), &json!(1)));
        let item = json!({
            "kind": "log", "app": "shop", "received": 1_795_223_637_500_000_000_u64,
            "item": {"message": message, "level": "info", "timestamp": ""},
        });
        assert_eq!(letter["item"], item);
    }
    line.end().await;
}

#[tokio::test]
async fn a_store_that_takes_nothing_does_not_flood_them() {
    let store = Store::start(|_, _| async { status(405) }).await;
    let line = Line::start(logs_stage(&store));
    line.append(payload(&["x"; 250])).await;
    line.until_metric("farol_lane_dropped_items_total{lane=\"lane\",reason=\"rejected\"} 250").await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
    let letters = letters(&line);
    assert_eq!(letters.len(), 101);
    assert_eq!((&letters[100]["items"], &letters[100]["item"]), (&json!(150), &Value::Null));
    line.end().await;
}

#[tokio::test]
async fn what_a_partial_success_rejected_is_a_number() {
    let store = Store::start(|_, _| async {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too long".into() };
        Some(ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec().into_response())
    })
    .await;
    let line = Line::start(logs_stage(&store));
    line.append(payload(&["a", "b", "c"])).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
    let letters = letters(&line);
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["items"], &letters[0]["reason"]), (&json!(2), &json!("status 200: too long")));
    line.end().await;
}

#[tokio::test]
async fn a_refused_span_is_kept_whole() {
    let store =
        Store::start(|_, request| async move { status(if request.contains("bad span") { 400 } else { 200 }) }).await;
    let line = Line::start(Stage::Traces(otlp::sink(&client().unwrap(), store.url.clone(), Signal::Traces)));
    let span =
        |name: &str| json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": name});
    let spans = json!([span("one"), span("bad span"), span("three")]);
    let body = json!({"meta": {}, "traces": {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}});
    line.append(body.to_string()).await;
    line.until_metric("farol_lane_delivered_records_total{lane=\"lane\"} 1").await;
    let letters = letters(&line);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(
        (&letters[0]["item"]["kind"], &letters[0]["item"]["item"]["name"]),
        (&json!("span"), &json!("bad span"))
    );
    line.end().await;
}
