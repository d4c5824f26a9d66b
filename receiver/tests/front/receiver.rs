//! A receiver in this process, over a real journal.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use farol::config::Server;
use farol::http::policy::{Live, Policy};
use farol::http::{self, Parts, Peer, State};
use farol::ingest::{Admission, decode::Gate};
use farol::journal::{Journal, Options, Reader, Start};
use farol::telemetry::Metrics;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub const PAYLOAD: &str = r#"{"meta":{"app":{"name":"shop"}},"logs":[{"message":"hello"}]}"#;

/// A receiver in this process.
pub struct Receiver {
    pub ingest: Router,
    pub operations: Router,
    pub journal: Journal,
    pub lane: Reader,
    pub stopping: CancellationToken,
    pub metrics: Arc<Metrics>,
    pub state: State,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Receiver {
    /// One that takes everything.
    pub fn open(dir: &TempDir) -> Receiver {
        Receiver::with(dir, &Server::default())
    }

    pub fn with(dir: &TempDir, server: &Server) -> Receiver {
        let journal = Journal::open(Options::new(dir.path())).unwrap();
        let lane = journal.lane("test", Start::FromCursor).unwrap();
        let (metrics, stopping) = (Arc::new(Metrics::default()), CancellationToken::new());
        let state = State::new(Parts {
            admission: Admission::open(server.limits, journal.clone(), Gate::default(), Arc::clone(&metrics)).unwrap(),
            policy: Live::new(Policy::new(server)),
            journal: journal.clone(),
            lane_bytes: 1 << 30,
            failing: Vec::new(),
            metrics: Arc::clone(&metrics),
            stopping: stopping.clone(),
        });
        let ingest = http::ingest(state.clone(), &server.path_prefix, server.operations_routes);
        let operations = http::operations(state.clone(), None);
        Receiver { ingest, operations, journal, lane, stopping, metrics, state }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.ingest.clone(), request).await
    }

    pub async fn post(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send(request(Method::POST, "/collect", headers, body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.operations.clone(), request(Method::GET, path, &[], "")).await
    }

    /// The bodies stored so far.
    pub async fn stored(&mut self) -> Vec<Bytes> {
        self.journal.close().await;
        let mut bodies = Vec::new();
        loop {
            let entries = self.lane.read(1 << 30).await.unwrap();
            if entries.is_empty() {
                return bodies;
            }
            bodies.extend(entries.iter().map(|entry| entry.record.body.clone()));
        }
    }
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

pub async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: head.status, headers: head.headers, body }
}

/// The same request, from `peer`.
pub fn from(peer: &str, mut request: Request<Body>) -> Request<Body> {
    let address = std::net::SocketAddr::new(peer.parse().unwrap(), 40_000);
    request.extensions_mut().insert(ConnectInfo(Peer(address)));
    request
}
