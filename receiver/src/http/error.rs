//! A refusal as an HTTP answer: one status each, one line of text.

use crate::ingest::Refusal;
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use std::time::Duration;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Seconds after which the same request may pass, where waiting helps.
enum Wait {
    Never,
    /// Room is made by requests that end, or by the disk catching up.
    Soon,
    /// Room is made by a lane that delivers, or by an operator.
    Later,
    /// A bucket has a token again.
    For(Duration),
}

/// The answer to a refused request.
pub fn response(refusal: &Refusal) -> Response {
    let (status, wait) = match refusal {
        Refusal::Path => (StatusCode::NOT_FOUND, Wait::Never),
        Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, Wait::Never),
        Refusal::Key => (StatusCode::UNAUTHORIZED, Wait::Never),
        Refusal::Origin => (StatusCode::FORBIDDEN, Wait::Never),
        Refusal::Rate { wait } => (StatusCode::TOO_MANY_REQUESTS, Wait::For(*wait)),
        Refusal::BodySize { .. } | Refusal::InflatedSize { .. } | Refusal::Values { .. } | Refusal::Items { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, Wait::Never)
        }
        Refusal::Requests { .. } | Refusal::Bodies { .. } | Refusal::JournalBusy | Refusal::Stopping => {
            (StatusCode::SERVICE_UNAVAILABLE, Wait::Soon)
        }
        Refusal::JournalFull | Refusal::JournalFailed => (StatusCode::SERVICE_UNAVAILABLE, Wait::Later),
        Refusal::Deadline { .. } => (StatusCode::REQUEST_TIMEOUT, Wait::Never),
        Refusal::Encoding(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Wait::Never),
        Refusal::Disconnected
        | Refusal::Corrupt(_)
        | Refusal::Payload(_)
        | Refusal::Levels { .. }
        | Refusal::IdempotencyKey { .. } => (StatusCode::BAD_REQUEST, Wait::Never),
        Refusal::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Wait::Never),
    };
    let mut response = text(status, format!("{refusal}\n"));
    let seconds = match wait {
        Wait::Never => None,
        Wait::Soon => Some(1),
        Wait::Later => Some(30),
        Wait::For(wait) => Some(wait.as_secs_f64().ceil().max(1.0) as u64),
    };
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if *refusal == Refusal::Method {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    }
    response
}

/// A plain text answer that no browser takes for anything else.
pub fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    response
}
