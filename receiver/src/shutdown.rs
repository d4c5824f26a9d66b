//! Signals: the first SIGTERM or SIGINT asks for a graceful stop, the second ends the process; SIGHUP asks to read the
//! configuration again.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by SIGTERM or SIGINT. Fails when the handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if stopping.is_cancelled() {
                // What was answered 202 is on disk; only the drain is cut short.
                tracing::warn!(signal = name, "second signal, ending at once");
                std::process::exit(1);
            }
            tracing::info!(signal = name, "stopping");
            stopping.cancel();
        }
    });
    Ok(stop)
}

/// Gives one item for each SIGHUP. Fails when the handler cannot be installed.
pub fn on_hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
