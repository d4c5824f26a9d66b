//! Which pages may post from other origins. By hand, because tower-http's layer answers preflights with 200 where
//! every Faro receiver answers 204, and knows no `*` inside an origin.

use super::State;
use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

/// Alloy's list and what newer agents send.
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-type, content-encoding, traceparent, tracestate, x-api-key, x-faro-session-id, x-scope-orgid, idempotency-key",
);
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static("Retry-After, X-Faro-Session-Status");
const POST: HeaderValue = HeaderValue::from_static("POST");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// A day, the most that a browser keeps it (Firefox; Chromium two hours).
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const VARY_ANSWER: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins whose pages may read our answers, as configured.
pub struct Origins(Vec<String>);

impl Origins {
    /// Each is an origin with at most one `*` in it, or `*` for all. None is CORS switched off.
    pub fn new(origins: &[String]) -> Origins {
        Origins(origins.iter().map(|origin| origin.to_ascii_lowercase()).collect())
    }

    /// The `Access-Control-Allow-Origin` for a request, if its origin is allowed.
    fn allow(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        if self.0.iter().any(|pattern| pattern == "*") {
            return Some(ANY);
        }
        let name = origin.to_str().ok()?.to_ascii_lowercase();
        self.0.iter().any(|pattern| matches(pattern, &name)).then(|| origin.clone())
    }
}

fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == origin,
        Some((start, end)) => {
            origin.len() >= start.len() + end.len() && origin.starts_with(start) && origin.ends_with(end)
        }
    }
}

/// Answers every `OPTIONS`, and adds the headers of CORS to every other answer, refusals included: a page can
/// read why it was refused and how long to wait.
///
/// A request from an origin that is not allowed is processed like any other, as Alloy does: CORS guards what a page may
/// read, the key guards what is stored.
pub async fn layer(extract::State(state): extract::State<State>, request: Request, next: Next) -> Response {
    let allow = state.origins.allow(request.headers());
    if request.method() == Method::OPTIONS {
        return preflight(allow);
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, VARY_ANSWER);
    if let Some(origin) = allow {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    }
    response
}

fn preflight(allow: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(VARY, VARY_PREFLIGHT);
    if let Some(origin) = allow {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, POST);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_whole_or_around_one_star() {
        let check = |pattern: &str, origin: &'static str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            let allowed = Origins::new(&[pattern.to_owned()]).allow(&headers);
            assert_eq!(allowed.as_ref().map(|origin| origin.to_str().unwrap()), expected, "{pattern} {origin}");
        };
        check("*", "https://a.example", Some("*"));
        check("https://a.example", "https://a.example", Some("https://a.example"));
        check("https://A.example", "HTTPS://a.Example", Some("HTTPS://a.Example"));
        check("https://a.example", "https://a.example:8443", None);
        check("https://a.example", "http://a.example", None);
        check("https://*.a.example", "https://x.a.example", Some("https://x.a.example"));
        check("https://*.a.example", "https://a.example", None);
        check("https://*.a.example", "https://.a.example.evil", None);
        check("https://aa*aa", "https://aaa", None);
        check("http://localhost:*", "http://localhost:5173", Some("http://localhost:5173"));
        assert_eq!(Origins::new(&[]).allow(&HeaderMap::from_iter([(ORIGIN, ANY)])), None);
        assert_eq!(Origins::new(&["*".to_owned()]).allow(&HeaderMap::new()), None);
    }
}
