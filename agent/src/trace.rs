//! Spans of requests: the open ones by handle, and the span and the Faro event that an ended one becomes.

use crate::json::{self, decimal};
use crate::policy;
use crate::sampling::Chance;
use crate::signal::Writer;

/// What makes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `fetch`.
    Fetch,
    /// `XMLHttpRequest`.
    Xhr,
}

/// The ids of a span that others hang under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
}

impl Parent {
    /// Ids as a driver sets them; `None` when they are not ids.
    pub fn new(trace_id: &str, span_id: &str) -> Option<Parent> {
        let valid = [(trace_id, 32), (span_id, 16)].iter().all(|(id, digits)| {
            id.len() == *digits
                && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                && id.bytes().any(|b| b != b'0')
        });
        valid.then(|| Parent { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

/// A request under way.
pub struct Request {
    handle: u32,
    client: Client,
    trace_id: String,
    span_id: String,
    parent: String,
    method: String,
    url: String,
    start: f64,
    fine: f64,
}

impl Request {
    /// The W3C header, always sampled: what is not sampled is not observed.
    pub fn traceparent(&self, out: &mut Vec<u8>) {
        ["00-", &self.trace_id, "-", &self.span_id, "-01"].iter().for_each(|part| json::put(out, part.as_bytes()));
    }
}

/// The open requests, never more than [`policy::REQUESTS_OPEN`].
#[derive(Default)]
pub struct Requests {
    open: Vec<Request>,
    last: u32,
}

impl Requests {
    /// Opens a span at `times`: milliseconds since the epoch, and the same on the fine clock. 0 when too many are open.
    pub fn start(
        &mut self,
        client: Client,
        method: &str,
        url: &str,
        parent: Option<Parent>,
        times: (f64, f64),
        chance: &mut Chance,
    ) -> u32 {
        if self.open.len() >= policy::REQUESTS_OPEN {
            return 0;
        }
        self.last = self.last.checked_add(1).unwrap_or(1);
        let (trace_id, parent) = match parent {
            Some(parent) => (parent.trace_id, parent.span_id),
            None => (chance.hex_id(32), String::new()),
        };
        self.open.push(Request {
            handle: self.last,
            client,
            trace_id,
            span_id: chance.hex_id(16),
            parent,
            method: method.to_ascii_uppercase(),
            url: without_credentials(url),
            start: times.0,
            fine: times.1,
        });
        self.last
    }

    /// The open request of a handle.
    pub fn get(&self, handle: u32) -> Option<&Request> {
        self.open.iter().find(|request| request.handle == handle)
    }

    /// Takes out the request of a handle.
    pub fn end(&mut self, handle: u32) -> Option<Request> {
        let at = self.open.iter().position(|request| request.handle == handle)?;
        Some(self.open.swap_remove(at))
    }
}

/// How a request ended.
pub struct End<'a> {
    /// Milliseconds on the fine clock.
    pub fine: f64,
    /// The HTTP status, 0 when there was no answer.
    pub status: u16,
    /// The name of the failure, such as `TypeError`; empty when there was an answer.
    pub error: &'a str,
    /// The session's id, empty without sessions.
    pub session: &'a str,
}

impl Request {
    /// The client span of the ended request, as `wire::trace` has it (HTTP semantic conventions 1.3x), and the
    /// event beside it that Faro's dashboards read, as the border writes events.
    pub fn end(&self, end: &End, span: &mut Vec<u8>, event: &mut Writer) {
        let (host, port) = authority(&self.url);
        let status = decimal(u64::from(end.status));
        let failed = end.status == 0 || end.status >= 400;
        let error = match (failed, end.status) {
            (false, _) => "",
            (true, 0) => end.error,
            (true, _) => &status,
        };
        let (from, took) = (nanos(self.start), nanos((end.fine - self.fine).max(0.0)));
        let took_text = decimal(took);
        // The last two are not for the span: Faro's events have a duration, and 0 for a status where there was none.
        let facts = [
            ("http.request.method", self.method.as_str(), false),
            ("url.full", &self.url, false),
            ("server.address", host, false),
            ("server.port", port, true),
            ("session.id", end.session, false),
            ("error.type", error, false),
            ("http.response.status_code", &status, true),
            ("duration_ns", &took_text, true),
        ];
        json::put(span, b"{");
        json::text(span, "traceId", &self.trace_id);
        json::text(span, "spanId", &self.span_id);
        json::optional(span, "parentSpanId", &self.parent);
        json::text(span, "name", &self.method);
        json::raw(span, "kind", b"3");
        json::text(span, "startTimeUnixNano", &decimal(from));
        json::text(span, "endTimeUnixNano", &decimal(from + took));
        json::put(span, b",\"attributes\":[");
        let kept = if end.status == 0 { 6 } else { 7 };
        for (name, value, whole) in facts.iter().take(kept) {
            if !value.is_empty() {
                json::attribute(span, name, value, *whole);
            }
        }
        // The flags: sampled, and the bit that says that it is known whether the parent is remote (OTLP 1.1).
        let end = if failed {
            &br#"],"status":{"code":2},"flags":257}"#[..]
        } else {
            br#"],"status":{"code":0},"flags":257}"#
        };
        json::put(span, end);
        event.text(&self.trace_id);
        event.text(&self.span_id);
        event.text(match self.client {
            Client::Fetch => "faro.tracing.fetch",
            Client::Xhr => "faro.tracing.xml-http-request",
        });
        event.text("browser");
        let mut pairs = event.begin();
        facts.iter().for_each(|(name, value, _)| event.pair(&mut pairs, name, value));
        event.end(&pairs);
    }
}

/// Nanoseconds of milliseconds, exact to the microsecond that browsers give at best.
fn nanos(millis: f64) -> u64 {
    (millis * 1_000.0) as u64 * 1_000
}

/// An absolute URL up to its authority, the host and port in that, and what follows, user and password left out.
fn parts(url: &str) -> (&[u8], &[u8], &[u8]) {
    let bytes = url.as_bytes();
    let start = json::position(bytes, b"://").map_or(0, |at| at + 3);
    let (scheme, rest) = bytes.split_at_checked(start).unwrap_or_default();
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
    let host = authority.iter().rposition(|b| *b == b'@').map_or(0, |at| at + 1);
    (scheme, authority.get(host..).unwrap_or_default(), path)
}

/// The URL without `user:password@`, which must not leave the page.
fn without_credentials(url: &str) -> String {
    let (scheme, host, path) = parts(url);
    let mut clean = scheme.to_vec();
    json::put(&mut clean, host);
    json::put(&mut clean, path);
    json::into_text(clean)
}

/// Host and port of an absolute URL; the scheme's port where it names none, nothing for a scheme without ports.
fn authority(url: &str) -> (&str, &str) {
    let (scheme, mut host, _) = parts(url);
    let mut port: &[u8] = match scheme {
        b"https://" => b"443",
        b"http://" => b"80",
        _ => b"",
    };
    // The colons of an IPv6 address stand before its closing bracket.
    let digits = host.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (rest, named) = host.split_at_checked(host.len() - digits).unwrap_or_default();
    if let [address @ .., b':'] = rest {
        (host, port) = (address, named);
    }
    (json::as_text(host), json::as_text(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Around, Kind, OWN_TRACED, Reader, transcribe};
    use wire::Event;
    use wire::trace::{Span, Value};

    fn open(requests: &mut Requests, chance: &mut Chance, url: &str, parent: Option<Parent>) -> u32 {
        requests.start(Client::Fetch, "get", url, parent, (1_795_223_623_585.0, 100.0), chance)
    }

    /// Ends a request and reads what was written with wire's own types.
    fn ended(request: &Request, end: &End, check: impl Fn(&Span, &Event)) {
        let (mut json, mut item, mut event) = (Vec::new(), Writer::default(), Vec::new());
        request.end(end, &mut json, &mut item);
        let span: Span = wire::decode::value(&json).expect("a span");
        let known = serde_json::to_value(&span).expect("JSON");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).expect("JSON"), known);
        let mut reader = Reader::new(&item.0);
        let trace = (reader.text(), reader.text());
        let around = Around { flags: OWN_TRACED, timestamp: "t", trace, domain: "", page: "" };
        assert!(transcribe(Kind::Event, reader, &around, &mut event));
        check(&span, &wire::decode::value(&event).expect("an event"));
    }

    fn attribute(span: &Span, key: &str) -> Option<String> {
        let found = span.attributes.iter().find(|attribute| &*attribute.key == key)?;
        Some(match &found.value {
            Value::String(text) => text.to_string(),
            Value::Int(int) => format!("int {int}"),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn an_answered_request_is_a_client_span_and_an_event() {
        let (mut requests, mut chance) = (Requests::default(), Chance::new([1, 2]));
        let handle = open(&mut requests, &mut chance, "https://u:p@api.test:8443/x?q=a@b", None);
        let mut header = Vec::new();
        requests.get(handle).expect("open").traceparent(&mut header);
        let header = json::as_text(&header).to_owned();
        let request = requests.end(handle).expect("open");
        assert!(requests.get(handle).is_none());
        ended(&request, &End { fine: 127.25, status: 404, error: "", session: "s1" }, |span, event| {
            assert_eq!(header, format!("00-{}-{}-01", &*span.trace_id, &*span.span_id));
            assert_eq!((&*span.name, span.kind, span.status.as_ref().map(|s| s.code)), ("GET", 3, Some(2)));
            assert_eq!(span.start_time_unix_nano.0, 1_795_223_623_585_000_000);
            assert_eq!(span.end_time_unix_nano.0, 1_795_223_623_612_250_000);
            assert_eq!(attribute(span, "url.full").as_deref(), Some("https://api.test:8443/x?q=a@b"));
            assert_eq!(attribute(span, "server.port").as_deref(), Some("int 8443"));
            assert_eq!(attribute(span, "error.type").as_deref(), Some("404"));
            assert_eq!(attribute(span, "duration_ns"), None);
            assert_eq!(&*event.name, "faro.tracing.fetch");
            assert_eq!(event.attributes.get("duration_ns"), Some("27250000"));
            assert_eq!(event.attributes.get("http.response.status_code"), Some("404"));
            assert_eq!(event.attributes.get("session.id"), Some("s1"));
            assert_eq!(event.trace.as_ref().map(|trace| &*trace.span_id), Some(&*span.span_id));
        });
    }

    #[test]
    fn a_failed_request_names_its_error_and_no_status() {
        let (mut requests, mut chance) = (Requests::default(), Chance::new([1, 2]));
        let parent = Parent::new("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let handle = open(&mut requests, &mut chance, "http://[::1]/", parent);
        let request = requests.end(handle).expect("open");
        ended(&request, &End { fine: 0.0, status: 0, error: "AbortError", session: "" }, |span, event| {
            assert_eq!(span.parent_span_id.as_deref(), Some("b7ad6b7169203331"));
            assert_eq!(&*span.trace_id, "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(span.end_time_unix_nano, span.start_time_unix_nano);
            assert_eq!(attribute(span, "http.response.status_code"), None);
            assert_eq!(attribute(span, "session.id"), None);
            assert_eq!(event.attributes.get("error.type"), Some("AbortError"));
            assert_eq!(event.attributes.get("server.address"), Some("[::1]"));
            assert_eq!(event.attributes.get("server.port"), Some("80"));
        });
    }

    #[test]
    fn the_authority_of_a_url_is_its_host_and_port() {
        let check = |url, host, port| assert_eq!(authority(url), (host, port), "{url}");
        check("https://api.test/x:1/y@z", "api.test", "443");
        check("http://u:p@api.test:8080?q", "api.test", "8080");
        check("http://[::1]/", "[::1]", "80");
        check("http://[::1]:81", "[::1]", "81");
        check("http://1.2.3.4#a", "1.2.3.4", "80");
        check("data:text/plain,a", "data:text", "");
        check("", "", "");
    }

    #[test]
    fn ids_that_are_none_are_no_parent() {
        for (trace, span) in
            [("", ""), ("0af7651916cd43dd8448eb211c80319c", "0000000000000000"), ("Z", "b7ad6b7169203331")]
        {
            assert_eq!(Parent::new(trace, span), None);
        }
    }

    #[test]
    fn no_more_than_the_limit_is_observed() {
        let (mut requests, mut chance) = (Requests::default(), Chance::new([1, 2]));
        let handles: Vec<u32> =
            (0..=policy::REQUESTS_OPEN).map(|_| open(&mut requests, &mut chance, "http://a/", None)).collect();
        assert_eq!(handles.iter().filter(|handle| **handle == 0).count(), 1);
        assert!(requests.end(0).is_none());
        assert!(requests.end(*handles.first().expect("one")).is_some());
        assert!(open(&mut requests, &mut chance, "http://a/", None) > 0);
    }
}
