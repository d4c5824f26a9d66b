//! What Alloy's and the Collector's receivers answer, request by request, and where this one answers otherwise on purpose.
//!
//! Alloy: `faro.receiver` (handler.go, server.go, rs/cors 1.11.1). Collector: `faroreceiver` (receiver.go).

use crate::receiver::{PAYLOAD, Receiver, request};
use axum::http::Method;
use farol::config::scalar::Secret;
use farol::config::{Bucket, Server, Strategy};
use std::io::Write;
use tempfile::TempDir;

/// Whether the answer is the peer's own.
enum Peer {
    Same,
    /// The peer's status, and why ours is another.
    Differs(u16, &'static str),
}
use Peer::{Differs, Same};

type Headers = &'static [(&'static str, &'static str)];

struct Case {
    what: &'static str,
    method: Method,
    path: &'static str,
    headers: Headers,
    body: &'static [u8],
    status: u16,
    /// The whole body, where it is part of the contract.
    text: Option<&'static str>,
    peer: Peer,
}

const KEY: Headers = &[("x-api-key", "secret")];
const GOOD: &[u8] = PAYLOAD.as_bytes();

fn case(what: &'static str, headers: Headers, body: &'static [u8], status: u16, peer: Peer) -> Case {
    Case { what, method: Method::POST, path: "/collect", headers, body, status, text: None, peer }
}

fn gzip(text: &[u8]) -> &'static [u8] {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap().leak()
}

fn server() -> Server {
    let mut server = Server { api_key: Some(Secret("secret".into())), ..Server::default() };
    server.cors.allowed_origins = vec!["https://shop.example".into(), "https://*.shop.example".into()];
    server
}

async fn check(receiver: &Receiver, cases: Vec<Case>) {
    for Case { what, method, path, headers, body, status, text, peer } in cases {
        let answer = receiver.send(request(method, path, headers, body.to_vec())).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
        if let Some(text) = text {
            assert_eq!(answer.body, text, "{what}");
        }
        match peer {
            Same => {}
            Differs(theirs, why) => assert!(theirs != status && !why.is_empty(), "{what}: no difference"),
        }
        if !answer.body.is_empty() && status != 202 {
            assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8", "{what}");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{what}");
        }
    }
}

#[tokio::test]
async fn posts_are_answered_as_by_alloy() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::with(&dir, &server());
    let denied = Some("API key not provided or incorrect\n");
    let with = |text, case| Case { text, ..case };
    let at = |path, case| Case { path, ..case };
    let gz: Headers = &[("x-api-key", "secret"), ("content-encoding", "gzip")];
    let cases = vec![
        with(Some("ok"), case("a payload", KEY, GOOD, 202, Same)),
        case("an empty object", KEY, b"{}", 202, Same),
        with(Some("ok"), case("gzip", gz, gzip(GOOD), 202, Same)),
        case("not gzip", gz, GOOD, 400, Same),
        case("no body", KEY, b"", 400, Same),
        case("broken JSON", KEY, b"{\"logs\":[", 400, Same),
        case("a string for a list", KEY, b"{\"logs\":\"x\"}", 400, Same),
        with(denied, case("no key", &[], GOOD, 401, Same)),
        with(denied, case("a wrong key", &[("x-api-key", "wrong")], GOOD, 401, Same)),
        case("a wrong key and broken JSON", &[], b"{", 401, Differs(400, "the key is checked before a byte is read")),
        case(
            "garbage behind the payload",
            KEY,
            b"{} garbage",
            400,
            Differs(202, "a body is one payload; half of it may be lost"),
        ),
        case(
            "a number for a text",
            KEY,
            br#"{"logs":[{"message":5}]}"#,
            202,
            Differs(400, "one bad item costs one item"),
        ),
        case("too large, as declared", &[("x-api-key", "secret"), ("content-length", "5242881")], b"{}", 413, Same),
        case("any content type", &[("x-api-key", "secret"), ("content-type", "text/plain")], GOOD, 202, Same),
        case(
            "an unknown encoding",
            &[("x-api-key", "secret"), ("content-encoding", "lz4")],
            GOOD,
            415,
            Differs(202, "Alloy reads it as JSON, whatever it is"),
        ),
        at("/collect/", case("a slash", KEY, GOOD, 202, Differs(404, "Faro's own OpenAPI has /collect/{appKey}"))),
        at(
            "/collect/secret",
            case("the key in the path", &[], GOOD, 202, Differs(404, "Faro's own OpenAPI has /collect/{appKey}")),
        ),
        at("/elsewhere", case("another path", KEY, GOOD, 404, Same)),
        Case { method: Method::GET, ..case("GET", KEY, b"", 405, Same) },
        Case { method: Method::DELETE, ..case("DELETE", KEY, b"", 405, Same) },
    ];
    check(&receiver, cases).await;
    let bomb = gzip(&vec![b' '; 6 << 20]);
    check(&receiver, vec![case("a bomb", gz, bomb, 413, Differs(400, "Alloy inflates without a bound"))]).await;
    let ready = receiver.get("/-/ready").await;
    assert_eq!(ready.status, 200, "as Alloy's, but it says something: {}", ready.body);
}

#[tokio::test]
async fn posts_are_answered_as_by_the_collector() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::with(&dir, &server());
    let json: Headers = &[("x-api-key", "secret"), ("content-type", "application/json")];
    let charset: Headers = &[("x-api-key", "secret"), ("content-type", "application/json; charset=utf-8")];
    let bad_trace = br#"{"logs":[{"message":"m","trace":{"trace_id":"zz","span_id":"zz"}}]}"#;
    let cases = vec![
        case("a payload", json, GOOD, 202, Same),
        case("garbage behind the payload", json, b"{} garbage", 400, Same),
        case("broken JSON", json, b"{", 400, Same),
        case("no content type", KEY, GOOD, 202, Differs(415, "pages leave without a preflight as text/plain")),
        case("a charset", charset, GOOD, 202, Differs(415, "it is JSON all the same")),
        case("a trace id that is none", json, bad_trace, 202, Differs(500, "one bad id must not cost the payload")),
        Case {
            path: "/anything",
            ..case("any path", json, GOOD, 404, Differs(202, "what is not asked for is not served"))
        },
        Case { method: Method::GET, ..case("GET", json, b"", 405, Same) },
    ];
    check(&receiver, cases).await;
}

#[tokio::test]
async fn preflights_are_answered_as_by_alloy() {
    struct Preflight {
        what: &'static str,
        origin: &'static str,
        method: &'static str,
        asked: &'static str,
        allowed: Option<&'static str>,
        /// Why this differs, if it does.
        differs: &'static str,
    }
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::with(&dir, &server());
    let list = "content-encoding,content-type,traceparent,x-api-key,x-faro-session-id,x-scope-orgid";
    let one = |what, origin, method, asked, allowed| Preflight { what, origin, method, asked, allowed, differs: "" };
    let shop = "https://shop.example";
    let cases = [
        one("what Faro asks", shop, "POST", list, Some(shop)),
        one("nothing asked", shop, "POST", "", Some(shop)),
        one("a pattern", "https://www.shop.example", "POST", list, Some("https://www.shop.example")),
        one("any case", "https://SHOP.example", "POST", list, Some("https://SHOP.example")),
        one("another origin", "https://evil.example", "POST", list, None),
        Preflight {
            differs: "Alloy allows it since alloy#7054 only; Faro sends it with each retry",
            ..one("an idempotency key", shop, "POST", "content-type,idempotency-key", Some(shop))
        },
        Preflight {
            differs: "Alloy sends no Allow headers; here the list is always sent and the browser compares",
            ..one("a header that is not allowed", shop, "POST", "x-secret", Some(shop))
        },
        Preflight {
            differs: "Alloy sends no Allow headers; here only POST is allowed and the browser compares",
            ..one("a method that is not allowed", shop, "DELETE", "", Some(shop))
        },
    ];
    for Preflight { what, origin, method, asked, allowed, differs } in cases {
        let headers =
            [("origin", origin), ("access-control-request-method", method), ("access-control-request-headers", asked)];
        let answer = receiver.send(request(Method::OPTIONS, "/collect", &headers, "")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{what}");
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("access-control-allow-origin"), allowed, "{what} {differs}");
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert_eq!(header("vary"), Some(vary), "{what}");
        let names = header("access-control-allow-headers").unwrap_or_default();
        let granted = asked.split(',').filter(|name| !name.is_empty()).all(|name| names.split(", ").any(|n| n == name));
        assert_eq!(granted && allowed.is_some(), allowed.is_some() && asked != "x-secret", "{what}: {names}");
        assert_eq!(header("access-control-allow-methods"), allowed.map(|_| "POST"), "{what}");
        assert_eq!(header("access-control-allow-credentials"), None, "{what}");
    }
    // OPTIONS that is no preflight: Alloy reads the empty body and answers 400, the Collector 200.
    assert_eq!(receiver.send(request(Method::OPTIONS, "/collect", &[], "")).await.status, 204);
}

#[tokio::test]
async fn rates_are_limited_as_by_alloy() {
    let bucket = Bucket { rate: 0.5, burst: 2 };
    let app = |name: &str, environment: &str| {
        format!(r#"{{"meta":{{"app":{{"name":"{name}","environment":"{environment}"}}}}}}"#)
    };
    for (strategy, other_app) in [(Strategy::Global, 429), (Strategy::PerApp, 202)] {
        let dir = TempDir::new().unwrap();
        let mut server = server();
        server.rates.requests = Some((strategy, bucket));
        let receiver = Receiver::with(&dir, &server);
        let post = async |body: String| {
            receiver.post(&[("x-api-key", "secret"), ("origin", "https://shop.example")], body).await
        };
        for _ in 0..2 {
            assert_eq!(post(app("shop", "prod")).await.status, 202, "{strategy:?}");
        }
        let refused = post(app("shop", "prod")).await;
        assert_eq!((refused.status.as_u16(), refused.body.as_str()), (429, "Too Many Requests\n"));
        // Alloy sends no Retry-After, and no page could read it.
        assert_eq!(refused.headers["retry-after"], "2");
        let exposed = refused.headers["access-control-expose-headers"].to_str().unwrap();
        assert_eq!(exposed, "Retry-After, X-Faro-Session-Status");
        assert_eq!(post(app("chat", "prod")).await.status, other_app, "{strategy:?}");
        assert_eq!(post(app("shop", "test")).await.status, other_app, "{strategy:?}");
        // Alloy takes a token before it looks at the key; a stranger costs the pages nothing here.
        assert_eq!(receiver.post(&[], PAYLOAD).await.status, 401);
    }
}
