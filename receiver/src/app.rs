//! The one file that knows all parts: opens them, runs both servers and the lanes, closes in order.

use crate::config::exporters::{self, Compression, LanePlan, LineFormat, Protocol, Signal};
use crate::config::{Config, Invocation};
use crate::convert::labels::LabelBudget;
use crate::convert::line::Format;
use crate::http;
use crate::http::policy::{Live, Policy};
use crate::ingest::Admission;
use crate::ingest::decode::Gate;
use crate::journal::{Journal, Options, Start};
use crate::lane::{Lane, Stage};
use crate::log::Level;
use crate::service;
use crate::sink;
use crate::telemetry::Metrics;
use crate::viewer::{self, Viewer};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::signal::unix::Signal as Hangups;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stopping receiver goes on delivering; what is left waits on disk for the next start.
/// Orchestrators kill after 30 s, and a delivery under way gets its own 5 s after this.
const DRAIN: Duration = Duration::from_secs(10);

/// Connections of operators: scrapers, probes and some people.
const OPERATIONS_CONNECTIONS: usize = 256;

/// How often the viewer forgets what is too old.
const EXPIRE: Duration = Duration::from_secs(3600);

/// What a reload needs: where the configuration is read from, and what asks for it.
pub struct Reload {
    /// The command line.
    pub invocation: Invocation,
    /// The log's level.
    pub level: Level,
    /// One for each reload.
    pub hangups: Hangups,
}

/// Runs the receiver until `stop` is cancelled and everything accepted is safe.
///
/// # Errors
/// When an address cannot be bound, the data directory cannot be used, or a server fails.
pub async fn run(config: Config, stop: CancellationToken, reload: Reload) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    metrics.build(env!("CARGO_PKG_VERSION"), config.environment.as_deref().unwrap_or_default());
    let gate = Gate::default();
    let dir = config.data_dir.join("journal");
    let (max_bytes, max_age) = (config.journal_max_bytes, config.journal_max_age);
    let journal = Journal::open(Options { max_bytes, max_age, ..Options::new(dir) })?;
    let server = &config.server;
    let ingest = bind(server.listen).await?;
    let operations = bind(config.operations).await?;
    let metrics_port = match config.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let viewer = open_viewer(&config, ingest.local_addr()?)?;

    let lanes = lanes(&config, viewer.clone(), &metrics, &gate)?;
    let admission = Admission::open(server.limits, journal.clone(), gate, Arc::clone(&metrics))?;
    let state = http::State::new(http::Parts {
        admission,
        policy: Live::new(Policy::new(server)),
        journal: journal.clone(),
        lane_bytes: config.journal_max_bytes,
        failing: lanes.iter().map(|lane| (lane.name(), lane.failing())).collect(),
        metrics,
        stopping: stop.clone(),
    });

    let (delivering, out_of_time) = (TaskTracker::new(), CancellationToken::new());
    // Every lane is open before the first commits: a segment goes when all open lanes have passed it.
    let readers =
        lanes.iter().map(|lane| journal.lane(lane.name(), Start::FromCursor)).collect::<Result<Vec<_>, _>>()?;
    for (lane, reader) in lanes.into_iter().zip(readers) {
        delivering.spawn(lane.run(reader, out_of_time.clone()));
    }
    delivering.close();
    if let Some(viewer) = viewer.clone() {
        tokio::spawn(forget_old(viewer));
    }
    tokio::spawn(reread(config.clone(), reload, state.clone()));

    let metrics_address = metrics_port.as_ref().map(TcpListener::local_addr).transpose()?;
    tracing::info!(
        ingest = %ingest.local_addr()?, operations = %operations.local_addr()?,
        metrics = metrics_address.map(tracing::field::display), ?config, "listening",
    );
    tell_manager(service::State::Ready);
    // The operations server outlives the ingest server, so that a stopping receiver can be watched.
    let stopped = CancellationToken::new();
    let pages = viewer.as_ref().map(|viewer| viewer.router(config.operations));
    let bounds =
        http::Bounds { connections: server.max_connections, head: server.head_timeout, idle: server.idle_timeout };
    let beside = http::Bounds { connections: OPERATIONS_CONNECTIONS, ..bounds };
    let pages = http::operations(state.clone(), pages);
    let operations = tokio::spawn(http::serve(operations, beside, pages, stopped.clone()));
    let metrics_port = metrics_port.map(|tcp| {
        let router = http::operations(state.clone(), None);
        tokio::spawn(http::serve(tcp, beside, router, stopped.clone()))
    });
    let router = http::ingest(state, &server.path_prefix, server.operations_routes);
    http::serve(ingest, bounds, router, stop).await;

    tell_manager(service::State::Stopping);
    // Nothing new comes in now. Lanes read to the journal's end, if their stores let them.
    journal.close().await;
    if tokio::time::timeout(DRAIN, delivering.wait()).await.is_err() {
        tracing::warn!("stores are slow or down: what is not delivered stays in the journal");
        out_of_time.cancel();
        delivering.wait().await;
    }
    if let Some(viewer) = viewer {
        viewer.close();
    }
    stopped.cancel();
    operations.await.context("operations server")?;
    if let Some(metrics_port) = metrics_port {
        metrics_port.await.context("metrics server")?;
    }
    tracing::info!("stopped");
    Ok(())
}

fn tell_manager(state: service::State) {
    if let Ok(socket) = std::env::var("NOTIFY_SOCKET")
        && let Err(error) = service::notify(&socket, state)
    {
        tracing::warn!(%error, ?state, "the service manager could not be told");
    }
}

/// Reads the configuration again for each SIGHUP. What can change, changes; a configuration with an error changes nothing.
async fn reread(mut config: Config, mut reload: Reload, state: http::State) {
    while reload.hangups.recv().await.is_some() {
        let read = reload.invocation.config().map_err(anyhow::Error::from);
        let new = match read.and_then(|new| supported(&new).map(|()| new).map_err(anyhow::Error::from)) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "configuration not reloaded, the one before stays");
                continue;
            }
        };
        if let Err(error) = reload.level.set(&new.log_level) {
            tracing::error!(%error, "log level not changed");
        }
        state.policy.replace(Policy::new(&new.server));
        let kept = config.with_what_reloads(&new);
        if kept != new {
            tracing::warn!("some of what changed in the configuration needs a restart");
        }
        config = kept;
        tracing::info!(?config, "configuration reloaded");
    }
}

/// A lane that this build cannot run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key}: {reason}")]
pub struct Unsupported {
    key: String,
    reason: &'static str,
}

/// Names of the lanes of each kind: their cursors are kept under them.
const LOKI: &[&str] = &["loki", "loki_2", "loki_3", "loki_4"];
const TRACES: &[&str] = &["otlp_traces"];
const LOGS: &[&str] = &["otlp_logs", "otlp_logs_2", "otlp_logs_3", "otlp_logs_4"];

/// Where a lane of the configuration goes, once it is known that it can.
enum Destination<'c> {
    Loki(&'c exporters::Loki),
    Traces(&'c exporters::Otlp),
    Logs(&'c exporters::Otlp),
}

/// Fails with the first lane that this build cannot run: nothing that was asked for is left out in silence.
pub fn supported(config: &Config) -> Result<(), Unsupported> {
    config.exporters.lanes().iter().try_for_each(|plan| destination(plan).map(|_| ()))
}

/// The seam between what the configuration asks for and the lanes that there are.
fn destination(plan: &LanePlan) -> Result<Destination<'_>, Unsupported> {
    let refuse = |key: String, reason| Err(Unsupported { key, reason });
    let all = [Signal::Logs, Signal::Measurements, Signal::Exceptions, Signal::Events];
    let http = |otlp: &exporters::Otlp| {
        otlp.protocol == Protocol::Http
            && otlp.compression == Compression::Gzip
            && otlp.timeout.is_none()
            && otlp.headers.is_empty()
    };
    let only_http = "only OTLP over HTTP, with gzip and without headers or a timeout, is delivered by this build";
    let only_all = "logs, measurements, exceptions and events go to one address in this build";
    match plan {
        LanePlan::Loki { loki, signals } => {
            let first = signals.first().map_or("logs", |(signal, _)| signal.name());
            if signals.iter().any(|(_, labels)| labels.is_some()) {
                return refuse(
                    format!("{first}.exporter.loki.labels"),
                    "labels of one's own are not written by this build",
                );
            }
            if !all.iter().all(|wanted| signals.iter().any(|(signal, _)| signal == wanted)) {
                return refuse(format!("{first}.exporter.loki"), only_all);
            }
            Ok(Destination::Loki(loki))
        }
        LanePlan::Traces(otlp) if http(otlp) => Ok(Destination::Traces(otlp)),
        LanePlan::Traces(_) => refuse("traces.exporter.otlp".into(), only_http),
        LanePlan::Logs { otlp, signals } => {
            let first = signals.first().map_or("logs", |signal| signal.name());
            if !http(otlp) {
                return refuse(format!("{first}.exporter.otlp"), only_http);
            }
            if signals.len() < all.len() {
                return refuse(format!("{first}.exporter.otlp"), only_all);
            }
            Ok(Destination::Logs(otlp))
        }
        LanePlan::Samples(_) => {
            refuse("measurements.exporter.prometheus".into(), "remote write is not delivered by this build")
        }
    }
}

/// A lane for each store that is configured.
fn lanes(config: &Config, viewer: Option<Viewer>, metrics: &Arc<Metrics>, gate: &Gate) -> anyhow::Result<Vec<Lane>> {
    let client = sink::client()?;
    let (mut loki, mut traces, mut logs) = (LOKI.iter(), TRACES.iter(), LOGS.iter());
    let mut stages = Vec::new();
    for plan in &config.exporters.lanes() {
        let (name, stage) = match destination(plan)? {
            Destination::Loki(to) => {
                let sink = sink::loki::sink(&client, to.push.clone(), to.tenant.as_deref())?;
                let format = match to.format {
                    LineFormat::Logfmt => Format::Logfmt,
                    LineFormat::Json => Format::Json,
                };
                (loki.next(), Stage::Loki { sink, format, labels: LabelBudget::default() })
            }
            Destination::Traces(to) => {
                let sink = sink::otlp::sink(&client, to.endpoint.clone(), sink::otlp::Signal::Traces);
                (traces.next(), Stage::Traces(sink))
            }
            Destination::Logs(to) => {
                let sink = sink::otlp::sink(&client, to.endpoint.clone(), sink::otlp::Signal::Logs);
                (logs.next(), Stage::Logs(sink))
            }
        };
        let name = name.context("more than four destinations of a kind")?;
        stages.push((*name, stage));
    }
    stages.extend(viewer.map(|viewer| ("viewer", Stage::Viewer(viewer))));
    let lane = |(name, stage)| Lane::new(name, stage, Arc::clone(metrics), gate.clone());
    Ok(stages.into_iter().map(lane).collect())
}

fn open_viewer(config: &Config, ingest: SocketAddr) -> anyhow::Result<Option<Viewer>> {
    if !config.viewer {
        return Ok(None);
    }
    let limits =
        viewer::Limits { bytes: config.viewer_max_bytes, age: config.viewer_max_age, ..viewer::Limits::default() };
    let viewer = Viewer::open(&config.data_dir.join("viewer"), limits)?;
    Ok(Some(viewer.with_collector(&format!("http://{ingest}{}/collect", config.server.path_prefix))))
}

async fn forget_old(viewer: Viewer) {
    let mut hourly = tokio::time::interval(EXPIRE);
    loop {
        hourly.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        if let Err(error) = viewer.expire(now).await {
            tracing::warn!(%error, "the viewer could not delete what is too old");
        }
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_delivered_is_named() {
        let check = |text: &str, expected: Option<&str>| {
            let home = [("HOME".to_owned(), "/home/u".to_owned())];
            let config = Config::read(&[], &home, Some((std::path::Path::new("faro.yml"), text))).unwrap();
            let found = supported(&config).err().map(|unsupported| unsupported.key);
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("", None);
        check("loki: {url: 'http://l'}\notlp: {endpoint: 'http://o:4318'}\n", None);
        check("traces: {exporter: {otlp: {endpoint: 'http://t:4318'}}}\n", None);
        check("traces: {exporter: {otlp: {endpoint: 'tempo:4317'}}}\n", Some("traces.exporter.otlp"));
        check("otlp: {endpoint: 'http://o:4318', headers: {a: b}}\n", Some("logs.exporter.otlp"));
        check("logs: {exporter: {loki: {url: 'http://l'}}}\n", Some("logs.exporter.loki"));
        check(
            "measurements: {exporter: {prometheus: {endpoint: 'http://p'}}}\n",
            Some("measurements.exporter.prometheus"),
        );
        check(include_str!("../../tests/fixtures/faro.yml"), Some("logs.exporter.loki.labels"));
    }
}
