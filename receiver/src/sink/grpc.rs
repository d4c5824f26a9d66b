//! OTLP over gRPC: one unary `Export` call for each request, as HTTP/2 (gRPC's PROTOCOL-HTTP2, OTLP 1.x).
//!
//! A call is a POST of one message behind five bytes (compressed or not, length); what became of it
//! is said in the trailers. Two unary calls need no more than this over the client that is here
//! anyway: a gRPC library would bring channels, balancers and a second set of generated types.

use super::otlp::{self, Signal};
use super::{ANSWER_BYTES, Answer, Protocol, Roots, Sink, SinkError, builder, chain, first_line, headers};
// The trait of hyper's bodies, under the name by which a crate of ours has it.
use axum::body::HttpBody;
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Url};
use std::pin::Pin;
use std::time::Duration;

/// The port of OTLP over gRPC, for an address without one.
const PORT: u16 = 4317;

/// How long a connection may keep silent under a request before it is tested, and how long it then has.
/// Servers allow one such ping with each request; a connection that died is else used until TCP gives up.
const PING: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

/// The client of all gRPC sinks: speaks HTTP/2 from the first byte, with TLS or without.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

/// Makes the client.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client() -> Result<Client, SinkError> {
    client_trusting(Roots::default())
}

/// The same, with other authorities.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client_trusting(roots: Roots) -> Result<Client, SinkError> {
    let builder = builder(roots, &["h2"])?
        .http2_prior_knowledge()
        .http2_keep_alive_interval(PING.0)
        .http2_keep_alive_timeout(PING.1)
        .http2_adaptive_window(true);
    builder.build().map(Client).map_err(|error| SinkError::Client(chain(&error)))
}

/// Reads an endpoint: `tempo:4317`, with `insecure` in plain text, else over TLS; or a URL, whose scheme
/// says which it is (OTLP exporter specification, "Endpoint URLs for OTLP/gRPC").
///
/// # Errors
/// When it is not such an address, or has a path: a call's path is its method.
pub fn endpoint(text: &str, insecure: bool) -> Result<Url, SinkError> {
    let text = text.trim();
    let error = |reason: &str| SinkError::Endpoint { endpoint: text.to_owned(), reason: reason.to_owned() };
    let whole = text.contains("://");
    let scheme = if insecure { "http" } else { "https" };
    let url = if whole { text.to_owned() } else { format!("{scheme}://{text}") };
    let mut url = Url::parse(&url).map_err(|e| error(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(error("neither http nor https"));
    }
    if url.path() != "/" || url.query().is_some() {
        return Err(error("a gRPC endpoint has no path"));
    }
    if !whole && !text.ends_with(":443") && !text.ends_with(":80") && url.port().is_none() {
        // An address with a host has room for a port.
        let _ = url.set_port(Some(PORT));
    }
    Ok(url)
}

/// A sink at an [`endpoint`].
pub fn sink(client: &Client, mut endpoint: Url, signal: Signal) -> Sink {
    endpoint.set_path(match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    });
    let headers = headers(&[("content-type", "application/grpc"), ("te", "trailers"), ("grpc-encoding", "gzip")]);
    Sink::new(&client.0, endpoint, headers, Protocol::Grpc(signal))
}

/// A message behind the five bytes that say whether it is compressed, and its length.
pub(super) fn frame(compressed: u8, message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    out.put_u8(compressed);
    // A request is a few MiB at most.
    out.put_u32(message.len() as u32);
    out.put(message);
    out.freeze()
}

/// Makes the call; the server is told, too, how long we wait.
pub(super) async fn send(request: RequestBuilder, timeout: Duration, signal: Signal) -> Answer {
    // At most eight digits (gRPC, "Timeout").
    let request = request.header("grpc-timeout", format!("{}m", timeout.as_millis().min(99_999_999)));
    let later = |error: reqwest::Error| Answer::Later { after: None, reason: chain(&error.without_url()) };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return later(error),
    };
    let http_status = response.status().as_u16();
    // A call that failed at once has its status in the headers.
    let mut trailers = response.headers().clone();
    let mut body = reqwest::Body::from(response);
    let mut message = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.map(|frame| frame.into_data().map_err(|frame| frame.into_trailers())) {
            Ok(Ok(data)) if message.len() < ANSWER_BYTES => message.extend_from_slice(&data),
            Ok(Err(Ok(more))) => trailers.extend(more),
            Ok(_) => {}
            Err(error) => return later(error),
        }
    }
    match Status::of(&trailers) {
        Some(status) => answer(signal, &status, &message),
        None if http_status == 200 => {
            Answer::Later { after: None, reason: "the call ended without a grpc status".to_owned() }
        }
        None => answer(signal, &Status::of_http(http_status), &message),
    }
}

/// What became of a call.
#[derive(Debug, PartialEq)]
struct Status {
    code: u32,
    message: String,
    /// When to try again, if the server gave a `RetryInfo`.
    after: Option<Duration>,
}

impl Status {
    fn of(trailers: &HeaderMap) -> Option<Status> {
        let text = |name| trailers.get(name).and_then(|value| value.to_str().ok());
        let code = text("grpc-status")?.parse().unwrap_or(UNKNOWN);
        let message = percent_decoded(text("grpc-message").unwrap_or_default());
        let details = text("grpc-status-details-bin").and_then(base64);
        Some(Status { code, message, after: details.and_then(|details| retry_delay(&details)) })
    }

    /// What a proxy means that knows no gRPC (gRPC's "HTTP to gRPC Status Code Mapping").
    fn of_http(status: u16) -> Status {
        let code = match status {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        Status { code, message: format!("http status {status}"), after: None }
    }
}

const OK: u32 = 0;
const CANCELLED: u32 = 1;
const UNKNOWN: u32 = 2;
const INVALID_ARGUMENT: u32 = 3;
const DEADLINE_EXCEEDED: u32 = 4;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const ABORTED: u32 = 10;
const OUT_OF_RANGE: u32 = 11;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const DATA_LOSS: u32 = 15;
const UNAUTHENTICATED: u32 = 16;

/// What a status means (OTLP specification, "Failures" of OTLP/gRPC). An exhausted resource may come
/// back only if the server says when; else the message was too large, or its quota is gone, and a part
/// may do. Unknown, internal and invalid may be the fault of one item. Beyond the specification a wrong
/// token and a service that is not there are tried again, as over HTTP: an operator puts them right.
fn answer(signal: Signal, status: &Status, message: &[u8]) -> Answer {
    let reason = first_line(&format!("grpc status {}", status.code), status.message.as_bytes());
    let after = status.after;
    match status.code {
        OK => message.get(5..).and_then(|body| otlp::partly(signal, body)).unwrap_or(Answer::Taken),
        CANCELLED | DEADLINE_EXCEEDED | ABORTED | OUT_OF_RANGE | UNAVAILABLE | DATA_LOSS => {
            Answer::Later { after, reason }
        }
        PERMISSION_DENIED | UNAUTHENTICATED | UNIMPLEMENTED => Answer::Later { after, reason },
        RESOURCE_EXHAUSTED if after.is_some() => Answer::Later { after, reason },
        UNKNOWN | INVALID_ARGUMENT | RESOURCE_EXHAUSTED | INTERNAL => Answer::Never { reason },
        _ => Answer::Closed { reason },
    }
}

/// `google.rpc.Status`, of which only the details are needed here.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_delay(details: &[u8]) -> Option<Duration> {
    let details = RpcStatus::decode(details).ok()?.details;
    let info = details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay.unwrap_or_default();
    let (seconds, nanos) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())))
}

/// A `grpc-message`, in which all but printable ASCII is written `%XX`.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Standard base64, padded or not: how gRPC writes binary headers.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};

    #[test]
    fn endpoints_are_addresses_or_urls() {
        let check = |text, insecure, expected: &str| {
            assert_eq!(endpoint(text, insecure).expect(text).as_str(), expected, "{text}");
        };
        check("tempo:4317", true, "http://tempo:4317/");
        check("tempo:4317", false, "https://tempo:4317/");
        check("tempo", true, "http://tempo:4317/");
        check("tempo:443", false, "https://tempo/");
        check("[::1]:4317", true, "http://[::1]:4317/");
        check(" http://host:4317 ", false, "http://host:4317/");
        check("https://otlp.example", true, "https://otlp.example/");
        let refused = |text, word: &str| {
            let error = endpoint(text, true).expect_err(text).to_string();
            assert!(error.contains(word) && error.contains(text), "{error}");
        };
        refused("http://host:4318/v1/traces", "has no path");
        refused("unix:///run/otlp.sock", "neither http nor https");
        refused("two words:1", "");
        refused("", "");
    }

    fn status(code: u32, after: Option<Duration>) -> Status {
        Status { code, message: "why".to_owned(), after }
    }

    #[test]
    fn statuses_mean_what_otlp_says() {
        let soon = Some(Duration::from_secs(3));
        for code in 1..=17 {
            let kind = |after| match answer(Signal::Traces, &status(code, after), b"") {
                Answer::Later { after, reason } => {
                    assert_eq!(reason, format!("grpc status {code}: why"));
                    if after.is_some() { "later, as told" } else { "later" }
                }
                Answer::Never { .. } => "never",
                Answer::Closed { .. } => "closed",
                answer => panic!("{answer:?}"),
            };
            let expected = match code {
                1 | 4 | 7 | 10 | 11 | 12 | 14 | 15 | 16 => ("later", "later, as told"),
                8 => ("never", "later, as told"),
                2 | 3 | 13 => ("never", "never"),
                _ => ("closed", "closed"),
            };
            assert_eq!((kind(None), kind(soon)), expected, "{code}");
        }
    }

    #[test]
    fn a_success_may_be_partial() {
        let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let framed = [&[0, 0, 0, 0, body.len() as u8], &*body].concat();
        let partly = Answer::Partly { rejected: 2, reason: "status 200: too old".to_owned() };
        assert_eq!(answer(Signal::Traces, &status(OK, None), &framed), partly);
        assert_eq!(answer(Signal::Traces, &status(OK, None), &[0; 5]), Answer::Taken);
        assert_eq!(answer(Signal::Logs, &status(OK, None), b""), Answer::Taken);
    }

    #[test]
    fn a_status_is_read_from_its_trailers() {
        let delay = Delay { seconds: 2, nanos: 500_000_000 };
        let info = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
        let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value: info };
        let details = RpcStatus { details: vec![any] }.encode_to_vec();
        assert_eq!(retry_delay(&details), Some(Duration::from_millis(2500)));
        assert_eq!(retry_delay(b"nonsense"), None);

        // What grpc-go sends for `status.New(8, "à 100%").WithDetails(&errdetails.RetryInfo{RetryDelay: 3s})`.
        let mut trailers = HeaderMap::new();
        assert_eq!(Status::of(&trailers), None);
        trailers.insert("grpc-status", "8".parse().expect("a value"));
        trailers.insert("grpc-message", "%C3%A0 100%25 %zz".parse().expect("a value"));
        let bin = "CAgSB8OgIDEwMCUaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAw";
        trailers.insert("grpc-status-details-bin", bin.parse().expect("a value"));
        let read = Status::of(&trailers).expect("a status");
        assert_eq!((read.code, &*read.message), (8, "à 100% %zz"));
        assert_eq!(read.after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn messages_are_framed() {
        assert_eq!(&*frame(1, b"hello"), b"\x01\0\0\0\x05hello");
        let sink = sink(&client().expect("a client"), endpoint("h:1", true).expect("an endpoint"), Signal::Logs);
        assert_eq!((sink.compress(b"hello")[0], sink.headers["grpc-encoding"].to_str().ok()), (1, Some("gzip")));
        let plain = sink.uncompressed();
        assert_eq!(&*plain.compress(b"hello"), b"\0\0\0\0\x05hello");
        assert!(!plain.headers.contains_key("grpc-encoding"));
    }
}
