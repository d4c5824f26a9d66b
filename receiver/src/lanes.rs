//! From the destinations that the configuration names to the lanes that serve them.

use crate::config::Config;
use crate::config::exporters::{Compression, LanePlan, LineFormat, Loki, Otlp, Protocol, RemoteWrite, Signal};
use crate::convert::labels::{LabelBudget, LabelSet, LabelSets};
use crate::convert::line::Format;
use crate::convert::measures::Measures;
use crate::ingest::decode::Gate;
use crate::journal::Reader;
use crate::lane::{Lane, Stage};
use crate::lane_metrics::{self, Dialect, MetricsLane};
use crate::sink::dead_letters::DeadLetters;
use crate::sink::names::LaneNames;
use crate::sink::{self, Sink, SinkError, grpc, otlp};
use crate::telemetry::{Failing, Metrics};
use crate::viewer::Viewer;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often sums of measurements are told: what Prometheus scrapes at, and dashboards expect.
const TOLD_EVERY: Duration = Duration::from_secs(15);

/// A destination that no lane can serve.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key}: {reason}")]
pub struct Unsupported {
    key: String,
    reason: String,
}

/// What all lanes are given.
pub struct Parts {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Heavy payloads are decoded one at a time in the whole process.
    pub gate: Gate,
    /// Where what stores refuse for good is kept.
    pub letters: Arc<DeadLetters>,
}

/// A lane of either kind, before it runs.
pub enum Ready {
    /// Each record goes to a store by itself.
    Records(Box<Lane>),
    /// Records are added up.
    Sums(Box<MetricsLane>),
}

impl Ready {
    /// The name that its cursor and its metrics have.
    pub fn name(&self) -> &'static str {
        match self {
            Ready::Records(lane) => lane.name(),
            Ready::Sums(lane) => lane.name(),
        }
    }

    /// Says how the lane is doing, while it runs.
    pub fn failing(&self) -> Failing {
        match self {
            Ready::Records(lane) => lane.failing(),
            Ready::Sums(lane) => lane.failing(),
        }
    }

    /// Runs until `stop` is cancelled or the journal is closed and read to its end.
    pub async fn run(self, reader: Reader, stop: CancellationToken) {
        match self {
            Ready::Records(lane) => lane.run(reader, stop).await,
            Ready::Sums(lane) => lane.run(reader, stop).await,
        }
    }
}

/// Fails with the first destination that no lane can serve: nothing that was asked for is left out in silence.
pub fn check(config: &Config) -> Result<(), Unsupported> {
    config.exporters.lanes().iter().try_for_each(|plan| match plan {
        LanePlan::Loki { signals, .. } => label_sets(signals).map(drop),
        LanePlan::Traces(otlp) => callable(Signal::Traces, otlp),
        LanePlan::Logs { otlp, signals } => {
            let first = *signals.first().unwrap_or(&Signal::Logs);
            if signals.len() + 1 < Signal::ALL.len() {
                let reason = "logs, measurements, exceptions and events go to one OTLP address, not some of them";
                return Err(Unsupported { key: key(first, "otlp"), reason: reason.to_owned() });
            }
            callable(first, otlp)
        }
        LanePlan::Samples(_) => Ok(()),
    })
}

/// A lane for each destination, and one for the viewer.
///
/// # Errors
/// When a destination cannot be served, is named twice, or its files cannot be read.
pub fn open(config: &Config, viewer: Option<Viewer>, parts: &Parts) -> anyhow::Result<Vec<Ready>> {
    check(config)?;
    let clients = Clients { http: sink::client()?, grpc: grpc::client()? };
    let mut names = LaneNames::default();
    let mut name = |kind: &str, address: &str| {
        names.of(kind, address).with_context(|| format!("{kind} to {address} is configured twice"))
    };
    let mut lanes = Vec::new();
    for plan in config.exporters.lanes() {
        let (name, stage) = match &plan {
            LanePlan::Loki { loki, signals } => {
                let labels = LabelBudget::new(label_sets(signals)?);
                let address = format!("{} {}", loki.push, loki.tenant.as_deref().unwrap_or_default());
                let format = format_of(loki);
                (name("loki", &address)?, Stage::Loki { sink: clients.loki(loki)?, format, labels })
            }
            LanePlan::Traces(to) => {
                (name("otlp_traces", to.endpoint.as_str())?, Stage::Traces(clients.otlp(to, otlp::Signal::Traces)?))
            }
            LanePlan::Logs { otlp: to, .. } => {
                (name("otlp_logs", to.endpoint.as_str())?, Stage::Logs(clients.otlp(to, otlp::Signal::Logs)?))
            }
            LanePlan::Samples(to) => {
                let name = name("prometheus", to.endpoint.as_str())?;
                lanes.push(Ready::Sums(Box::new(sums(config, name, to, &clients, parts)?)));
                continue;
            }
        };
        let lane = Lane::new(name, stage, Arc::clone(&parts.metrics), parts.gate.clone());
        lanes.push(Ready::Records(Box::new(lane.with_dead_letters(Arc::clone(&parts.letters)))));
    }
    if let Some(viewer) = viewer {
        let stage = Stage::Viewer(viewer);
        let lane = Lane::new(name("viewer", "")?, stage, Arc::clone(&parts.metrics), parts.gate.clone());
        lanes.push(Ready::Records(Box::new(lane)));
    }
    Ok(lanes)
}

fn sums(
    config: &Config,
    name: &'static str,
    to: &RemoteWrite,
    clients: &Clients,
    parts: &Parts,
) -> anyhow::Result<MetricsLane> {
    let options = lane_metrics::Options {
        dir: config.data_dir.join("metrics"),
        interval: TOLD_EVERY,
        instance: host_name(),
        measures: Measures::default(),
    };
    let sink = sink::prometheus::sink(&clients.http, to.endpoint.clone());
    let store = (sink, Dialect::RemoteWrite);
    Ok(MetricsLane::open(name, store, options, Arc::clone(&parts.metrics), parts.gate.clone())?)
}

/// What tells this receiver from others that write to the same store: containers have names of their own.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "farol".to_owned(),
        name => name.to_owned(),
    }
}

struct Clients {
    http: reqwest::Client,
    grpc: grpc::Client,
}

impl Clients {
    fn loki(&self, to: &Loki) -> Result<Sink, SinkError> {
        sink::loki::sink(&self.http, to.push.clone(), to.tenant.as_deref())
    }

    fn otlp(&self, to: &Otlp, signal: otlp::Signal) -> Result<Sink, SinkError> {
        let sink = match to.protocol {
            Protocol::Grpc => grpc::sink(&self.grpc, to.endpoint.clone(), signal),
            Protocol::Http => otlp::sink(&self.http, to.endpoint.clone(), signal),
        };
        let headers = to.headers.iter().map(|(name, value)| (name.as_str(), value.0.as_str()));
        let sink = sink.with_headers(headers)?;
        let sink = match to.timeout {
            Some(timeout) => sink.with_timeout(timeout),
            None => sink,
        };
        Ok(match to.compression {
            Compression::Gzip => sink,
            Compression::None => sink.uncompressed(),
        })
    }
}

fn format_of(loki: &Loki) -> Format {
    match loki.format {
        LineFormat::Logfmt => Format::Logfmt,
        LineFormat::Json => Format::Json,
    }
}

/// The labels of each signal; signals that are not there are not sent.
fn label_sets(signals: &[(Signal, Option<crate::config::exporters::Labels>)]) -> Result<LabelSets, Unsupported> {
    signals.iter().try_fold(LabelSets::none(), |sets, (signal, labels)| {
        let kind = match signal {
            Signal::Logs => "log",
            Signal::Exceptions => "exception",
            Signal::Measurements => "measurement",
            Signal::Events => "event",
            // Spans are no lines.
            Signal::Traces => return Ok(sets),
        };
        let set = match labels {
            None => LabelSet::default(),
            Some(labels) => LabelSet::new(labels.clone())
                .map_err(|error| Unsupported { key: key(*signal, "loki.labels"), reason: error.to_string() })?,
        };
        Ok(sets.with(kind, &set))
    })
}

/// A gRPC call's path is its method, so the address has none.
fn callable(signal: Signal, otlp: &Otlp) -> Result<(), Unsupported> {
    if otlp.protocol == Protocol::Grpc && (otlp.endpoint.path() != "/" || otlp.endpoint.query().is_some()) {
        let reason = format!("{} has a path, which a gRPC endpoint has not", otlp.endpoint);
        return Err(Unsupported { key: key(signal, "otlp.endpoint"), reason });
    }
    Ok(())
}

fn key(signal: Signal, rest: &str) -> String {
    format!("{}.exporter.{rest}", signal.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(text: &str) -> Config {
        let home = [("HOME".to_owned(), "/home/u".to_owned())];
        Config::read(&[], &home, Some((Path::new("faro.yml"), text))).unwrap()
    }

    #[test]
    fn what_cannot_be_delivered_is_named() {
        let check = |text: &str, expected: Option<&str>| {
            let found = super::check(&config(text)).err().map(|unsupported| unsupported.key);
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("", None);
        check("loki: {url: 'http://l'}\notlp: {endpoint: 'http://o:4318'}\n", None);
        check("traces: {exporter: {otlp: {endpoint: 'tempo:4317'}}}\n", None);
        check("otlp: {endpoint: 'http://o:4318', headers: {a: b}}\n", None);
        check("logs: {exporter: {loki: {url: 'http://l'}}}\n", None);
        check("measurements: {exporter: {prometheus: {endpoint: 'http://p'}}}\n", None);
        check(include_str!("../../tests/fixtures/faro.yml"), None);
        check(
            "traces: {exporter: {otlp: {endpoint: 'http://t:4317/x', protocol: grpc}}}\n",
            Some("traces.exporter.otlp.endpoint"),
        );
        check("logs: {exporter: {otlp: {endpoint: 'http://t:4318'}}}\n", Some("logs.exporter.otlp"));
        let sixteen: String = (0..16).map(|i| format!("l{i}: x, ")).collect();
        check(
            &format!("logs: {{exporter: {{loki: {{url: 'http://l', labels: {{{sixteen}}}}}}}}}\n"),
            Some("logs.exporter.loki.labels"),
        );
    }

    #[test]
    fn each_destination_has_a_lane() {
        let dir = tempfile::tempdir().unwrap();
        let letters = Arc::new(DeadLetters::open(dir.path(), crate::sink::dead_letters::Limits::default()).unwrap());
        let parts = Parts { metrics: Arc::default(), gate: Gate::default(), letters };
        let mut config = config(include_str!("../../tests/fixtures/faro.yml"));
        config.data_dir = dir.path().to_owned();
        let lanes = open(&config, None, &parts).unwrap();
        assert_eq!(lanes.iter().map(Ready::name).collect::<Vec<_>>(), ["loki", "otlp_traces", "prometheus"]);
    }
}
