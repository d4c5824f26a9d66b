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
const PROTOCOL_HEADERS: [&str; 8] = [
    "content-type",
    "content-encoding",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-faro-session-id",
    "x-scope-orgid",
    "idempotency-key",
];
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static("Retry-After, X-Faro-Session-Status");
const POST: HeaderValue = HeaderValue::from_static("POST");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// A day, the most that a browser keeps it (Firefox; Chromium two hours).
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const VARY_ANSWER: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// Whose pages may read our answers, and what they may send.
pub struct Cors {
    origins: Vec<String>,
    headers: HeaderValue,
}

impl Cors {
    /// Each origin has at most one `*` in it, or is `*` for all; none is CORS switched off. `headers` are added to
    /// the protocol's own.
    pub fn new<'o>(origins: impl IntoIterator<Item = &'o String>, headers: &[String]) -> Cors {
        let mut names = PROTOCOL_HEADERS.to_vec();
        for name in headers {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let headers = HeaderValue::from_str(&names.join(", "));
        let headers = headers.expect("names of headers are visible ASCII");
        Cors { origins: origins.into_iter().map(|origin| origin.to_ascii_lowercase()).collect(), headers }
    }

    /// The `Access-Control-Allow-Origin` for a request, if its origin is allowed.
    fn allow(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        if self.origins.iter().any(|pattern| pattern == "*") {
            return Some(ANY);
        }
        Cors::any_matches(&self.origins, origin).then(|| origin.clone())
    }

    /// Whether one of the patterns is that of `origin`.
    pub(super) fn any_matches(patterns: &[String], origin: &HeaderValue) -> bool {
        let Ok(name) = origin.to_str() else { return false };
        let name = name.to_ascii_lowercase();
        patterns.iter().any(|pattern| pattern == "*" || matches(&pattern.to_ascii_lowercase(), &name))
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
    let policy = state.policy.now();
    let allow = policy.cors.allow(request.headers());
    if request.method() == Method::OPTIONS {
        return preflight(allow, &policy.cors);
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

fn preflight(allow: Option<HeaderValue>, cors: &Cors) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(VARY, VARY_PREFLIGHT);
    if let Some(origin) = allow {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, POST);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.clone());
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
            let allowed = Cors::new(&[pattern.to_owned()], &[]).allow(&headers);
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
        assert_eq!(Cors::new(&[], &[]).allow(&HeaderMap::from_iter([(ORIGIN, ANY)])), None);
        assert_eq!(Cors::new(&["*".to_owned()], &[]).allow(&HeaderMap::new()), None);
    }

    #[test]
    fn an_operators_headers_are_added() {
        let added = Cors::new(&[], &["x-tenant".to_owned(), "content-type".to_owned()]).headers;
        let own = PROTOCOL_HEADERS.join(", ");
        assert_eq!(added.to_str().unwrap(), format!("{own}, x-tenant"));
    }
}
