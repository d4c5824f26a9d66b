//! What the pages ask for: JSON under `/api`, read only.
//!
//! Times and durations are milliseconds, times since the epoch. `id` numbers items in the order of arrival;
//! `before` takes one to page backwards. `limit` is 1 to 1000. An error is `{"error": "..."}` with its status:
//! 400 for a bad parameter, 403 from the guard, 404 for what is not there, 503 for no more live streams.
//!
//! An **item** is [`Item`](super::Item): `{id, time, kind, app, session, name, level, message, value, rating, traceId,
//! spanId, page}`. A **full item** has `detail` too: the JSON that was sent (for a span `{attributes, events,
//! statusMessage}`), or null when it is over 64 KiB or the answer over 2 MiB; `/api/items/{id}` then has it.
//!
//! | route | parameters | answer |
//! | --- | --- | --- |
//! | `/api/items` | `kind app q group before limit` | `[item]`, newest first; `q` is text in message, name, session or page |
//! | `/api/items/{id}` | | full item |
//! | `/api/sessions` | `app q before limit` | `[{id, app, environment, version, user, browser, os, page, first, last, newest, items, errors, spans}]`; `before` takes `newest` |
//! | `/api/sessions/{id}` | `before` | the same with `meta`, `timeline` (full items by time), `earlier` (the next `before`, or null), `traces` (`[{traceId, name, start, duration, spans, errors}]`) |
//! | `/api/errors` | `app limit` | `[{group, count, sessions, first, last, sample}]`, newest first; `sample` is a full item |
//! | `/api/vitals` | | `[{app, metric, count, p75, rating, good, needsImprovement, poor}]` |
//! | `/api/traces/{id}` | | `{traceId, spans, items, truncated}`; a span is `{id, spanId, parentId, name, message, kind, service, session, start, duration, status, detail}` |
//! | `/api/summary` | | `{items, kinds, sessions, apps, oldest, newest, bytes, dropped, collector}` |
//! | `/api/live` | | server-sent events, see [`live`](super::live) |

use super::read::{self, Filter};
use super::{Kind, Viewer, ViewerError};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Most rows in one answer, and how many when the page does not say.
const LIMIT: usize = 1_000;
const DEFAULT: usize = 100;
/// Characters of a search text.
const TEXT: usize = 200;

/// A refusal, said in JSON.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    reason: String,
}

impl ApiError {
    pub fn new(status: StatusCode, reason: impl Into<String>) -> ApiError {
        ApiError { status, reason: reason.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.reason }))).into_response()
    }
}

impl From<ViewerError> for ApiError {
    fn from(error: ViewerError) -> ApiError {
        tracing::warn!(%error, "viewer query failed");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

type Answer<T> = Result<Json<T>, ApiError>;
type Asked = Result<Query<Parameters>, QueryRejection>;
type Named<T> = Result<Path<T>, PathRejection>;

#[derive(Debug, Deserialize)]
struct Parameters {
    kind: Option<Kind>,
    app: Option<String>,
    q: Option<String>,
    group: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

impl Parameters {
    fn filter(self) -> Result<Filter, ApiError> {
        let bad = |reason: &str| ApiError::new(StatusCode::BAD_REQUEST, reason);
        let limit = self.limit.unwrap_or(DEFAULT);
        if limit == 0 || limit > LIMIT {
            return Err(bad(&format!("limit must be 1 to {LIMIT}")));
        }
        let text = self.q.filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| text.chars().count() > TEXT) {
            return Err(bad(&format!("q is longer than {TEXT} characters")));
        }
        let group = self.group.map(|group| u64::from_str_radix(&group, 16).map(u64::cast_signed));
        let group = group.transpose().map_err(|_| bad("group must be hexadecimal"))?;
        let app = self.app.filter(|app| !app.is_empty());
        Ok(Filter { kind: self.kind, app, text, group, before: self.before, limit })
    }
}

pub(super) fn routes() -> Router<Viewer> {
    Router::new()
        .route("/api/items", get(items))
        .route("/api/items/{id}", get(item))
        .route("/api/sessions", get(sessions))
        .route("/api/sessions/{id}", get(session))
        .route("/api/errors", get(errors))
        .route("/api/vitals", get(vitals))
        .route("/api/traces/{id}", get(trace))
        .route("/api/summary", get(summary))
        .route("/api/live", get(live))
        .route("/api/{*rest}", get(async || not_found("route")))
}

async fn items(State(viewer): State<Viewer>, asked: Asked) -> Answer<Vec<super::Item>> {
    let filter = asked?.0.filter()?;
    viewer.ask(move |store| read::items(store, &filter)).await.map(Json)
}

async fn item(State(viewer): State<Viewer>, id: Named<i64>) -> Answer<read::Full> {
    let id = id?.0;
    found(viewer.ask(move |store| read::item_with_detail(store, id)).await?, "item")
}

async fn sessions(State(viewer): State<Viewer>, asked: Asked) -> Answer<Vec<read::Session>> {
    let filter = asked?.0.filter()?;
    viewer.ask(move |store| read::sessions(store, &filter)).await.map(Json)
}

async fn session(State(viewer): State<Viewer>, id: Named<String>, asked: Asked) -> Answer<read::SessionPage> {
    let (id, filter) = (id?.0, asked?.0.filter()?);
    found(viewer.ask(move |store| read::session_page(store, &id, filter.before)).await?, "session")
}

async fn errors(State(viewer): State<Viewer>, asked: Asked) -> Answer<Vec<read::ErrorGroup>> {
    let filter = asked?.0.filter()?;
    viewer.ask(move |store| read::errors(store, filter.app.as_deref(), filter.limit)).await.map(Json)
}

async fn vitals(State(viewer): State<Viewer>) -> Answer<Vec<read::VitalLine>> {
    viewer.ask(|store| read::vitals(store, DEFAULT)).await.map(Json)
}

async fn trace(State(viewer): State<Viewer>, id: Named<String>) -> Answer<read::Trace> {
    let id = id?.0;
    found(viewer.ask(move |store| read::trace(store, &id)).await?, "trace")
}

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    summary: read::Summary,
    collector: String,
}

async fn summary(State(viewer): State<Viewer>) -> Answer<Overview> {
    let summary = viewer.ask(|store| read::summary(store, DEFAULT)).await?;
    Ok(Json(Overview { summary, collector: viewer.collector.to_string() }))
}

async fn live(State(viewer): State<Viewer>) -> Response {
    match viewer.live.stream() {
        // nginx would hold the events back to fill a buffer.
        Some(stream) => ([(header::HeaderName::from_static("x-accel-buffering"), "no")], stream).into_response(),
        None => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no more live streams").into_response(),
    }
}

fn found<T>(answer: Option<T>, what: &str) -> Answer<T> {
    answer.map(Json).ok_or_else(|| not_found(what))
}

fn not_found(what: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("no such {what}"))
}

impl Viewer {
    /// Runs a query off the async threads, as many at once as there are readers.
    async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = std::sync::Arc::clone(&self.queries).acquire_owned().await.map_err(|_| ViewerError::Stopped)?;
        let store = std::sync::Arc::clone(&self.store);
        let answer = tokio::task::spawn_blocking(move || {
            let _held = permit;
            store.read(query)
        });
        Ok(answer.await.map_err(|_| ViewerError::Stopped)??)
    }
}
