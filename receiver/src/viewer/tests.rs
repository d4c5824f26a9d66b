//! The store with what the real SDK sent, and the routes as a browser meets them.

use super::*;
use crate::journal::Header;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

const SECOND: u64 = 1_000_000_000;
/// When the fixture was recorded, about.
const RECEIVED: u64 = 1_795_223_640 * SECOND;
const SESSION: &str = "QZpGgg2PjS";

struct Room {
    viewer: Viewer,
    _dir: tempfile::TempDir,
}

fn room(limits: Limits) -> Room {
    let dir = tempfile::tempdir().expect("a directory");
    Room { viewer: Viewer::open(dir.path(), limits).expect("a store"), _dir: dir }
}

impl Room {
    fn insert(&self, position: u64, received: u64, body: &Value) {
        let body = body.to_string();
        let payload = wire::decode::payload(body.as_bytes()).expect("a payload");
        let header = Header { received, ..Header::default() };
        self.viewer.insert(position, &payload, &header).expect("stored");
    }

    /// Status and body of a request with the headers of a person who opens the page on this machine.
    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Request::get(path).header("host", "127.0.0.1:12348")).await
    }

    async fn ask(&self, request: axum::http::request::Builder) -> (StatusCode, Value) {
        let router = self.viewer.router("127.0.0.1:12348".parse().expect("an address"));
        let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
        let csp = response.headers().get("content-security-policy").expect("a policy on every answer");
        assert!(csp.to_str().is_ok_and(|csp| csp.starts_with("default-src 'none'") && !csp.contains("unsafe")));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

fn fixture() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/faro-sdk-2.12.1.json");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let recorded: Value = serde_json::from_str(&text).expect("JSON");
    let requests = recorded["out"].as_array().expect("requests").iter();
    requests.filter(|request| request["body"]["meta"].is_object()).map(|request| request["body"].clone()).collect()
}

fn recorded() -> Room {
    let room = room(Limits::default());
    for (position, body) in fixture().iter().enumerate() {
        room.insert(position as u64, RECEIVED, body);
    }
    room
}

fn log(session: &str, message: &str) -> Value {
    json!({ "meta": { "app": { "name": "a" }, "session": { "id": session } },
        "logs": [{ "message": message, "level": "info", "timestamp": "2026-11-21T01:14:00Z" }] })
}

#[tokio::test]
async fn keeps_what_the_real_sdk_sent() {
    let room = recorded();
    let (_, summary) = room.get("/api/summary").await;
    let count = |key: &str| -> usize { fixture().iter().map(|body| body[key].as_array().map_or(0, Vec::len)).sum() };
    let kinds = &summary["kinds"];
    assert_eq!(kinds["exception"], count("exceptions"));
    assert_eq!(kinds["log"], count("logs"));
    assert_eq!(kinds["event"], count("events"));
    let measurements = kinds["vital"].as_u64().zip(kinds["measurement"].as_u64()).map(|(a, b)| (a + b) as usize);
    assert_eq!(measurements, Some(count("measurements")));
    assert_eq!(summary["apps"], json!(["svc2", "wire-app"]));

    let (_, sessions) = room.get("/api/sessions").await;
    let ids: Vec<_> = sessions.as_array().expect("a list").iter().map(|session| session["id"].clone()).collect();
    assert_eq!(ids, [SESSION, "custom-sid", "bnQAPUKH1d"], "newest first");
    assert_eq!(sessions[2]["user"], "u2", "the application set another user later");
    assert_eq!(sessions[2]["browser"], "Chrome Headless 156");

    let (_, page) = room.get(&format!("/api/sessions/{SESSION}")).await;
    let times: Vec<_> = page["timeline"].as_array().expect("a list").iter().map(|item| item["time"].as_f64()).collect();
    assert!(times.is_sorted() && times.len() as u64 == page["items"].as_u64().expect("a count"));
    assert_eq!(page["meta"]["session"]["attributes"]["previousSession"], "custom-sid");
    let traces = page["traces"].as_array().expect("a list");
    let fetch = traces.iter().find(|trace| trace["traceId"] == "c1ba5cf6b64a4d4ae934ff2c20f85222").expect("the fetch");
    assert_eq!(fetch["name"], "GET http://127.0.0.1:8731/api/same?s=200");

    let (_, trace) = room.get("/api/traces/c1ba5cf6b64a4d4ae934ff2c20f85222").await;
    assert_eq!(trace["spans"][0]["spanId"], "42a7a6db799a8d67");
    assert_eq!(trace["spans"][0]["detail"]["attributes"]["http.response.status_code"], 200);
    assert_eq!(trace["items"][0]["name"], "faro.tracing.fetch", "events of the trace come with it");
}

#[tokio::test]
async fn a_trace_joins_spans_of_several_payloads_and_services() {
    let room = room(Limits::default());
    let span = |service: &str, id: &str, parent: Option<&str>, start: u64, status: u8| {
        json!({ "traces": { "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": service } }] },
            "scopeSpans": [{ "spans": [{ "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": id, "parentSpanId": parent,
                "name": service, "startTimeUnixNano": (RECEIVED + start).to_string(),
                "endTimeUnixNano": (RECEIVED + start + 5_000_000).to_string(), "status": { "code": status } }] }] }] } })
    };
    let api = span("api", "00f067aa0ba902b8", Some("00f067aa0ba902b7"), 1_000_000, 2);
    let mut page = span("page", "00f067aa0ba902b7", None, 0, 0);
    page["meta"] = json!({ "session": { "id": "s" } });
    room.insert(1, RECEIVED, &api);
    room.insert(2, RECEIVED, &page);
    room.insert(3, RECEIVED, &page);
    let (_, trace) = room.get("/api/traces/0af7651916cd43dd8448eb211c80319c").await;
    let spans = trace["spans"].as_array().expect("a list");
    assert_eq!(spans.len(), 2, "a span sent twice is one");
    assert_eq!((&spans[0]["service"], &spans[1]["service"]), (&json!("page"), &json!("api")));
    assert_eq!(spans[1]["parentId"], spans[0]["spanId"]);
    assert_eq!(spans[1]["duration"], 5.0);
    let (_, session) = room.get("/api/sessions/s").await;
    assert_eq!((&session["traces"][0]["spans"], &session["traces"][0]["errors"]), (&json!(2), &json!(1)));
    assert_eq!(session["traces"][0]["name"], "page");
}

#[tokio::test]
async fn a_replay_stores_nothing_twice() {
    let room = recorded();
    let (_, before) = room.get("/api/summary").await;
    let (_, sessions) = room.get("/api/sessions").await;
    for (position, body) in fixture().iter().enumerate() {
        room.insert(position as u64, RECEIVED, body);
    }
    assert_eq!(room.get("/api/summary").await.1["kinds"], before["kinds"]);
    assert_eq!(room.get("/api/sessions").await.1, sessions);
    // A new journal starts at the same positions: that is no replay.
    room.insert(0, RECEIVED + SECOND, &log("new", "after the journal was removed"));
    assert_eq!(room.get("/api/sessions/new").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_oldest_leave_when_there_are_too_many() {
    let room = room(Limits { rows: 10, ..Limits::default() });
    for position in 0..25 {
        room.insert(position, RECEIVED, &log(if position < 5 { "old" } else { "kept" }, &format!("line {position}")));
    }
    let (_, items) = room.get("/api/items").await;
    let messages: Vec<_> = items.as_array().expect("a list").iter().map(|item| item["message"].clone()).collect();
    assert_eq!(messages.len(), 10);
    assert_eq!((&messages[0], &messages[9]), (&json!("line 24"), &json!("line 15")));
    assert_eq!(room.get("/api/sessions/old").await.0, StatusCode::NOT_FOUND, "a session leaves with its last item");
    assert_eq!(room.get("/api/sessions/kept").await.0, StatusCode::OK);
    assert_eq!(room.get("/api/summary").await.1["dropped"], json!({ "space": 15 }));
}

#[tokio::test]
async fn the_oldest_leave_when_the_file_is_full() {
    let limit = 1024 * 1024;
    let room = room(Limits { bytes: limit, ..Limits::default() });
    for position in 0..200 {
        room.insert(position, RECEIVED, &log("s", &"x".repeat(20_000)));
    }
    let (_, summary) = room.get("/api/summary").await;
    assert!(summary["bytes"].as_u64().is_some_and(|bytes| bytes <= limit), "{summary}");
    assert!(summary["items"].as_u64().is_some_and(|items| items > 20), "{summary}");
    let kept_and_gone = summary["items"].as_u64().zip(summary["dropped"]["space"].as_u64()).map(|(a, b)| a + b);
    assert_eq!(kept_and_gone, Some(200), "every item is kept or counted");
    // One record larger than everything allowed must not spin or stay.
    let many: Vec<_> = (0..200).map(|_| json!({ "message": "y".repeat(20_000) })).collect();
    room.insert(999, RECEIVED, &json!({ "logs": many }));
    assert!(room.get("/api/summary").await.1["bytes"].as_u64().is_some_and(|bytes| bytes <= limit));
}

#[tokio::test]
async fn what_is_over_age_leaves_without_new_data() {
    let room = room(Limits { age: Duration::from_secs(60), ..Limits::default() });
    room.insert(1, RECEIVED, &log("old", "a"));
    room.insert(2, RECEIVED + 50 * SECOND, &log("young", "b"));
    room.viewer.expire(RECEIVED + 60 * SECOND).await.expect("nothing to do");
    assert_eq!(room.get("/api/summary").await.1["items"], 2);
    room.viewer.expire(RECEIVED + 70 * SECOND).await.expect("expired");
    assert_eq!(room.get("/api/sessions/old").await.0, StatusCode::NOT_FOUND);
    assert_eq!(room.get("/api/items").await.1[0]["message"], "b");
    room.viewer.expire(RECEIVED + 3_600 * SECOND).await.expect("expired");
    let (_, summary) = room.get("/api/summary").await;
    assert_eq!((&summary["items"], &summary["sessions"]), (&json!(0), &json!(0)));
    assert_eq!(summary["dropped"], json!({ "age": 2 }));
}

#[tokio::test]
async fn the_file_survives_a_restart_and_is_private() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Room { viewer: Viewer::open(dir.path(), Limits::default()).expect("a store"), _dir: dir };
    first.insert(1, RECEIVED, &log("s", "kept"));
    let Room { viewer, _dir: dir } = first;
    drop(viewer);
    let again = Room { viewer: Viewer::open(dir.path(), Limits::default()).expect("a store"), _dir: dir };
    again.insert(1, RECEIVED, &log("s", "kept"));
    assert_eq!(again.get("/api/items").await.1.as_array().map(Vec::len), Some(1));
    #[cfg(unix)]
    for file in std::fs::read_dir(again._dir.path()).expect("a directory") {
        let file = file.expect("an entry");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("metadata").permissions());
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let room = room(Limits::default());
    let nasty = "<img src=x onerror=alert(1)>'; DROP TABLE items; --\u{0}\u{202e}%_\\";
    let huge = "é".repeat(200_000);
    room.insert(1, RECEIVED, &json!({
        "meta": { "app": { "name": nasty }, "session": { "id": nasty }, "user": { "username": huge } },
        "exceptions": [{ "type": nasty, "value": nasty, "timestamp": "9999-99-99" }],
        "logs": [{ "message": huge, "level": huge, "timestamp": "2199-01-01T00:00:00Z", "trace": { "trace_id": huge } }],
        "measurements": [{ "type": "web-vitals", "values": { "lcp": null, "delta": 1e308 } }],
    }));
    let (_, items) = room.get("/api/items").await;
    let items = items.as_array().expect("a list");
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|item| item["time"] == RECEIVED as f64 / 1e6), "times that cannot be are arrival");
    assert!(items.iter().all(|item| item.to_string().len() < 8_192), "a line is bounded");
    assert!(items.iter().any(|item| item["name"] == nasty && item["message"] == nasty));
    let quoted = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let (_, found) = room.get(&format!("/api/items?q={}", quoted(nasty))).await;
    assert_eq!(found.as_array().map(Vec::len), Some(3), "the session is searched too");
    let (_, found) = room.get(&format!("/api/items?kind=log&q={}", quoted("é%é"))).await;
    assert_eq!(found.as_array().map(Vec::len), Some(0), "a percent sign is no wildcard");
    let (status, page) = room.get(&format!("/api/sessions/{}", quoted(nasty))).await;
    assert_eq!(status, StatusCode::OK);
    let cut = page["timeline"].as_array().expect("a list").iter().find(|item| item["kind"] == "log").expect("the log");
    assert_eq!(cut["detail"], Value::Null, "too large to keep whole");
}

#[tokio::test]
async fn errors_are_grouped_and_vitals_judged() {
    let room = room(Limits::default());
    for (position, session) in ["a", "b", "b"].into_iter().enumerate() {
        room.insert(position as u64, RECEIVED, &json!({
            "meta": { "app": { "name": "shop" }, "session": { "id": session } },
            "exceptions": [
                { "type": "TypeError", "value": "x is undefined", "stacktrace": { "frames": [{ "filename": "a.js", "function": "f" }] } },
                { "type": "Error", "value": format!("order {position}"), "fingerprint": "order" },
            ],
            "measurements": [{ "type": "web-vitals", "values": { "lcp": 1_000.0 * (position as f64 + 1.0), "delta": 1.0 } }],
        }));
    }
    let (_, groups) = room.get("/api/errors?app=shop").await;
    assert_eq!(groups.as_array().map(Vec::len), Some(2), "{groups}");
    for group in groups.as_array().expect("a list") {
        assert_eq!((&group["count"], &group["sessions"]), (&json!(3), &json!(2)));
        let of_group = format!("/api/items?group={}", group["group"].as_str().expect("text"));
        assert_eq!(room.get(&of_group).await.1.as_array().map(Vec::len), Some(3));
    }
    assert!(groups.to_string().contains("\"filename\":\"a.js\""), "the sample has its stack");
    assert_eq!(room.get("/api/errors?app=other").await.1, json!([]));
    let (_, vitals) = room.get("/api/vitals").await;
    assert_eq!(
        vitals,
        json!([{ "app": "shop", "metric": "lcp", "count": 3, "p75": 3_000.0, "rating": "needs-improvement",
        "good": 2, "needsImprovement": 1, "poor": 0 }])
    );
}

#[tokio::test]
async fn a_wrong_client_clock_is_corrected() {
    let room = room(Limits::default());
    let mut body = log("s", "an hour behind");
    body["logs"][0]["timestamp"] = json!("2026-11-21T00:13:58Z");
    body["meta"]["farol"] = json!({ "sentAt": RECEIVED as f64 / 1e6 - 3_600_000.0 });
    room.insert(1, RECEIVED, &body);
    let (_, items) = room.get("/api/items").await;
    assert_eq!(items[0]["time"], RECEIVED as f64 / 1e6 - 2_000.0);
}

#[tokio::test]
async fn strangers_are_refused() {
    let room = recorded();
    let check = async |headers: &[(&str, &str)], path: &str, expected| {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        let (status, body) = room.ask(request).await;
        assert_eq!(status, expected, "{headers:?} {path}");
        let reason = body["error"].as_str();
        assert!(status != StatusCode::FORBIDDEN || reason.is_some_and(|reason| !reason.contains('\n')), "{body}");
    };
    let (host, no, yes) = (("host", "localhost:12348"), StatusCode::FORBIDDEN, StatusCode::OK);
    check(&[], "/api/summary", no).await;
    check(&[("host", "evil.example:12348")], "/api/summary", no).await;
    check(&[("host", "evil.example:12348")], "/", no).await;
    check(&[host, ("host", "evil.example")], "/api/summary", no).await;
    check(&[host], "/api/summary", yes).await;
    check(&[host, ("origin", "http://localhost:12348")], "/api/summary", yes).await;
    check(&[host, ("origin", "https://localhost:12348")], "/api/summary", yes).await;
    check(&[host, ("origin", "http://localhost:3000")], "/api/summary", no).await;
    check(&[host, ("origin", "http://127.0.0.1:12348")], "/api/summary", no).await;
    check(&[host, ("origin", "null")], "/api/live", no).await;
    check(&[host, ("origin", "https://evil.example")], "/app.js", no).await;
    check(&[host, ("sec-fetch-site", "cross-site")], "/api/items", no).await;
    check(&[host, ("sec-fetch-site", "same-site")], "/api/items", no).await;
    check(&[host, ("sec-fetch-site", "same-origin")], "/api/items", yes).await;
}

#[tokio::test]
async fn bad_questions_get_a_reason() {
    let room = recorded();
    let check = async |path: &str, expected| {
        let (status, body) = room.get(path).await;
        assert_eq!(status, expected, "{path}");
        assert!(body["error"].is_string(), "{path}: {body}");
    };
    for path in ["/api/sessions/nobody", "/api/traces/0", "/api/items/999999", "/api/nothing"] {
        check(path, StatusCode::NOT_FOUND).await;
    }
    let long = format!("/api/items?q={}", "x".repeat(201));
    for path in [
        "/api/items?limit=0",
        "/api/items?limit=1001",
        "/api/items?limit=-1",
        "/api/items?kind=nonsense",
        "/api/items?before=x",
        "/api/items?group=zz",
        "/api/items/x",
        "/api/sessions?limit=99999999999999999999",
        &long,
    ] {
        check(path, StatusCode::BAD_REQUEST).await;
    }
    assert_eq!(
        room.ask(Request::post("/api/items").header("host", "localhost")).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn lists_can_be_paged_and_narrowed() {
    let room = recorded();
    let (_, all) = room.get("/api/items?limit=1000").await;
    let all = all.as_array().expect("a list");
    let (_, first) = room.get("/api/items?limit=10").await;
    let before = first[9]["id"].as_i64().expect("an id");
    let (_, second) = room.get(&format!("/api/items?limit=10&before={before}")).await;
    assert_eq!(second.as_array().map(Vec::as_slice), all.get(10..20));
    let (_, errors) = room.get("/api/items?kind=exception&q=RANGE&app=wire-app").await;
    let errors = errors.as_array().expect("a list");
    assert!(!errors.is_empty() && errors.iter().all(|item| item["kind"] == "exception" && item["app"] == "wire-app"));
    let one = &all[0];
    let (_, whole) = room.get(&format!("/api/items/{}", one["id"])).await;
    assert!(whole["detail"].is_object() && whole["id"] == one["id"]);
}

#[tokio::test]
async fn a_record_gives_the_store_no_more_rows_than_its_cap() {
    let room = room(Limits::default());
    let many: Vec<_> = (0..5_000).map(|n| json!({ "message": format!("line {n}") })).collect();
    room.insert(1, RECEIVED, &json!({ "logs": many }));
    let (_, summary) = room.get("/api/summary").await;
    assert_eq!(summary["items"], 2_000);
}

#[tokio::test]
async fn the_live_stream_shows_items_and_says_what_was_missed() {
    let room = room(Limits::default());
    let router = room.viewer.router("127.0.0.1:12348".parse().expect("an address"));
    let request = || Request::get("/api/live").header("host", "localhost").body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request()).await.expect("infallible");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    room.insert(1, RECEIVED, &log("s", "first"));
    // More than the channel holds, while the reader sleeps.
    for (record, first) in [(2, 0), (3, 1_500)] {
        let many: Vec<_> = (first..first + 1_500).map(|n| json!({ "message": format!("line {n}") })).collect();
        room.insert(record, RECEIVED, &json!({ "logs": many }));
    }
    room.viewer.close();
    let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.expect("ends when the viewer closes");
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    assert!(text.contains("event: missed\ndata: {\"missed\":"), "{}", &text[..200]);
    let last = r#""message":"line 2999""#;
    assert!(text.contains("event: item\ndata: {") && text.contains(last));
    assert_eq!(router.oneshot(request()).await.expect("infallible").status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_batch_is_stored_whole() {
    let room = room(Limits::default());
    let bodies = [log("a", "1").to_string(), log("b", "2").to_string()];
    let mut batch = Batch::default();
    assert!(batch.is_empty());
    for (position, body) in bodies.iter().enumerate() {
        let payload = wire::decode::payload(body.as_bytes()).expect("a payload");
        batch.push(position as u64, &payload, &Header { received: RECEIVED, ..Header::default() });
    }
    room.viewer.insert_batch(batch).await.expect("stored");
    assert_eq!(room.get("/api/sessions").await.1.as_array().map(Vec::len), Some(2));
}
