//! Sinks: one request to a store, over HTTP or gRPC, and what its answer means.

pub mod dead_letters;
pub mod grpc;
pub mod loki;
pub mod names;
pub mod otlp;
pub mod prometheus;
pub mod retry;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a connection may take to open. Stores are near; one that is not there should be noticed soon.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take in all: Loki's own limit is 30 s, OTLP's default 10 s.
const REQUEST: Duration = Duration::from_secs(30);

/// How long an unused connection is kept, under the 60 s after which usual proxies close it.
const IDLE: Duration = Duration::from_secs(50);

/// Bytes of an answer that are read: a reason, or a partial success.
const ANSWER_BYTES: usize = 16 * 1024;

/// Bytes of a store's reason that are kept and logged.
const REASON_BYTES: usize = 300;

/// Why a sink could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The tenant cannot be a header.
    #[error("loki tenant {0:?} is not a header value")]
    Tenant(String),
    /// Not an address of a store.
    #[error("endpoint {endpoint:?}: {reason}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a header.
    #[error("header {0:?} is not a header, or its value is not a header value")]
    Header(String),
    /// Not certificates.
    #[error("certificates of authorities: {0}")]
    Roots(String),
    /// The client could not be built.
    #[error("http client: {0}")]
    Client(String),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Taken,
    /// It was taken but for `rejected` items; sending it again would repeat the others.
    Partly {
        /// Items that were not.
        rejected: u64,
        /// Why, in the store's words.
        reason: String,
    },
    /// It may be taken later.
    Later {
        /// When, if the store said.
        after: Option<Duration>,
        /// What happened.
        reason: String,
    },
    /// It will never be taken as it is. A part of it may be.
    Never {
        /// Why, in the store's words.
        reason: String,
    },
    /// Nothing will be taken, whatever is in it.
    Closed {
        /// Why, in the store's words.
        reason: String,
    },
}

/// A store that takes requests.
#[derive(Clone, Debug)]
pub struct Sink {
    client: Client,
    url: Url,
    headers: HeaderMap,
    protocol: Protocol,
    timeout: Duration,
    gzip: bool,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    LokiPush,
    /// OTLP over HTTP.
    Otlp(otlp::Signal),
    /// OTLP over gRPC.
    Grpc(otlp::Signal),
    RemoteWrite,
}

impl Sink {
    fn new(client: &Client, url: Url, headers: HeaderMap, protocol: Protocol) -> Sink {
        Sink { client: client.clone(), url, headers, protocol, timeout: REQUEST, gzip: true }
    }

    /// Sends these headers too, a token or a tenant for example; one of ours by that name is replaced.
    ///
    /// # Errors
    /// When a name or a value cannot be in a header. The error names the header, not its value.
    pub fn with_headers<'h>(mut self, more: impl IntoIterator<Item = (&'h str, &'h str)>) -> Result<Sink, SinkError> {
        for (name, value) in more {
            let error = || SinkError::Header(name.to_owned());
            let mut value = HeaderValue::from_str(value).map_err(|_| error())?;
            value.set_sensitive(true);
            self.headers.insert(HeaderName::try_from(name).map_err(|_| error())?, value);
        }
        Ok(self)
    }

    /// Gives up on an answer after `timeout` instead of 30 s, and tries again.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Sink {
        Sink { timeout, ..self }
    }

    /// Sends OTLP as it is, without gzip. Loki and Prometheus take nothing but snappy: there it changes nothing.
    #[must_use]
    pub fn uncompressed(mut self) -> Sink {
        let header = match self.protocol {
            Protocol::Otlp(_) => "content-encoding",
            Protocol::Grpc(_) => "grpc-encoding",
            Protocol::LokiPush | Protocol::RemoteWrite => return self,
        };
        self.headers.remove(header);
        Sink { gzip: false, ..self }
    }

    /// Compresses a converted body, once for all tries.
    pub fn compress(&self, body: &[u8]) -> Bytes {
        let gzip = |body| if self.gzip { otlp::compress(body) } else { Bytes::copy_from_slice(body) };
        match self.protocol {
            Protocol::LokiPush | Protocol::RemoteWrite => snappy(body),
            Protocol::Otlp(_) => gzip(body),
            Protocol::Grpc(_) => grpc::frame(u8::from(self.gzip), &gzip(body)),
        }
    }

    /// Sends a compressed body once. Takes as long as the timeout at most.
    pub async fn send(&self, body: Bytes) -> Answer {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).timeout(self.timeout).body(body);
        if let Protocol::Grpc(signal) = self.protocol {
            return grpc::send(request, self.timeout, signal).await;
        }
        let response = match request.send().await {
            Ok(response) => response,
            // Addresses may hold a password, and name the one place that the operator knows already.
            Err(error) => return Answer::Later { after: None, reason: chain(&error.without_url()) },
        };
        let status = response.status().as_u16();
        let after = response.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|value| retry::after(value, SystemTime::now()));
        let body = read(response).await;
        match self.protocol {
            Protocol::LokiPush => loki::answer(status, after, &body),
            Protocol::Otlp(signal) | Protocol::Grpc(signal) => otlp::answer(signal, status, after, &body),
            Protocol::RemoteWrite => prometheus::answer(status, after, &body),
        }
    }
}

/// The authorities that sinks believe. By default those that are compiled in, so that an image without any works.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Default for Roots {
    fn default() -> Self {
        Roots(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
}

impl Roots {
    /// Believes the certificates in a PEM file too: an operator's own authority.
    ///
    /// # Errors
    /// When there is none in it, or one that cannot be read.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Roots, SinkError> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| SinkError::Roots(error.to_string()))?;
            self.0.add(certificate).map_err(|error| SinkError::Roots(error.to_string()))?;
            count += 1;
        }
        if count == 0 { Err(SinkError::Roots("no certificate in the file".to_owned())) } else { Ok(self) }
    }
}

/// The client that all sinks over HTTP share.
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
    builder(roots, &[])?.build().map_err(|error| SinkError::Client(chain(&error)))
}

/// What all clients have in common: proxies from the environment are not used, and redirects not followed.
fn builder(roots: Roots, protocols: &[&str]) -> Result<ClientBuilder, SinkError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SinkError::Client(error.to_string()))?
        .with_root_certificates(roots.0)
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("farol/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE);
    Ok(builder)
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}

/// The start of an answer; what cannot be read of it is not needed.
async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES - body.len())]);
        if body.len() == ANSWER_BYTES {
            break;
        }
    }
    body
}

/// The first line of a store's reason behind its status.
fn reason(status: u16, body: &[u8]) -> String {
    first_line(&format!("status {status}"), body)
}

fn first_line(status: &str, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let line: String = line[..line.floor_char_boundary(REASON_BYTES)].replace(char::is_control, " ");
    if line.is_empty() { status.to_owned() } else { format!("{status}: {line}") }
}

/// The snappy block format, which Loki and Prometheus want around protobuf.
fn snappy(body: &[u8]) -> Bytes {
    // Fails only for inputs of 4 GiB, and a request is a few MiB at most; a store would refuse an empty one.
    snap::raw::Encoder::new().compress_vec(body).unwrap_or_default().into()
}

/// An error with its causes; the outermost alone says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_first_line_and_short() {
        assert_eq!(reason(400, b"\nentry too old\nand more"), "status 400: entry too old");
        assert_eq!(reason(502, b""), "status 502");
        assert!(reason(500, &[b'x'; 5000]).len() < 330);
    }

    #[test]
    fn the_clients_can_be_built() {
        client().expect("the roots and the provider are compiled in");
        grpc::client().expect("the roots and the provider are compiled in");
    }

    #[test]
    fn an_operators_authority_is_read_or_refused() {
        let pem = include_bytes!("../../../tests/fixtures/tls/cert.pem");
        client_trusting(Roots::default().with_pem(pem).expect("a certificate")).expect("a client");
        for bad in [&b""[..], b"no certificate", &pem[..200]] {
            Roots::default().with_pem(bad).expect_err("not a certificate");
        }
    }

    #[test]
    fn headers_are_added_and_secrets_are_not_shown() {
        let url = Url::parse("http://localhost/").expect("an address");
        let sink = || otlp::sink(&client().expect("a client"), url.clone(), otlp::Signal::Logs);
        let sink_with = |name, value| sink().with_headers([(name, value)]);
        let with = sink_with("Authorization", "Bearer secret").expect("a header");
        assert_eq!(with.headers["authorization"], "Bearer secret");
        assert!(!format!("{with:?}").contains("secret"));
        assert_eq!(
            sink_with("content-type", "application/x").expect("a header").headers["content-type"],
            "application/x"
        );
        assert!(sink_with("two words", "x").expect_err("a space").to_string().contains("two words"));
        assert!(!sink_with("x-key", "line\nsecret").expect_err("a new line").to_string().contains("secret"));
    }
}
