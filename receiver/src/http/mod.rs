//! The two servers: ingest, which any page may reach, and operations, which only operators should.

pub mod auth;
mod collect;
pub mod cors;
pub mod error;
mod health;
mod listen;
pub mod policy;
mod proxies;
mod span;

pub use listen::{Bounds, Peer};

use crate::ingest::{Admission, Refusal};
use crate::journal::Journal;
use crate::telemetry::{Asked, Failing, Metrics};
use axum::Router;
use axum::body::Body;
use axum::extract::{self, ConnectInfo};
use axum::http::{HeaderName, Method, Request};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use listen::{Connection, Heard, Listener};
use policy::Live;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::TraceLayer;

/// What the handlers share.
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of it.
pub struct Parts {
    /// Takes payloads in.
    pub admission: Admission,
    /// Who may post what, how often.
    pub policy: Live,
    /// Asked for its health.
    pub journal: Journal,
    /// The byte budget of a lane.
    pub lane_bytes: u64,
    /// Why lanes are not getting on, by their names.
    pub failing: Vec<(&'static str, Failing)>,
    /// Counts answers.
    pub metrics: Arc<Metrics>,
    /// Cancelled when the receiver is stopping.
    pub stopping: CancellationToken,
}

impl State {
    /// Shares `parts` among handlers.
    pub fn new(parts: Parts) -> State {
        State(Arc::new(parts))
    }

    /// Counts a refusal and says it.
    fn refuse(&self, refusal: &Refusal) -> Response {
        tracing::debug!(reason = refusal.reason().as_str(), "refused");
        self.metrics.refused(refusal.reason());
        error::response(refusal)
    }
}

impl Deref for State {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The routes that pages post to, below `prefix`. With `operations` health and metrics answer beside them.
pub fn ingest(state: State, prefix: &str, operations: bool) -> Router {
    let panicked = state.clone();
    let mut router = Router::new();
    for path in ["/collect", "/collect/", "/collect/{app_key}"] {
        router = router.route(&format!("{prefix}{path}"), post(collect::collect));
    }
    let router = router
        .fallback(async |state: extract::State<State>, method: Method| counted(&state, &method, &Refusal::Path))
        .method_not_allowed_fallback(async |state: extract::State<State>, method: Method| {
            counted(&state, &method, &Refusal::Method)
        })
        .layer(CatchPanicLayer::custom(move |_| panicked.refuse(&Refusal::Internal)))
        .layer(middleware::from_fn_with_state(state.clone(), cors::layer))
        .layer(TraceLayer::new_for_http().make_span_with(span::request).on_failure(()))
        .layer(SetSensitiveRequestHeadersLayer::new([HeaderName::from_static("x-api-key")]))
        .with_state(state.clone());
    if operations { router.merge(health_routes(state)) } else { router }
}

/// The routes for operators, and the viewer under them when it runs.
pub fn operations(state: State, viewer: Option<Router>) -> Router {
    let routes = health_routes(state);
    match viewer {
        Some(viewer) => routes.merge(viewer),
        None => routes,
    }
    .layer(CatchPanicLayer::new())
}

fn health_routes(state: State) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .route("/-/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(state)
}

/// How long requests under way are waited for when stopping: orchestrators kill after 30 s, and lanes need some too.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes of a request's head, past which the answer is 431. Real ones have 2 KB; nginx allows 32.
const HEAD_BYTES: usize = 32 << 10;

/// Serves `router` until `stop` is cancelled and every request under way is answered, or [`GRACE`] has passed. What is
/// not answered by then was not accepted: the journal refuses it once it is closed.
///
/// HTTP/1.1 alone: pages come through a proxy or speak it themselves, and what HTTP/2 adds without TLS is attack surface.
pub async fn serve(tcp: TcpListener, bounds: Bounds, router: Router, stop: CancellationToken) {
    let listener = Listener::new(tcp, bounds);
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().max_buf_size(HEAD_BYTES);
    let (server, under_way) = (Arc::new(server), GracefulShutdown::new());
    loop {
        let (connection, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        tokio::spawn(converse(Arc::clone(&server), under_way.watcher(), connection, peer, router.clone()));
    }
    drop(listener);
    if tokio::time::timeout(GRACE, under_way.shutdown()).await.is_err() {
        tracing::warn!("stopped with requests under way");
    }
}

/// Answers one connection's requests until its end, or until it has to make room.
async fn converse(
    server: Arc<auto::Builder<TokioExecutor>>,
    watcher: Watcher,
    connection: Connection,
    peer: SocketAddr,
    router: Router,
) {
    let turn = connection.turn();
    let of_requests = Arc::clone(&turn);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let under_way = of_requests.begin();
        let mut request = request.map(|body| Body::new(Heard::new(body, Arc::clone(&of_requests))));
        request.extensions_mut().insert(ConnectInfo(Peer(peer)));
        let answer = router.clone().oneshot(request);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer
        }
    });
    let served = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(service));
    let served = watcher.watch(served.into_owned());
    tokio::select! {
        // What breaks a connection is the client's business.
        _ = served => {}
        () = turn.cut() => {}
    }
}

fn counted(state: &State, method: &Method, refusal: &Refusal) -> Response {
    let response = state.refuse(refusal);
    state.metrics.answered(Asked::other(method.as_str()), response.status().as_u16(), Duration::ZERO);
    response
}
