//! The agent from Rust to `npm/wasm`: cargo with a rebuilt std, wasm-bindgen, wasm-opt.

use crate::run;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The optimised module, the one that ships.
pub const MODULE: &str = "npm/wasm/farol_agent_bg.wasm";
/// The same module with its function names, for the size report.
pub const NAMED: &str = "npm/wasm/named.wasm";

/// Builds the agent and leaves the glue and the module in `npm/wasm`.
pub fn build(root: &Path) -> Result<()> {
    cargo(root)?;
    let built = target(root).join("wasm32-unknown-unknown/wasm/farol_agent.wasm");
    let out = root.join("npm/wasm");
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(&built)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(true)
        .remove_producers_section(true)
        .generate(&out)
        .with_context(|| format!("wasm-bindgen on {}", built.display()))?;
    let module = root.join(MODULE);
    let bound = out.join("bound.wasm");
    std::fs::rename(&module, &bound).with_context(|| format!("moving {}", module.display()))?;
    // Never --all-features: the module would then use encodings that browsers refuse.
    optimise(root, &bound, &root.join(NAMED), &["-g"])?;
    optimise(root, &bound, &module, &["--strip-debug", "--strip-producers"])
}

/// Rebuilds std with `panic=immediate-abort`: without it the formatting machinery stays in, about 5 KB.
/// The flags are unstable, so the bootstrap switch is set for this one command.
fn cargo(root: &Path) -> Result<()> {
    run(Command::new("cargo")
        .args(["build", "--profile", "wasm", "--package", "farol-agent", "--lib"])
        .args(["--target", "wasm32-unknown-unknown", "-Zbuild-std=std,panic_abort"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zunstable-options -Cpanic=immediate-abort -Clink-arg=-zstack-size=65536")
        .current_dir(root))
}

fn optimise(root: &Path, input: &Path, output: &Path, flags: &[&str]) -> Result<()> {
    let tool = root.join("node_modules/.bin/wasm-opt");
    run(Command::new(&tool).arg(input).arg("-Oz").args(flags).arg("-o").arg(output))
        .with_context(|| format!("{} (npm ci installs it)", tool.display()))
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
