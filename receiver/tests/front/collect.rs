//! The ingest and operations routes over a real journal: every status, every encoding, CORS, keys and repeats.

use crate::receiver::{Answer, PAYLOAD, Receiver, answer, request};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use farol::config::Server;
use farol::config::scalar::Secret;
use farol::ingest::Limits;
use farol::journal::Encoding;
use std::io::Write;
use std::time::Duration;
use tempfile::TempDir;

fn with_key(key: &str) -> Server {
    Server { api_key: Some(Secret(key.to_owned())), ..Server::default() }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn compress(encoding: Encoding, text: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => text.to_vec(),
        Encoding::Gzip => gzip(text),
        Encoding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Brotli => {
            let mut out = Vec::new();
            brotli::BrotliCompress(&mut &text[..], &mut out, &Default::default()).unwrap();
            out
        }
        Encoding::Zstd => zstd::encode_all(text, 3).unwrap(),
    }
}

/// A body that comes in many frames without a declared size.
fn chunked(body: Vec<u8>) -> Body {
    let frames: Vec<_> =
        body.chunks(10_000).map(|frame| Ok::<_, std::io::Error>(Bytes::copy_from_slice(frame))).collect();
    Body::from_stream(tokio_stream::iter(frames))
}

#[tokio::test]
async fn every_refusal_has_its_status_and_one_line() {
    let dir = TempDir::new().unwrap();
    let limits = Limits { wire: 300_000, inflated: 400_000, deadline: Duration::from_millis(200), ..Limits::default() };
    let receiver = Receiver::with(&dir, &Server { limits, ..with_key("secret") });
    let key = ("x-api-key", "secret");
    let encoded = |name: &'static str| vec![key, ("content-encoding", name)];
    let check = async |what: &str, request: Request<Body>, status: u16, line: &str| {
        let answer = receiver.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, format!("{line}\n").as_str()), "{what}");
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8", "{what}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{what}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{what}");
        let good = receiver.post(&[key], PAYLOAD).await;
        assert_eq!((good.status.as_u16(), good.body.as_str()), (202, "ok"), "a good payload after {what}");
    };
    let post = |headers: &[(&str, &str)], body: Body| request(Method::POST, "/collect", headers, body);
    let plain = |body: &[u8]| post(&[key], Body::from(body.to_vec()));

    let denied = "API key not provided or incorrect";
    check("no key", post(&[], PAYLOAD.into()), 401, denied).await;
    check("wrong key", post(&[("x-api-key", "Secret")], PAYLOAD.into()), 401, denied).await;
    check("wrong key in the path", request(Method::POST, "/collect/wrong", &[], PAYLOAD), 401, denied).await;
    let method = "method not allowed: payloads are sent by POST";
    for name in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        check("method", request(name, "/collect", &[key], ""), 405, method).await;
    }
    let path = "no such path: payloads go to POST /collect";
    for wrong in ["/", "/v1/traces", "/collect/a/b", "/collects"] {
        check(wrong, request(Method::POST, wrong, &[key], PAYLOAD), 404, path).await;
    }

    let large = "body is larger than 300000 bytes";
    let declared = post(
        &[key, ("content-length", "300001")],
        Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>()),
    );
    check("declared size, nothing sent", declared, 413, large).await;
    check("real size", post(&[key], chunked(vec![b' '; 300_001])), 413, large).await;
    for (name, encoding) in
        [("gzip", Encoding::Gzip), ("deflate", Encoding::Deflate), ("br", Encoding::Brotli), ("zstd", Encoding::Zstd)]
    {
        let bomb = compress(encoding, &vec![b' '; 4 << 20]);
        let line = "inflated body is larger than 400000 bytes";
        check(name, post(&encoded(name), bomb.into()), 413, line).await;
        let line = format!("body is not valid {name}");
        check(name, post(&encoded(name), PAYLOAD.into()), 400, &line).await;
    }
    let events = format!("{{\"events\":[{}{{}}]}}", "{},".repeat(10_000));
    check("items", plain(events.as_bytes()), 413, "payload has 10001 events, the limit is 10000").await;
    let values = format!("{{\"logs\":[{{\"context\":{{{}\"\":0}}}}]}}", "\"\":0,".repeat(200_000));
    let gzipped = post(&encoded("gzip"), gzip(values.as_bytes()).into());
    check("inflated values", gzipped, 413, "inflated body is larger than 400000 bytes").await;

    let unknown = "content encoding \"lz4\" is not known: use gzip, deflate, br or zstd";
    check("encoding", post(&encoded("lz4"), PAYLOAD.into()), 415, unknown).await;
    let twice = "content encoding \"gzip, gzip\" is not known: use gzip, deflate, br or zstd";
    check("encodings", post(&encoded("gzip, gzip"), PAYLOAD.into()), 415, twice).await;

    let eof = "body is not a Faro payload: unexpected end at line 1 column 1";
    check("empty", plain(b""), 400, eof).await;
    let list = "body is not a Faro payload: invalid type: list, expected an object at line 1 column 1";
    check("list", plain(b"[]"), 400, list).await;
    let broken = "body is not a Faro payload: unexpected end at line 2 column 9";
    check("broken", plain(b"{\n\"logs\":["), 400, broken).await;
    let types = "body is not a Faro payload: invalid type: number, expected a list at line 1 column 9";
    check("wrong type", plain(b"{\"logs\":5}"), 400, types).await;
    check("not UTF-8", plain(b"{\"a\":\"\xff\"}"), 400, "body is not UTF-8 at byte 6").await;
    let deep = [b"{\"logs\":".to_vec(), vec![b'['; 100_000], vec![b']'; 100_000], b"}".to_vec()].concat();
    check("deep", plain(&deep), 400, "payload is nested deeper than 256 levels").await;
    let long_key = "k".repeat(257);
    let long = post(&[key, ("idempotency-key", &long_key)], PAYLOAD.into());
    check("idempotency key", long, 400, "idempotency key is longer than 256 bytes").await;

    let start = tokio_stream::iter([Ok::<_, std::io::Error>(Bytes::from("{"))]);
    let stalled = Body::from_stream(tokio_stream::StreamExt::chain(start, tokio_stream::pending()));
    check("stalled", post(&[key], stalled), 408, "body took longer than 0 s").await;
    let failed = Body::from_stream(tokio_stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
    check("disconnected", post(&[key], failed), 400, "body ended before its end").await;
}

#[tokio::test]
async fn refuses_more_than_it_has_room_for() {
    let dir = TempDir::new().unwrap();
    let limits = Limits { requests: 1, bodies: 200, ..Limits::default() };
    let receiver = Receiver::with(&dir, &Server { limits, ..Server::default() });
    let too_much = receiver.post(&[], vec![b' '; 201]).await;
    assert_eq!((too_much.status.as_u16(), too_much.body.as_str()), (503, "more than 200 bytes of bodies in flight\n"));
    assert_eq!(too_much.headers["retry-after"], "1");

    // A client that does not speak takes no room.
    let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
    let silent = tokio::spawn(answer(receiver.ingest.clone(), request(Method::POST, "/collect", &[], body)));
    tokio::task::yield_now().await;
    assert_eq!(receiver.post(&[], PAYLOAD).await.status, 202);
    silent.abort();
    // Of twenty at once one is taken after the other, or told to wait.
    let many =
        (0..20).map(|_| tokio::spawn(answer(receiver.ingest.clone(), request(Method::POST, "/collect", &[], PAYLOAD))));
    let mut refused = 0;
    for answer in many.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        refused += usize::from(answer.status == 503);
        assert!(answer.status == 202 || answer.body == "more than 1 requests in flight\n", "{}", answer.body);
    }
    assert!(refused > 0);
    assert_eq!(receiver.post(&[], PAYLOAD).await.status, 202);
}

#[tokio::test]
async fn a_closed_journal_is_a_503_and_not_ready() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::open(&dir);
    receiver.journal.close().await;
    let answer = receiver.post(&[], PAYLOAD).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (503, "receiver is stopping\n"));
    assert_eq!(answer.headers["retry-after"], "1");
    let ready = receiver.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(r#""journal":"fail""#), "{}", ready.body);
}

#[tokio::test]
async fn takes_everything_the_real_sdk_sent() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::with(&dir, &with_key("secret-key"));
    let mut sent = Vec::new();
    for version in ["2.10.0", "2.12.1"] {
        let path = format!("{}/../tests/fixtures/faro-sdk-{version}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for exchange in recorded["out"].as_array().unwrap().iter().filter(|exchange| exchange["body"].is_object()) {
            let headers = exchange["headers"].as_object().unwrap().iter();
            let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
            let body = exchange["body"].to_string();
            // The recorded length is of the body as the browser spelled it.
            let headers: Vec<_> = headers.into_iter().filter(|(name, _)| *name != "content-length").collect();
            let answer = receiver.post(&headers, body.clone()).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, "ok"), "{body}");
            sent.push(body);
        }
    }
    assert!(sent.len() >= 46, "{} recorded bodies", sent.len());
    assert_eq!(receiver.stored().await, sent);
    let metrics = receiver.metrics.text();
    assert!(metrics.contains(&format!("farol_payloads_accepted_total {}\n", sent.len())), "{metrics}");
    assert!(!metrics.contains("farol_items_dropped_total{"), "{metrics}");
}

#[tokio::test]
async fn bodies_are_stored_as_they_were_sent() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::open(&dir);
    let text = PAYLOAD.replace("hello", &"hello ".repeat(10_000));
    let mut sent = Vec::new();
    for (header, encoding) in [
        (None, Encoding::Identity),
        (Some("gzip"), Encoding::Gzip),
        (Some("GZip"), Encoding::Gzip),
        (None, Encoding::Gzip),
        (Some("deflate"), Encoding::Deflate),
        (None, Encoding::Deflate),
        (Some("br"), Encoding::Brotli),
        (Some("zstd"), Encoding::Zstd),
        (None, Encoding::Zstd),
    ] {
        let headers: Vec<_> = header.into_iter().map(|name| ("content-encoding", name)).collect();
        let body = compress(encoding, text.as_bytes());
        let declared = receiver.post(&headers, body.clone()).await;
        let streamed = receiver.post(&headers, chunked(body.clone())).await;
        assert_eq!((declared.status.as_u16(), streamed.status.as_u16()), (202, 202), "{header:?} {encoding:?}");
        sent.extend([(encoding, body.clone()), (encoding, body)]);
    }
    receiver.journal.close().await;
    let entries = receiver.lane.read(1 << 30).await.unwrap();
    let stored: Vec<_> = entries.iter().map(|e| (e.record.header.encoding, e.record.body.to_vec())).collect();
    assert!(stored == sent);
    let header = &entries[1].record.header;
    assert_eq!((header.app.as_str(), header.inflated as usize, header.idempotency), ("shop", text.len(), 0));
}

#[tokio::test]
async fn keys_come_in_the_header_or_the_path() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::with(&dir, &with_key("secret"));
    let check = async |path: &str, headers: &[(&str, &str)], status: u16| {
        let answer = receiver.send(request(Method::POST, path, headers, PAYLOAD)).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {headers:?}");
    };
    check("/collect", &[("x-api-key", "secret")], 202).await;
    check("/collect", &[("X-Api-Key", "secret"), ("content-type", "text/plain")], 202).await;
    check("/collect/", &[("x-api-key", "secret")], 202).await;
    check("/collect/secret", &[], 202).await;
    check("/collect/secret?idempotency-key=1", &[], 202).await;
    check("/collect/app-1", &[("x-api-key", "secret")], 202).await;
    check("/collect/", &[], 401).await;
    check("/collect/secre", &[], 401).await;
    check("/collect/secret2", &[], 401).await;
}

#[tokio::test]
async fn a_repeat_is_answered_202_and_stored_once() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::open(&dir);
    let key = [("idempotency-key", "k1")];
    for _ in 0..3 {
        assert_eq!(receiver.post(&key, PAYLOAD).await.status, 202);
    }
    let in_query = request(Method::POST, "/collect?idempotency-key=k1", &[], PAYLOAD);
    assert_eq!(receiver.send(in_query).await.status, 202);
    let posts = (0..20).map(|_| {
        tokio::spawn(answer(
            receiver.ingest.clone(),
            request(Method::POST, "/collect", &[("idempotency-key", "k2")], PAYLOAD),
        ))
    });
    for post in posts.collect::<Vec<_>>() {
        assert_eq!(post.await.unwrap().status, 202);
    }
    let other_app = PAYLOAD.replace("shop", "chat");
    assert_eq!(receiver.post(&key, other_app.clone()).await.status, 202);
    assert_eq!(receiver.post(&[], PAYLOAD).await.status, 202);
    assert_eq!(receiver.post(&[], PAYLOAD).await.status, 202);
    assert_eq!(receiver.stored().await, [PAYLOAD, PAYLOAD, &other_app, PAYLOAD, PAYLOAD]);
    let metrics = receiver.metrics.text();
    assert!(metrics.contains("farol_payloads_repeated_total 22\n"), "{metrics}");
    drop(receiver);

    let mut reopened = Receiver::open(&dir);
    assert_eq!(reopened.post(&key, PAYLOAD).await.status, 202);
    assert_eq!(reopened.post(&[("idempotency-key", "k3")], "{}").await.status, 202);
    let stored = reopened.stored().await;
    assert_eq!(stored.len(), 6, "what was stored before, and k3: {stored:?}");
    assert_eq!(stored[5], "{}");
}

#[tokio::test]
async fn a_key_of_a_refused_payload_is_free() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::open(&dir);
    let key = [("idempotency-key", "k")];
    assert_eq!(receiver.post(&key, "{").await.status, 400);
    assert_eq!(receiver.post(&key, "{}").await.status, 202);
    assert_eq!(receiver.stored().await, ["{}"]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_payload_stored() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::open(&dir);
    let mut post = Box::pin(receiver.post(&[("idempotency-key", "k")], PAYLOAD));
    // Once polled, the payload is with the journal; the client is gone before the answer.
    assert!(tokio::time::timeout(Duration::ZERO, &mut post).await.is_err());
    drop(post);
    while !receiver.metrics.text().contains("farol_payloads_accepted_total 1\n") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(receiver.post(&[("idempotency-key", "k")], PAYLOAD).await.status, 202);
    assert!(receiver.metrics.text().contains("farol_payloads_repeated_total 1\n"));
    assert_eq!(receiver.stored().await, [PAYLOAD]);
}

#[tokio::test]
async fn preflights_and_answers_carry_cors() {
    let dir = TempDir::new().unwrap();
    let origins = vec!["https://shop.example".to_owned(), "https://*.shop.example".to_owned()];
    let mut server = with_key("secret");
    server.cors.allowed_origins = origins;
    let receiver = Receiver::with(&dir, &server);
    let header = |answer: &Answer, name: &str| answer.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    for (origin, allowed) in
        [("https://shop.example", true), ("https://www.shop.example", true), ("https://evil.example", false)]
    {
        let expected = allowed.then(|| origin.to_owned());
        for path in ["/collect", "/collect/", "/collect/secret"] {
            let asked = [("origin", origin), ("access-control-request-method", "POST")];
            let preflight = receiver.send(request(Method::OPTIONS, path, &asked, "")).await;
            assert_eq!((preflight.status.as_u16(), preflight.body.as_str()), (204, ""));
            assert_eq!(header(&preflight, "access-control-allow-origin"), expected);
            assert_eq!(header(&preflight, "access-control-allow-methods").is_some(), allowed);
            let names = header(&preflight, "access-control-allow-headers").unwrap_or_default();
            for name in [
                "content-type",
                "content-encoding",
                "traceparent",
                "x-api-key",
                "x-faro-session-id",
                "x-scope-orgid",
                "idempotency-key",
            ] {
                assert_eq!(names.split(", ").any(|found| found == name), allowed, "{name} in {names}");
            }
            assert_eq!(header(&preflight, "access-control-max-age").is_some(), allowed);
        }
        let accepted = receiver.post(&[("origin", origin), ("x-api-key", "secret")], PAYLOAD).await;
        let refused = receiver.post(&[("origin", origin)], PAYLOAD).await;
        assert_eq!((accepted.status.as_u16(), refused.status.as_u16()), (202, 401));
        for answer in [accepted, refused] {
            assert_eq!(header(&answer, "access-control-allow-origin"), expected);
            let exposed = header(&answer, "access-control-expose-headers");
            assert_eq!(exposed.as_deref(), allowed.then_some("Retry-After, X-Faro-Session-Status"));
            assert_eq!(header(&answer, "vary").as_deref(), Some("Origin"));
        }
    }
    let without_origin = receiver.send(request(Method::OPTIONS, "/collect", &[], "")).await;
    assert_eq!(without_origin.status, 204);
    assert_eq!(receiver.send(request(Method::GET, "/collect", &[], "")).await.headers["allow"], "POST, OPTIONS");
}

#[tokio::test]
async fn operators_see_health_and_metrics() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::open(&dir);
    let alive = receiver.get("/health").await;
    assert_eq!((alive.status.as_u16(), alive.body.as_str()), (200, r#"{"status":"ok"}"#));
    receiver.post(&[], r#"{"logs":[{},7]}"#).await;
    let ready = receiver.get("/health/ready").await;
    assert_eq!(ready.status, 200);
    let body: serde_json::Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!(body["status"], "ready");
    assert_eq!(body["checks"], serde_json::json!({"journal": "ok", "lane_test": "ok", "running": "ok"}));
    assert_eq!((&body["lanes"][0]["name"], &body["lanes"][0]["lag_records"]), (&"test".into(), &1.into()));
    let metrics = receiver.get("/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "farol_requests_total{status=\"202\"} 1",
        "farol_items_accepted_total{kind=\"log\"} 1",
        "farol_items_dropped_total{reason=\"invalid_item\"} 1",
        "farol_lane_lag_records{lane=\"test\"} 1",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "no {line} in\n{}", metrics.body);
    }
    receiver.stopping.cancel();
    assert_eq!(receiver.get("/-/ready").await.status, 503);
    assert_eq!(receiver.get("/health").await.status, 200);
}
