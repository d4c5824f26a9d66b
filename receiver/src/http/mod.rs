//! The two servers: ingest, which any page may reach, and operations, which only operators should.

pub mod auth;
mod collect;
pub mod cors;
pub mod error;
mod health;
mod listen;

use crate::ingest::{Admission, Refusal};
use crate::journal::Journal;
use crate::telemetry::{Failing, Metrics};
use auth::ApiKey;
use axum::Router;
use axum::extract::{self, MatchedPath, Request};
use axum::http::HeaderName;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use cors::Origins;
use listen::{Listener, Peer};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
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
    /// What payloads must bring.
    pub api_key: ApiKey,
    /// Which pages may post.
    pub origins: Origins,
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

/// The routes that pages post to.
pub fn ingest(state: State) -> Router {
    let panicked = state.clone();
    Router::new()
        .route("/collect", post(collect::collect))
        .route("/collect/", post(collect::collect))
        .route("/collect/{app_key}", post(collect::collect))
        .fallback(async |state: extract::State<State>| counted(&state, &Refusal::Path))
        .method_not_allowed_fallback(async |state: extract::State<State>| counted(&state, &Refusal::Method))
        .layer(CatchPanicLayer::custom(move |_| panicked.refuse(&Refusal::Internal)))
        .layer(middleware::from_fn_with_state(state.clone(), cors::layer))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(|request: &Request| {
                    // The route, not the path: there may be a key in it.
                    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
                    tracing::debug_span!("request", method = %request.method(), route)
                })
                .on_failure(()),
        )
        .layer(SetSensitiveRequestHeadersLayer::new([HeaderName::from_static("x-api-key")]))
        .with_state(state)
}

/// The routes for operators, and the viewer under them when it runs.
pub fn operations(state: State, viewer: Option<Router>) -> Router {
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .route("/-/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(state);
    match viewer {
        Some(viewer) => routes.merge(viewer),
        None => routes,
    }
    .layer(CatchPanicLayer::new())
}

/// How long requests under way are waited for when stopping: orchestrators kill after 30 s, and lanes need some too.
const GRACE: Duration = Duration::from_secs(10);

/// Serves `router` until `stop` is cancelled and every request under way is answered, or [`GRACE`] has passed. What is
/// not answered by then was not accepted: the journal refuses it once it is closed.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let asked = stop.clone().cancelled_owned();
    tokio::select! {
        served = axum::serve(Listener::new(listener), service).with_graceful_shutdown(asked) => served,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("stopped with requests under way");
            Ok(())
        }
    }
}

fn counted(state: &State, refusal: &Refusal) -> Response {
    let response = state.refuse(refusal);
    state.metrics.answered(response.status().as_u16(), Duration::ZERO);
    response
}
