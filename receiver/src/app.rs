//! The one file that knows all parts: opens them, runs both servers, closes in order.

use crate::config::Config;
use crate::http::{self, auth::ApiKey, cors::Origins};
use crate::ingest::decode::Gate;
use crate::ingest::{Admission, Limits};
use crate::journal::{Journal, Options};
use crate::telemetry::Metrics;
use anyhow::Context;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs the receiver until `stop` is cancelled and everything accepted is safe.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let options = Options { max_bytes: config.journal_max_bytes, ..Options::new(config.data_dir.join("journal")) };
    let journal = Journal::open(options)?;
    let admission = Admission::open(Limits::default(), journal.clone(), Gate::default(), Arc::clone(&metrics))?;
    let state = http::State::new(http::Parts {
        admission,
        api_key: ApiKey::new(config.api_key.as_deref()),
        origins: Origins::new(&config.cors_allowed_origins),
        journal: journal.clone(),
        lane_bytes: config.journal_max_bytes,
        metrics,
        stopping: stop.clone(),
    });
    let ingest = TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
    let operations =
        TcpListener::bind(config.operations).await.with_context(|| format!("listen on {}", config.operations))?;
    tracing::info!(ingest = %ingest.local_addr()?, operations = %operations.local_addr()?, "listening");

    // The operations server outlives the ingest server, so that a stopping receiver can be watched.
    let stopped = CancellationToken::new();
    let operations = tokio::spawn(http::serve(operations, http::operations(state.clone(), None), stopped.clone()));
    http::serve(ingest, http::ingest(state), stop).await?;
    journal.close().await;
    stopped.cancel();
    operations.await??;
    tracing::info!("stopped");
    Ok(())
}
