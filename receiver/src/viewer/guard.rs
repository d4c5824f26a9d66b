//! Who may talk to the viewer: a browser on this machine or on the bound address, on our own pages.
//!
//! A page anywhere can send requests to loopback, and a name can be pointed at it (DNS rebinding). So the
//! `Host` must be a loopback name or address or the bound address itself, and a request that says which
//! page it comes from must come from ours. Answers carry a policy that lets a page load nothing but us.

use super::api::ApiError;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Refuses strangers with 403 and adds the headers to every answer.
pub(super) async fn check(State(bind): State<SocketAddr>, request: Request, next: Next) -> Response {
    let mut response = match refusal(bind, request.uri(), request.headers()) {
        Some(reason) => ApiError::new(StatusCode::FORBIDDEN, reason).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

fn refusal(bind: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    // HTTP/2 has the host in the request line.
    let host = text(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    let Some(host) = host.filter(|host| known(bind, host)) else {
        return Some("the Host of this request is neither loopback nor the address the viewer listens on");
    };
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Some("this request names more than one Host");
    }
    let own = |origin: &str| origin.strip_prefix("http://").or(origin.strip_prefix("https://")) == Some(host);
    if text(header::ORIGIN).is_some_and(|origin| !own(origin)) {
        return Some("this request comes from another origin");
    }
    // Scripts and images of other pages send no Origin, but browsers say where they come from. `/` may be linked to.
    let site = text(HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    let foreign = !matches!(site, "same-origin" | "none");
    (foreign && uri.path().starts_with("/api")).then_some("this request comes from a page of another site")
}

/// Whether `host`, with or without a port, is loopback or the bound address.
fn known(bind: SocketAddr, host: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(_, rest)| port(rest)).map(|(name, _)| name),
        None => {
            let (name, rest) = host.split_at(host.find(':').unwrap_or(host.len()));
            port(rest).then_some(name)
        }
    };
    let Some(name) = name else { return false };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == bind.ip(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_the_bound_address_are_known() {
        let check = |bind: &str, host, expected| {
            let bind = bind.parse().expect("an address");
            assert_eq!(known(bind, host), expected, "{host} at {bind}");
        };
        let loopback = "127.0.0.1:12348";
        for host in
            ["127.0.0.1:12348", "127.0.0.1", "localhost:12348", "LOCALHOST", "[::1]:12348", "[::1]", "127.9.9.9"]
        {
            check(loopback, host, true);
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.5:12348",
            "127.0.0.1:x",
            "127.0.0.1:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "user@127.0.0.1",
            "localhost.",
        ] {
            check(loopback, host, false);
        }
        check("192.168.1.5:12348", "192.168.1.5:12348", true);
        check("192.168.1.5:12348", "192.168.1.6:12348", false);
        check("0.0.0.0:12348", "192.168.1.5:12348", false);
    }
}
