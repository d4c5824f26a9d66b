//! The one file that knows all parts: opens them, runs both servers and the lanes, closes in order.

use crate::config::{Config, Invocation};
use crate::http;
use crate::http::policy::{Live, Policy};
use crate::ingest::Admission;
use crate::ingest::decode::Gate;
use crate::journal::{Journal, Options, Start};
use crate::lanes;
use crate::log::Level;
use crate::service;
use crate::sink::dead_letters::{self, DeadLetters};
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

/// How often the viewer and the dead letters forget what is too old.
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

    let letters = Arc::new(
        DeadLetters::open(&config.data_dir, dead_letters::Limits::default())
            .with_context(|| format!("dead letters in {}", config.data_dir.display()))?,
    );
    let parts = lanes::Parts { metrics: Arc::clone(&metrics), gate: gate.clone(), letters: Arc::clone(&letters) };
    let lanes = lanes::open(&config, viewer.clone(), &parts)?;
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
    tokio::spawn(forget_old(viewer.clone(), letters));
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
        let new = match read.and_then(|new| lanes::check(&new).map(|()| new).map_err(anyhow::Error::from)) {
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

fn open_viewer(config: &Config, ingest: SocketAddr) -> anyhow::Result<Option<Viewer>> {
    if !config.viewer {
        return Ok(None);
    }
    let limits =
        viewer::Limits { bytes: config.viewer_max_bytes, age: config.viewer_max_age, ..viewer::Limits::default() };
    let viewer = Viewer::open(&config.data_dir.join("viewer"), limits)?;
    Ok(Some(viewer.with_collector(&format!("http://{ingest}{}/collect", config.server.path_prefix))))
}

async fn forget_old(viewer: Option<Viewer>, letters: Arc<DeadLetters>) {
    let mut hourly = tokio::time::interval(EXPIRE);
    loop {
        hourly.tick().await;
        let now = SystemTime::now();
        if let Err(error) = letters.expire(now) {
            tracing::warn!(%error, "dead letters that are too old could not be deleted");
        }
        let Some(viewer) = &viewer else { continue };
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        if let Err(error) = viewer.expire(now).await {
            tracing::warn!(%error, "the viewer could not delete what is too old");
        }
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))
}
