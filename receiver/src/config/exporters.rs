//! Where each signal goes: what the file says of it, and what one flag or variable says for all.

use super::scalar::{self, Secret};
use super::values::Values;
use crate::convert::template::Template;
use reqwest::Url;
use std::time::Duration;

/// What a page sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Log lines.
    Logs,
    /// Spans.
    Traces,
    /// Measurements, web vitals among them.
    Measurements,
    /// Errors.
    Exceptions,
    /// Events.
    Events,
}

impl Signal {
    /// All of them, in the order of the file.
    pub const ALL: [Signal; 5] =
        [Signal::Logs, Signal::Traces, Signal::Measurements, Signal::Exceptions, Signal::Events];

    /// Its key in the file.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Traces => "traces",
            Signal::Measurements => "measurements",
            Signal::Exceptions => "exceptions",
            Signal::Events => "events",
        }
    }
}

/// Where each signal goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exporters {
    /// Log lines.
    pub logs: Outputs,
    /// Spans.
    pub traces: Outputs,
    /// Measurements.
    pub measurements: Outputs,
    /// Errors.
    pub exceptions: Outputs,
    /// Events.
    pub events: Outputs,
}

/// The exporters of one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Lines for Loki.
    pub loki: Option<Loki>,
    /// OTLP.
    pub otlp: Option<Otlp>,
    /// Samples for Prometheus.
    pub prometheus: Option<RemoteWrite>,
}

/// A Loki to push to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loki {
    /// The push address.
    pub push: Url,
    /// `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// How lines are written.
    pub format: LineFormat,
    /// Labels by name; `None` is the default set.
    pub labels: Option<Labels>,
}

/// Labels by name.
pub type Labels = Vec<(String, Template)>;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineFormat {
    /// `key=value`.
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
}

/// An OTLP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// For gRPC the authority, for HTTP the signal's whole URL.
    pub endpoint: Url,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Whether requests are compressed with gzip.
    pub compression: Compression,
    /// How long a request may take; `None` is the sink's own.
    pub timeout: Option<Duration>,
    /// Headers sent along.
    pub headers: Vec<(String, Secret)>,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2.
    Grpc,
    /// Protobuf in HTTP posts.
    Http,
}

/// How OTLP requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// A Prometheus to write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWrite {
    /// The whole URL.
    pub endpoint: Url,
}

/// One lane that the exporters ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LanePlan {
    /// Lines of some signals to one Loki.
    Loki {
        /// Address, tenant and format; its labels are those of the first signal.
        loki: Loki,
        /// The signals, each with its labels.
        signals: Vec<(Signal, Option<Labels>)>,
    },
    /// Spans.
    Traces(Otlp),
    /// Log records of some signals to one address.
    Logs {
        /// The address.
        otlp: Otlp,
        /// The signals.
        signals: Vec<Signal>,
    },
    /// Samples made of measurements.
    Samples(RemoteWrite),
}

impl Exporters {
    /// The exporters of a signal.
    pub fn of(&self, signal: Signal) -> &Outputs {
        match signal {
            Signal::Logs => &self.logs,
            Signal::Traces => &self.traces,
            Signal::Measurements => &self.measurements,
            Signal::Exceptions => &self.exceptions,
            Signal::Events => &self.events,
        }
    }

    /// Whether nothing goes anywhere.
    pub fn is_empty(&self) -> bool {
        *self == Exporters::default()
    }

    /// The lanes that this takes: signals that go to one place share one.
    pub fn lanes(&self) -> Vec<LanePlan> {
        let mut lanes: Vec<LanePlan> = Vec::new();
        for signal in Signal::ALL {
            let Outputs { loki, otlp, prometheus } = self.of(signal).clone();
            if let Some(loki) = loki {
                let labels = loki.labels.clone();
                let same =
                    |known: &Loki| Loki { labels: None, ..known.clone() } == Loki { labels: None, ..loki.clone() };
                let lane = lanes.iter_mut().find_map(|lane| match lane {
                    LanePlan::Loki { loki, signals } if same(loki) => Some(signals),
                    _ => None,
                });
                match lane {
                    Some(signals) => signals.push((signal, labels)),
                    None => lanes.push(LanePlan::Loki { loki, signals: vec![(signal, labels)] }),
                }
            }
            match otlp {
                Some(otlp) if signal == Signal::Traces => lanes.push(LanePlan::Traces(otlp)),
                Some(otlp) => {
                    let lane = lanes.iter_mut().find_map(|lane| match lane {
                        LanePlan::Logs { otlp: known, signals } if *known == otlp => Some(signals),
                        _ => None,
                    });
                    match lane {
                        Some(signals) => signals.push(signal),
                        None => lanes.push(LanePlan::Logs { otlp, signals: vec![signal] }),
                    }
                }
                None => {}
            }
            lanes.extend(prometheus.map(LanePlan::Samples));
        }
        lanes
    }
}

/// Reads all of it.
pub(super) fn read(values: &mut Values) -> Exporters {
    let mut outputs = |signal| outputs(values, signal);
    Exporters {
        logs: outputs(Signal::Logs),
        traces: outputs(Signal::Traces),
        measurements: outputs(Signal::Measurements),
        exceptions: outputs(Signal::Exceptions),
        events: outputs(Signal::Events),
    }
}

fn outputs(values: &mut Values, signal: Signal) -> Outputs {
    let exporter = format!("{}.exporter", signal.name());
    let named = values.any(&exporter);
    let mut outputs = Outputs::default();
    if signal != Signal::Traces && (!named || values.any(&format!("{exporter}.loki"))) {
        outputs.loki = loki(values, &format!("{exporter}.loki"));
    }
    if !named || values.any(&format!("{exporter}.otlp")) {
        outputs.otlp = otlp(values, &format!("{exporter}.otlp"), signal);
    }
    let prometheus = format!("{exporter}.prometheus");
    if signal == Signal::Measurements && values.any(&prometheus) {
        let endpoint = values.get(&format!("{prometheus}.endpoint"), http_url);
        outputs.prometheus = endpoint.map(|endpoint| RemoteWrite { endpoint });
    }
    outputs
}

fn loki(values: &mut Values, own: &str) -> Option<Loki> {
    let push = |text: &str| http_url(text).map(|url| with_path(url, "/loki/api/v1/push"));
    let url = stronger(values, format!("{own}.url"), "loki.url");
    let Some(push) = values.get(&url, push) else {
        if values.any(own) && values.rank(&url) == 0 {
            values.wrong_at(own, "has no url".into());
        }
        return None;
    };
    let tenant = stronger(values, format!("{own}.tenant"), "loki.tenant");
    let tenant = values.get(&tenant, |text| match axum::http::HeaderValue::from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} cannot be a header's value")),
    });
    let format = match values.word(&format!("{own}.format")) {
        Some("json") => LineFormat::Json,
        _ => LineFormat::Logfmt,
    };
    let labels = values.map(&format!("{own}.labels"), |name, text| {
        label_name(name)?;
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        Ok((name.to_owned(), template))
    });
    Some(Loki { push, tenant, format, labels })
}

/// What Loki takes as the name of a label.
fn label_name(name: &str) -> Result<(), String> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first && !name.starts_with("__") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(format!("{name:?} is not the name of a label"))
}

fn otlp(values: &mut Values, own: &str, signal: Signal) -> Option<Otlp> {
    let (path, shared) = match signal {
        Signal::Traces => ("/v1/traces", "otlp.traces_endpoint"),
        _ => ("/v1/logs", "otlp.logs_endpoint"),
    };
    let (shared, append) = match values.rank(shared) {
        0 => ("otlp.endpoint", Append::Always),
        _ => (shared, Append::Never),
    };
    let endpoint = stronger(values, format!("{own}.endpoint"), shared);
    let append = if endpoint == shared { append } else { Append::ToBare };
    if values.rank(&endpoint) == 0 {
        if values.any(own) {
            values.wrong_at(own, "has no endpoint".into());
        }
        return None;
    }
    let key = |name: &str| stronger(values, format!("{own}.{name}"), &format!("otlp.{name}"));
    let (protocol, insecure) = (key("protocol"), key("insecure"));
    let (compression, timeout) = (key("compression"), key("timeout"));
    let protocol = values.word(&protocol).map(|word| if word == "grpc" { Protocol::Grpc } else { Protocol::Http });
    let insecure = values.get(&insecure, scalar::switch).unwrap_or(false);
    let (endpoint, protocol) = values.get(&endpoint, |text| address(text, protocol, insecure, append, path))?;
    let compression = match values.word(&compression) {
        Some("none") => Compression::None,
        _ => Compression::Gzip,
    };
    let timeout = values.get(&timeout, scalar::milliseconds);
    let header = |name: &str, text: &str| {
        axum::http::HeaderValue::from_str(text)
            .map_err(|_| format!("header {name:?} has a value that cannot be sent"))?;
        Ok((scalar::header(name)?, Secret(text.to_owned())))
    };
    let mut headers = values.map(&format!("{own}.headers"), header);
    if headers.is_none() {
        headers = values.map("otlp.headers", header);
    }
    Some(Otlp { endpoint, protocol, compression, timeout, headers: headers.unwrap_or_default() })
}

/// The stronger of a signal's own key and the one for all; the own one where both are as strong.
fn stronger(values: &Values, own: String, shared: &str) -> String {
    if values.rank(shared) > values.rank(&own) { shared.to_owned() } else { own }
}

/// Whether a URL gets the signal's path.
#[derive(Clone, Copy, PartialEq)]
enum Append {
    Always,
    ToBare,
    Never,
}

fn address(
    text: &str,
    protocol: Option<Protocol>,
    insecure: bool,
    append: Append,
    path: &str,
) -> Result<(Url, Protocol), String> {
    let whole = text.contains("://");
    let protocol = protocol.unwrap_or(if whole { Protocol::Http } else { Protocol::Grpc });
    let url = if whole {
        http_url(text)?
    } else {
        let scheme = if insecure { "http" } else { "https" };
        let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let url = port.and_then(|_| Url::parse(&format!("{scheme}://{text}")).ok());
        url.filter(|url| url.path() == "/")
            .ok_or_else(|| format!("{text:?} is not host:port or an http or https URL"))?
    };
    let append = append == Append::Always || !whole || (append == Append::ToBare && url.path() == "/");
    Ok((if protocol == Protocol::Http && append { with_path(url, path) } else { url }, protocol))
}

fn http_url(text: &str) -> Result<Url, String> {
    let wrong = |reason: String| format!("{} is not an http or https URL: {reason}", quoted(text));
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(wrong(format!("scheme {scheme}"))),
    }
}

/// A URL may hold a password.
fn quoted(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("\"...@{host}\""),
        None => format!("{text:?}"),
    }
}

/// `base` with `path` behind its own, unless it ends so already.
fn with_path(mut base: Url, path: &str) -> Url {
    let own = base.path().trim_end_matches('/').to_owned();
    if !own.ends_with(path) {
        base.set_path(&format!("{own}{path}"));
    }
    base
}
