//! `farol`: read the configuration, start the log, run until asked to stop.

use anyhow::Context;
use farol::config::{Command, Config, Invocation, schema};
use farol::{app, lanes, log, probe, shutdown};
use std::process::ExitCode;

// Version 2 without huge pages (see Cargo.toml): it gives freed memory back within 10 ms, version 3 after a second, and
// a burst of large payloads then costs twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let invocation = Invocation::from_process();
    let done = match invocation.command {
        Command::Run => run(&invocation).await,
        Command::Check => check(&invocation),
        Command::Schema => print(&format!("{:#}", schema::schema())),
        Command::Health => health(&invocation).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(invocation: &Invocation) -> anyhow::Result<()> {
    let config = read(invocation)?;
    let level = log::init(&config.log_level, config.log_format, config.environment.as_deref())?;
    let stop = shutdown::on_signal().context("signal handlers")?;
    let hangups = shutdown::on_hangup().context("signal handlers")?;
    app::run(config, stop, app::Reload { invocation: invocation.clone(), level, hangups }).await
}

fn check(invocation: &Invocation) -> anyhow::Result<()> {
    read(invocation)?;
    print("ok")
}

async fn health(invocation: &Invocation) -> anyhow::Result<()> {
    let config = invocation.config()?;
    print(&probe::ready(config.operations).await?)
}

/// A configuration that this build can run.
fn read(invocation: &Invocation) -> anyhow::Result<Config> {
    let config = invocation.config()?;
    lanes::check(&config)?;
    Ok(config)
}

fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    // Not `println!`, which panics when nobody reads.
    writeln!(std::io::stdout(), "{text}").context("standard output")
}
