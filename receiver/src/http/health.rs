//! What operators and load balancers ask: alive, ready, and the metrics.

use super::State;
use crate::journal::LaneStatus;
use crate::telemetry::Failing;
use axum::Json;
use axum::extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// OpenMetrics, as Prometheus asks for it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Part of its byte budget at which a lane is about to lose its oldest, in percent.
const NEARLY_FULL: u64 = 90;

/// `GET /health`: the process answers.
pub async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The body of `/health`.
#[derive(Serialize)]
pub struct Health {
    status: &'static str,
}

/// The body of `/health/ready`.
#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    checks: BTreeMap<String, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    lanes: Vec<Lane>,
}

/// A lane in it.
#[derive(Debug, Serialize)]
struct Lane {
    name: &'static str,
    lag_records: u64,
    lag_bytes: u64,
    /// Age of the oldest record that is not delivered.
    lag_seconds: u64,
    dropped_records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// `GET /health/ready`: whether payloads are taken and kept. 503 when the journal cannot write, when a lane is about to
/// lose its oldest, and while stopping. A backend that is down does not make the receiver unready: the journal holds.
pub async fn ready(extract::State(state): extract::State<State>) -> Response {
    let status = state.journal.status();
    let mut checks = BTreeMap::new();
    let mut check = |name: &str, ok: bool| {
        checks.insert(name.to_owned(), if ok { "ok" } else { "fail" });
        ok
    };
    let mut ready = check("journal", status.writable);
    ready &= check("running", !state.stopping.is_cancelled());
    for lane in &status.lanes {
        ready &= check(&format!("lane_{}", lane.name), lane.lag_bytes < state.lane_bytes / 100 * NEARLY_FULL);
    }
    let body = Readiness {
        status: if ready { "ready" } else { "not_ready" },
        checks,
        journal: status.reason,
        lanes: status.lanes.into_iter().map(|lane| describe(lane, &state.failing, SystemTime::now())).collect(),
    };
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

fn describe(lane: LaneStatus, failing: &[(&str, Failing)], now: SystemTime) -> Lane {
    let failure = failing.iter().find(|(name, _)| *name == lane.name).and_then(|(_, failing)| failing.now());
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Lane {
        name: lane.name,
        lag_records: lane.lag_records,
        lag_bytes: lane.lag_bytes,
        lag_seconds: lane.oldest_received.map_or(0, |nanos| now.saturating_sub(nanos / 1_000_000_000)),
        dropped_records: lane.dropped_records,
        last_error: lane.last_error.or(failure.map(|failure| failure.reason)),
    }
}

/// `GET /metrics`.
pub async fn metrics(extract::State(state): extract::State<State>) -> Response {
    let status = state.journal.status();
    state.metrics.journal_bytes(status.bytes);
    for lane in status.lanes {
        state.metrics.lane_lag(lane.name, lane.lag_records, lane.lag_bytes);
    }
    ([(CONTENT_TYPE, OPENMETRICS)], state.metrics.text()).into_response()
}
