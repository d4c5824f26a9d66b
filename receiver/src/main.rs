//! `farol`: read the configuration, start the logs, run until asked to stop.

use anyhow::Context;
use farol::config::Config;
use farol::{app, shutdown, telemetry};
use std::process::ExitCode;

// Version 2 without huge pages (see Cargo.toml): it gives freed memory back within 10 ms, version 3 after a second, and
// a burst of large payloads then costs twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farol: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let config = Config::from_process()?;
    telemetry::init(&config.log_level)?;
    let stop = shutdown::on_signal().context("signal handlers")?;
    app::run(config, stop).await
}
