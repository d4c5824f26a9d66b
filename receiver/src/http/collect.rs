//! `POST /collect`: the head is read, the key checked, the rest is ingest's.

use super::listen::Peer;
use super::policy::Refused;
use super::{State, error};
use crate::ingest::{Head, Refusal};
use crate::telemetry::Asked;
use axum::body::{Body, BodyDataStream};
use axum::extract::{self, ConnectInfo, RawPathParams, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, USER_AGENT};
use axum::http::request;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use std::time::{Duration, Instant};
use tokio_stream::StreamExt;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is read and thrown away of a body that is too large, so that its sender gets to read the answer: a
/// connection closed with unread bytes is reset, and the answer with it.
const LINGER_BYTES: usize = 64 << 20;
/// The same for a body refused by its head: what a page may send at its exit, and some.
const LINGER_UNREAD: usize = 256 << 10;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(5);

/// What Faro's agents read for `invalid`; that it is valid tells ours whom it talks to.
const SESSION_STATUS: HeaderName = HeaderName::from_static("x-faro-session-status");

/// Takes one payload. 202 `ok` says that it is on disk.
pub async fn collect(
    extract::State(state): extract::State<State>,
    in_path: RawPathParams,
    request: Request,
) -> Response {
    let (started, _in_flight) = (Instant::now(), state.metrics.in_flight());
    let (head, body) = request.into_parts();
    let in_path = in_path.iter().next().map(|(_, key)| key.as_bytes());
    let response = match take(&state, &head, in_path, body).await {
        Ok(()) => ([(SESSION_STATUS, "valid")], error::text(StatusCode::ACCEPTED, "ok")).into_response(),
        Err(Refused { refusal, app }) => {
            if let Some(app) = app {
                state.metrics.refused_app(&state.metrics.app(&app), refusal.reason());
            }
            state.refuse(&refusal)
        }
    };
    state.metrics.answered(Asked::COLLECT, response.status().as_u16(), started.elapsed());
    response
}

async fn take(state: &State, head: &request::Parts, in_path: Option<&[u8]>, body: Body) -> Result<(), Refused> {
    let header = |name: &HeaderName| head.headers.get(name).map(|value| value.as_bytes());
    let policy = state.policy.now();
    let peer = head.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(address))| address.ip());
    let mut body = body.into_data_stream();
    let admitted = match policy.admit(peer, &head.headers, header(&API_KEY).into_iter().chain(in_path)) {
        Ok(admitted) => admitted,
        Err(refused) => {
            tokio::spawn(linger(body, LINGER_UNREAD));
            return Err(refused);
        }
    };
    let declared = header(&CONTENT_LENGTH).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let ingest_head = Head {
        declared,
        encoding: header(&CONTENT_ENCODING),
        idempotency: header(&IDEMPOTENCY_KEY).or_else(|| in_query(head.uri.query()?)),
        client: admitted.client,
        user_agent: header(&USER_AGENT),
        rules: admitted.rules,
    };
    let result = state.admission.admit(&ingest_head, &mut body).await;
    match result {
        Err(Refusal::BodySize { .. }) => drop(tokio::spawn(linger(body, LINGER_BYTES))),
        Err(Refusal::Requests { .. } | Refusal::Bodies { .. }) => drop(tokio::spawn(linger(body, LINGER_UNREAD))),
        _ => {}
    }
    result.map_err(|refusal| Refused { refusal, app: admitted.rules.app.map(str::to_owned) })
}

/// An agent that posts at page exit without a preflight has its idempotency key in the query.
fn in_query(query: &str) -> Option<&[u8]> {
    query.split('&').find_map(|pair| pair.strip_prefix("idempotency-key=")).map(str::as_bytes)
}

async fn linger(mut body: BodyDataStream, most: usize) {
    let discard = async {
        let mut left = most;
        while let Some(Ok(frame)) = body.next().await {
            left = match left.checked_sub(frame.len()) {
                Some(left) => left,
                None => break,
            };
        }
    };
    // Whether it came to its end or not, there is nobody to tell.
    let _ = tokio::time::timeout(LINGER, discard).await;
}
