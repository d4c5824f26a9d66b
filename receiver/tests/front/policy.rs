//! Keys of applications, their origins, limits and sampling; rates by client; what proxies say; reload.

use crate::receiver::{PAYLOAD, Receiver, from, request};
use axum::http::Method;
use farol::config::scalar::Secret;
use farol::config::{App, Bucket, Server};
use farol::http::policy::Policy;
use tempfile::TempDir;

fn app(name: &str, key: &str) -> App {
    App {
        name: name.into(),
        key: Secret(key.into()),
        allowed_origins: Vec::new(),
        max_payload: None,
        sample_rate: 1.0,
        rate: None,
    }
}

fn with(apps: Vec<App>) -> Server {
    Server { apps, ..Server::default() }
}

#[tokio::test]
async fn each_application_has_its_key() {
    let dir = TempDir::new().unwrap();
    let mut server = with(vec![app("shop", "k-shop"), app("chat", "k-chat")]);
    let check = async |receiver: &Receiver, path: &str, headers: &[(&str, &str)], status: u16| {
        let answer = receiver.send(request(Method::POST, path, headers, PAYLOAD)).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {headers:?}");
    };
    let receiver = Receiver::with(&dir, &server);
    check(&receiver, "/collect", &[("x-api-key", "k-shop")], 202).await;
    check(&receiver, "/collect/k-chat", &[], 202).await;
    check(&receiver, "/collect/k%2Dchat", &[], 202).await;
    check(&receiver, "/collect", &[], 401).await;
    check(&receiver, "/collect/k-other", &[("x-api-key", "k-other")], 401).await;
    let metrics = receiver.metrics.text();
    for line in
        ["farol_app_payloads_accepted_total{app=\"shop\"} 1", "farol_app_payloads_accepted_total{app=\"chat\"} 2"]
    {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
    drop(receiver);
    // The key of all stands beside them.
    server.api_key = Some(Secret("k-all".into()));
    let receiver = Receiver::with(&dir, &server);
    check(&receiver, "/collect/k-all", &[], 202).await;
    check(&receiver, "/collect/k-shop", &[], 202).await;
    check(&receiver, "/collect", &[], 401).await;
}

#[tokio::test]
async fn a_key_is_tied_to_its_origins() {
    let dir = TempDir::new().unwrap();
    let shop = App { allowed_origins: vec!["https://shop.example".into()], ..app("shop", "k-shop") };
    let mut server = with(vec![shop, app("chat", "k-chat")]);
    server.cors.allowed_origins = vec!["https://chat.example".into()];
    let receiver = Receiver::with(&dir, &server);
    let post = async |key: &str, origin: Option<&str>| {
        let headers: Vec<_> = [("x-api-key", key)].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
        let answer = receiver.post(&headers, PAYLOAD).await;
        (answer.status.as_u16(), answer.headers.contains_key("access-control-allow-origin"), answer.body)
    };
    let ok = || "ok".to_owned();
    assert_eq!(post("k-shop", Some("https://shop.example")).await, (202, true, ok()));
    assert_eq!(post("k-shop", None).await, (202, false, ok()), "a server has no origin");
    let refused = "origin is not allowed for this key\n".to_owned();
    assert_eq!(post("k-shop", Some("https://evil.example")).await, (403, false, refused.clone()));
    assert_eq!(post("k-shop", Some("https://chat.example")).await, (403, true, refused));
    assert_eq!(post("k-chat", Some("https://elsewhere.example")).await, (202, false, ok()), "only CORS, as in Alloy");
    let asked = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let preflight = receiver.send(request(Method::OPTIONS, "/collect", &asked, "")).await;
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://shop.example");
}

#[tokio::test]
async fn an_operators_headers_come_beside_the_protocols() {
    let dir = TempDir::new().unwrap();
    let mut server = Server::default();
    server.cors.allowed_headers = vec!["content-type".into(), "x-faro-session-id".into(), "x-tenant".into()];
    let receiver = Receiver::with(&dir, &server);
    let asked = [("origin", "http://shop-ui"), ("access-control-request-method", "POST")];
    let preflight = receiver.send(request(Method::OPTIONS, "/collect", &asked, "")).await;
    let names = preflight.headers["access-control-allow-headers"].to_str().unwrap();
    let names: Vec<_> = names.split(", ").collect();
    for name in ["content-encoding", "x-api-key", "idempotency-key", "traceparent", "x-tenant"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(names.iter().filter(|name| **name == "content-type").count(), 1);
}

#[tokio::test]
async fn an_application_has_its_own_room_and_rate() {
    let dir = TempDir::new().unwrap();
    let shop = App { max_payload: Some(100), rate: Some(Bucket { rate: 0.1, burst: 3 }), ..app("shop", "k-shop") };
    let receiver = Receiver::with(&dir, &with(vec![shop, app("chat", "k-chat")]));
    let post = async |key: &str, body: &str| receiver.post(&[("x-api-key", key)], body.to_owned()).await;
    let long = PAYLOAD.replace("hello", &"hello ".repeat(20));
    assert_eq!(post("k-shop", PAYLOAD).await.status, 202);
    let large = post("k-shop", &long).await;
    assert_eq!((large.status.as_u16(), large.body.as_str()), (413, "body is larger than 100 bytes\n"));
    let packed = zstd::encode_all(long.as_bytes(), 3).unwrap();
    assert_eq!(receiver.post(&[("x-api-key", "k-shop")], packed).await.status, 413, "inflated too");
    let refused = post("k-shop", PAYLOAD).await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (429, &"10".parse().unwrap()));
    assert_eq!(post("k-chat", &long).await.status, 202);
    let metrics = receiver.metrics.text();
    for line in [
        "farol_requests_refused_total{reason=\"rate\"} 1",
        "farol_app_requests_refused_total{app=\"shop\",reason=\"rate\"} 1",
        "farol_app_requests_refused_total{app=\"shop\",reason=\"body_size\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
}

#[tokio::test]
async fn sessions_are_sampled_whole_and_counted() {
    let dir = TempDir::new().unwrap();
    let shop = App { sample_rate: 0.5, ..app("shop", "k-shop") };
    let mut receiver = Receiver::with(&dir, &with(vec![shop]));
    let body = |session: usize, item: usize| {
        format!(r#"{{"meta":{{"session":{{"id":"s-{session}"}}}},"logs":[{{"message":"{session}/{item}"}}]}}"#)
    };
    for session in 0..100 {
        for item in 0..3 {
            let answer = receiver.post(&[("x-api-key", "k-shop")], body(session, item)).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, "ok"));
        }
    }
    let stored = receiver.stored().await;
    assert!((90..210).contains(&stored.len()), "{} of 300", stored.len());
    assert_eq!(stored.len() % 3, 0, "sessions are whole");
    let dropped = 300 - stored.len();
    let metrics = receiver.metrics.text();
    for line in [
        format!("farol_items_dropped_total{{reason=\"sampled\"}} {dropped}"),
        format!("farol_app_items_dropped_total{{app=\"shop\",reason=\"sampled\"}} {dropped}"),
        format!("farol_app_items_accepted_total{{app=\"shop\",kind=\"log\"}} {}", stored.len()),
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
}

#[tokio::test]
async fn clients_have_a_bucket_each_and_forged_headers_get_none() {
    let dir = TempDir::new().unwrap();
    let mut server = Server::default();
    server.rates.per_client = Some(Bucket { rate: 0.1, burst: 2 });
    server.proxies.networks = vec!["10.0.0.0/8".parse().unwrap()];
    let receiver = Receiver::with(&dir, &server);
    let post = async |peer: &str, headers: &[(&str, &str)]| {
        receiver.send(from(peer, request(Method::POST, "/collect", headers, PAYLOAD))).await.status.as_u16()
    };
    assert_eq!([post("203.0.113.1", &[]).await, post("203.0.113.1", &[]).await], [202; 2]);
    assert_eq!(post("203.0.113.1", &[]).await, 429);
    // A client that is no proxy of ours may write what it likes.
    for n in 0..5 {
        let forged = format!("198.51.100.{n}");
        assert_eq!(post("203.0.113.1", &[("x-forwarded-for", &forged), ("forwarded", "for=1.1.1.1")]).await, 429);
    }
    // Behind a proxy each client has its own; what it wrote itself stands further left and is not read.
    for n in 0..5 {
        let told = format!("1.1.1.{n}, 198.51.100.7");
        let expected = if n < 2 { 202 } else { 429 };
        assert_eq!(post("10.0.0.1", &[("x-forwarded-for", &told)]).await, expected, "{n}");
    }
    assert_eq!(post("10.0.0.2", &[("x-forwarded-for", "198.51.100.8")]).await, 202);
    // One /64 of IPv6 is one client.
    assert_eq!(
        [post("2001:db8::1", &[]).await, post("2001:db8::2", &[]).await, post("2001:db8::3", &[]).await],
        [202, 202, 429]
    );
    assert_eq!(post("2001:db8:0:1::1", &[]).await, 202);
}

#[tokio::test]
async fn the_truncated_address_in_the_journal_is_the_clients() {
    let dir = TempDir::new().unwrap();
    let mut server = Server::default();
    server.proxies.networks = vec!["10.0.0.0/8".parse().unwrap()];
    let mut receiver = Receiver::with(&dir, &server);
    for (peer, told) in [("10.0.0.1", "198.51.100.77"), ("203.0.113.9", "198.51.100.77")] {
        let post = request(Method::POST, "/collect", &[("x-forwarded-for", told)], PAYLOAD);
        assert_eq!(receiver.send(from(peer, post)).await.status, 202);
    }
    receiver.journal.close().await;
    let entries = receiver.lane.read(1 << 20).await.unwrap();
    let clients: Vec<_> = entries.iter().map(|entry| entry.record.header.client.as_str()).collect();
    assert_eq!(clients, ["198.51.100.0", "203.0.113.0"]);
}

#[tokio::test]
async fn exit_requests_need_no_preflight() {
    let dir = TempDir::new().unwrap();
    let mut receiver = Receiver::with(&dir, &with(vec![app("shop", "k-shop")]));
    let body = zstd::encode_all(PAYLOAD.as_bytes(), 3).unwrap();
    // What CORS calls simple: POST, text/plain, no header of one's own.
    let simple = [("origin", "https://shop.example"), ("content-type", "text/plain;charset=UTF-8")];
    for _ in 0..2 {
        let exit = request(Method::POST, "/collect/k-shop?idempotency-key=e1", &simple, body.clone());
        let answer = receiver.send(exit).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    assert_eq!(receiver.stored().await, [body]);
}

#[tokio::test]
async fn a_prefix_stands_before_the_collect_paths_alone() {
    let dir = TempDir::new().unwrap();
    let server = Server { path_prefix: "/faro".into(), operations_routes: true, ..with(vec![app("shop", "k-shop")]) };
    let receiver = Receiver::with(&dir, &server);
    let check = async |method: Method, path: &str, status: u16| {
        let answer = receiver.send(request(method, path, &[], PAYLOAD)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    };
    check(Method::POST, "/faro/collect/k-shop", 202).await;
    check(Method::POST, "/faro/collect/other", 401).await;
    check(Method::POST, "/faro/collect", 401).await;
    check(Method::POST, "/collect/k-shop", 404).await;
    for path in ["/health", "/health/ready", "/-/ready", "/metrics"] {
        check(Method::GET, path, 200).await;
    }
    check(Method::GET, "/faro/health", 404).await;
    check(Method::GET, "/", 404).await;
    drop(receiver);
    let alone = Receiver::with(&dir, &Server { operations_routes: false, ..server });
    assert_eq!(alone.send(request(Method::GET, "/metrics", &[], "")).await.status, 404);
}

#[tokio::test]
async fn a_new_policy_holds_from_the_next_request_on() {
    let dir = TempDir::new().unwrap();
    let receiver = Receiver::with(&dir, &with(vec![app("shop", "old")]));
    let post = async |key: &str| receiver.post(&[("x-api-key", key)], PAYLOAD).await.status.as_u16();
    assert_eq!([post("old").await, post("new").await], [202, 401]);
    let mut server = with(vec![app("shop", "new")]);
    server.limits.wire = 10;
    receiver.state.policy.replace(Policy::new(&server));
    assert_eq!([post("old").await, post("new").await], [401, 413]);
}
