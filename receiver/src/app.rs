//! The one file that knows all parts: opens them, runs both servers and the lanes, closes in order.

use crate::config::Config;
use crate::convert::labels::LabelBudget;
use crate::convert::line::Format;
use crate::http::{self, auth::ApiKey, cors::Origins};
use crate::ingest::decode::Gate;
use crate::ingest::{Admission, Limits};
use crate::journal::{Journal, Options, Start};
use crate::lane::{Lane, Stage};
use crate::sink;
use crate::telemetry::Metrics;
use crate::viewer::{self, Viewer};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stopping receiver goes on delivering; what is left waits on disk for the next start.
/// Orchestrators kill after 30 s, and a delivery under way gets its own 5 s after this.
const DRAIN: Duration = Duration::from_secs(10);

/// How often the viewer forgets what is too old.
const EXPIRE: Duration = Duration::from_secs(3600);

/// Runs the receiver until `stop` is cancelled and everything accepted is safe.
///
/// # Errors
/// When an address cannot be bound, the data directory cannot be used, or a server fails.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let gate = Gate::default();
    let options = Options { max_bytes: config.journal_max_bytes, ..Options::new(config.data_dir.join("journal")) };
    let journal = Journal::open(options)?;
    let ingest = bind(config.listen).await?;
    let operations = bind(config.operations).await?;
    let viewer = open_viewer(&config, ingest.local_addr()?)?;

    let lanes = lanes(&config, viewer.clone(), &metrics, &gate)?;
    let admission = Admission::open(Limits::default(), journal.clone(), gate, Arc::clone(&metrics))?;
    let state = http::State::new(http::Parts {
        admission,
        api_key: ApiKey::new(config.api_key.as_deref()),
        origins: Origins::new(&config.cors_allowed_origins),
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

    tracing::info!(ingest = %ingest.local_addr()?, operations = %operations.local_addr()?, ?config, "listening");
    // The operations server outlives the ingest server, so that a stopping receiver can be watched.
    let stopped = CancellationToken::new();
    let pages = viewer.as_ref().map(|viewer| viewer.router(config.operations));
    let operations = tokio::spawn(http::serve(operations, http::operations(state.clone(), pages), stopped.clone()));
    http::serve(ingest, http::ingest(state), stop).await.context("ingest server")?;

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
    operations.await?.context("operations server")?;
    tracing::info!("stopped");
    Ok(())
}

/// A lane for each store that is configured.
fn lanes(
    config: &Config,
    viewer: Option<Viewer>,
    metrics: &Arc<Metrics>,
    gate: &Gate,
) -> Result<Vec<Lane>, sink::SinkError> {
    let client = sink::client()?;
    let mut stages = Vec::new();
    if let Some(push) = config.loki_push.clone() {
        let sink = sink::loki::sink(&client, push, config.loki_tenant.as_deref())?;
        stages.push(("loki", Stage::Loki { sink, format: Format::default(), labels: LabelBudget::default() }));
    }
    if let Some(url) = config.otlp_traces.clone() {
        stages.push(("otlp_traces", Stage::Traces(sink::otlp::sink(&client, url, sink::otlp::Signal::Traces))));
    }
    if let Some(url) = config.otlp_logs.clone() {
        stages.push(("otlp_logs", Stage::Logs(sink::otlp::sink(&client, url, sink::otlp::Signal::Logs))));
    }
    stages.extend(viewer.map(|viewer| ("viewer", Stage::Viewer(viewer))));
    let lane = |(name, stage)| Lane::new(name, stage, Arc::clone(metrics), gate.clone());
    Ok(stages.into_iter().map(lane).collect())
}

fn open_viewer(config: &Config, ingest: SocketAddr) -> anyhow::Result<Option<Viewer>> {
    if !config.viewer {
        return Ok(None);
    }
    let viewer = Viewer::open(&config.data_dir.join("viewer"), viewer::Limits::default())?;
    Ok(Some(viewer.with_collector(&format!("http://{ingest}/collect"))))
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
