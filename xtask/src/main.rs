//! Builds the wasm and the package, reports sizes; nothing else.

mod notices;
mod size;
mod wasm;

use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo run -p xtask -- wasm | package | size | notices";

fn main() -> ExitCode {
    let root = root();
    let done = match std::env::args().nth(1).as_deref() {
        Some("wasm") => wasm::build(&root),
        Some("package") => package(&root),
        Some("size") => size::report(&root),
        Some("notices") => notices::write(&root),
        _ => Err(anyhow!(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn package(root: &Path) -> Result<()> {
    wasm::build(root)?;
    notices::write(root)?;
    run(Command::new("npm").args(["run", "--silent", "build", "--workspace", "farol"]).current_dir(root))
}

/// The repository: the folder above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Runs a command to its end; its failure is ours, with the command's own words on the terminal.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
