//! The ingest server's part: addresses, keys, origins, proxies, limits.

use super::LISTEN;
use super::scalar::{self, Network, Secret};
use super::values::Values;
use crate::ingest::Limits;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections open at once. At 30 KB each they are 30 MB.
const CONNECTIONS: usize = 1024;

/// How long the head of a request may take: a slow phone sends 2 KB in a second.
const HEAD: Duration = Duration::from_secs(10);

/// How long a connection may be silent: longer than nginx keeps an idle connection to its upstream (60 s).
const IDLE: Duration = Duration::from_secs(75);

/// Alloy's bucket.
const RATE: f64 = 50.0;
const BURST: u32 = 100;

/// Applications with keys of their own: each is a label of the metrics.
const APPS: usize = 1000;

/// The ingest server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What stands before `/collect`; empty, or it begins with a slash.
    pub path_prefix: String,
    /// The key of all; `None` when none is needed or applications have their own.
    pub api_key: Option<Secret>,
    /// Applications with keys of their own.
    pub apps: Vec<App>,
    /// Which pages may post.
    pub cors: Cors,
    /// Whose word on the client's address is taken.
    pub proxies: Proxies,
    /// How often one may post.
    pub rates: RateLimiting,
    /// What one request and all together may cost.
    pub limits: Limits,
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a head may take.
    pub head_timeout: Duration,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
    /// Whether health and metrics answer on this port too.
    pub operations_routes: bool,
}

impl Default for Server {
    /// What holds when nothing is given.
    fn default() -> Self {
        read(&mut Values::default(), false)
    }
}

/// An application with a key of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct App {
    /// Its name in metrics.
    pub name: String,
    /// Its key.
    pub key: Secret,
    /// Origins that may use the key; none is any.
    pub allowed_origins: Vec<String>,
    /// Bytes of one of its bodies.
    pub max_payload: Option<usize>,
    /// Share of its sessions that is kept.
    pub sample_rate: f64,
    /// How often it may post.
    pub rate: Option<Bucket>,
}

/// Which pages may post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Their origins.
    pub allowed_origins: Vec<String>,
    /// Headers beside the protocol's own, in lower case.
    pub allowed_headers: Vec<String>,
}

/// Whose word on the client's address is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their addresses and networks.
    pub networks: Vec<Network>,
    /// Where they write it.
    pub header: ForwardedHeader,
}

/// The header in which proxies say for whom they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

/// How often one may post.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimiting {
    /// All together, or each application by the name in its payloads.
    pub requests: Option<(Strategy, Bucket)>,
    /// Each client address.
    pub per_client: Option<Bucket>,
}

/// Whom a bucket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// All requests.
    Global,
    /// One for each name and environment of an application.
    PerApp,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Tokens a second.
    pub rate: f64,
    /// Tokens that it holds.
    pub burst: u32,
}

pub(super) fn read(values: &mut Values, from_file: bool) -> Server {
    let listen = listen(values);
    let origins = values.list("server.cors.allowed_origins", scalar::origin);
    // A receiver that only this machine reaches may take from any page on it; others must be told.
    let default = || if listen.ip().is_loopback() { vec!["*".to_owned()] } else { Vec::new() };
    let cors = Cors {
        allowed_origins: origins.unwrap_or_else(default),
        allowed_headers: values.list("server.cors.allowed_headers", scalar::header).unwrap_or_default(),
    };
    let proxies = Proxies {
        networks: values.list("server.trusted_proxies", str::parse).unwrap_or_default(),
        header: match values.word("server.forwarded_header") {
            Some("forwarded") => ForwardedHeader::Forwarded,
            _ => ForwardedHeader::XForwardedFor,
        },
    };
    let limits = limits(values);
    let above_zero = |text: &str| match scalar::duration(text)? {
        Duration::ZERO => Err(format!("{text:?} leaves no time")),
        duration => Ok(duration),
    };
    Server {
        listen,
        path_prefix: values.get("server.path_prefix", scalar::prefix).unwrap_or_default(),
        api_key: secret(values, "server.api_key", "server.api_key_file"),
        apps: apps(values, &limits),
        cors,
        proxies,
        rates: rates(values),
        max_connections: values.get("server.max_connections", scalar::integer(1, 100_000)).unwrap_or(CONNECTIONS),
        head_timeout: values.get("server.head_timeout", above_zero).unwrap_or(HEAD),
        idle_timeout: values.get("server.idle_timeout", above_zero).unwrap_or(IDLE),
        operations_routes: values.get("server.operations_routes", scalar::switch).unwrap_or(from_file),
        limits,
    }
}

fn listen(values: &mut Values) -> SocketAddr {
    let whole = values.get("server.listen", scalar::address);
    let host = values.get("server.host", scalar::host);
    let port = values.get("server.port", scalar::integer(0, 65_535));
    let mut listen = whole.unwrap_or(LISTEN);
    let rank = values.rank("server.listen");
    if let Some(host) = host.filter(|_| values.rank("server.host") > rank) {
        listen.set_ip(host);
    }
    if let Some(port) = port.filter(|_| values.rank("server.port") > rank) {
        listen.set_port(port);
    }
    listen
}

fn limits(values: &mut Values) -> Limits {
    let defaults = Limits::default();
    let size = |text: &str| match usize::try_from(scalar::bytes(text)?) {
        Ok(bytes @ 1..=0x4000_0000) => Ok(bytes),
        _ => Err(format!("{text:?} is not between 1 byte and 1 GiB")),
    };
    let wire = values.get("server.max_allowed_payload_size", size).unwrap_or(defaults.wire);
    let bodies = values.get("server.max_bodies", size).unwrap_or(defaults.bodies.max(wire));
    if bodies < wire {
        values.wrong_at("server.max_bodies", format!("is less than the {wire} bytes that one body may have"));
    }
    Limits {
        wire,
        inflated: wire,
        requests: values.get("server.max_requests", scalar::integer(1, 100_000)).unwrap_or(defaults.requests),
        bodies,
        deadline: values.get("server.body_timeout", scalar::duration).unwrap_or(defaults.deadline),
        ..defaults
    }
}

fn rates(values: &mut Values) -> RateLimiting {
    let section = "server.rate_limiting";
    let enabled = values.get("server.rate_limiting.enabled", scalar::switch);
    let strategy = match values.word("server.rate_limiting.strategy") {
        Some("per_app") => Strategy::PerApp,
        _ => Strategy::Global,
    };
    // Alloy's default holds where its own keys are used, and nothing where there are none.
    let asked = ["enabled", "strategy", "rate", "burst_size"].iter().any(|key| values.any(&format!("{section}.{key}")));
    let own = bucket(values, section, asked.then_some(RATE));
    let per_client = bucket(values, "server.rate_limiting.per_client", None);
    if enabled == Some(false) {
        return RateLimiting::default();
    }
    RateLimiting { requests: own.map(|bucket| (strategy, bucket)), per_client }
}

fn bucket(values: &mut Values, section: &str, default: Option<f64>) -> Option<Bucket> {
    let rate = values.get(&format!("{section}.rate"), scalar::rate).or(default);
    let burst = values.get(&format!("{section}.burst_size"), scalar::integer(1, 1_000_000)).unwrap_or(BURST);
    rate.map(|rate| Bucket { rate, burst })
}

fn apps(values: &mut Values, limits: &Limits) -> Vec<App> {
    let members = values.members("server.apps");
    if members.len() > APPS {
        values.wrong_at("server.apps", format!("has more than {APPS} members"));
        return Vec::new();
    }
    let mut apps: Vec<App> = Vec::new();
    for number in members {
        let at = format!("server.apps[{number}]");
        let own = |key: &str| format!("{at}.{key}");
        let name = values.text(&own("name"));
        let key = secret(values, &own("key"), &own("key_file"));
        let (Some(name), Some(key)) = (name, key) else {
            values.wrong_at(&at, "needs a name and a key (or a key_file)".into());
            continue;
        };
        if apps.iter().any(|app| app.key == key) {
            values.wrong_at(&at, "has the key of another".into());
        }
        let payload = |text: &str| match scalar::bytes(text)? {
            bytes if bytes == 0 || bytes > limits.wire as u64 => {
                Err(format!("{text:?} is more than the server's, or nothing"))
            }
            bytes => Ok(bytes as usize),
        };
        apps.push(App {
            name,
            key,
            allowed_origins: values.list(&own("allowed_origins"), scalar::origin).unwrap_or_default(),
            max_payload: values.get(&own("max_allowed_payload_size"), payload),
            sample_rate: values.get(&own("sample_rate"), scalar::share).unwrap_or(1.0),
            rate: bucket(values, &own("rate_limiting"), None),
        });
    }
    apps
}

/// A secret given in place or by its file; the stronger of the two.
fn secret(values: &mut Values, text: &str, file: &str) -> Option<Secret> {
    let (in_place, in_file) = (values.rank(text), values.rank(file));
    if in_place > 0 && in_place == in_file {
        values.wrong_at(file, format!("stands beside {text}: give one of them"));
        return None;
    }
    if in_place > in_file {
        return values.text(text).map(Secret);
    }
    let read = |path: &str| {
        let found = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let found = found.trim_end_matches(['\r', '\n']);
        if found.is_empty() { Err(format!("{path} is empty")) } else { Ok(Secret(found.to_owned())) }
    };
    values.get(file, read)
}
