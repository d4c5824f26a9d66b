//! What the log says of a request: its method and route, and the ids that it came with.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use tracing::Span;
use tracing::field::Empty;

/// Bytes of an id from a header that are logged; a uuid has 36.
const ID_BYTES: usize = 64;

/// A span of level debug: a request at a time is more than an operator wants to read.
pub fn request(request: &Request) -> Span {
    // The route, not the path: there may be a key in it.
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let span = tracing::debug_span!(
        "request", method = %request.method(), route,
        trace_id = Empty, span_id = Empty, request_id = Empty, session_id = Empty,
    );
    if !span.is_disabled() {
        let headers = request.headers();
        if let Some((trace, parent)) = headers.get("traceparent").and_then(|value| traceparent(value.to_str().ok()?)) {
            span.record("trace_id", trace).record("span_id", parent);
        }
        for (field, header) in [("request_id", "x-request-id"), ("session_id", "x-faro-session-id")] {
            if let Some(id) = id(headers, header) {
                span.record(field, id);
            }
        }
    }
    span
}

/// An id of a header, if it looks like one.
fn id<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!text.is_empty() && text.len() <= ID_BYTES && text.bytes().all(plain)).then_some(text)
}

/// Trace and parent of a `traceparent` (W3C Trace Context, version 00 and what later ones keep of it).
fn traceparent(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, parent, _flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        let digits = text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        digits && text.bytes().any(|byte| byte != b'0')
    };
    let known = version.len() == 2 && version != "ff";
    (known && hex(trace, 32) && hex(parent, 16)).then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_two_ids() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let check = |text: &str, found: bool| assert_eq!(traceparent(text), found.then_some((trace, parent)), "{text}");
        check(&format!("00-{trace}-{parent}-01"), true);
        check(&format!("01-{trace}-{parent}-01-more"), true);
        check(&format!("ff-{trace}-{parent}-01"), false);
        check(&format!("00-{trace}-{parent}"), false);
        check(&format!("00-{}-{parent}-01", "0".repeat(32)), false);
        check(&format!("00-{}-{parent}-01", trace.to_uppercase()), false);
        check("", false);
    }

    #[test]
    fn ids_are_short_and_plain() {
        let check = |value: &str, found: bool| {
            let headers = HeaderMap::from_iter([("x-request-id".parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(id(&headers, "x-request-id"), found.then_some(value));
        };
        check("0f0d-1", true);
        check("", false);
        check("a b", false);
        check("\"}{", false);
        check(&"x".repeat(65), false);
    }
}
