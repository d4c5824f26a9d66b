//! Third-party notices: the licence texts of what is linked into the binary and into the package.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// What the viewer's pages are built from, besides our own code.
const VIEWER: [&str; 3] = ["preact", "@preact/signals", "@preact/signals-core"];

/// Writes the notices of the package to `npm/`, and those of the binary beside it in `target/release`.
pub fn write(root: &Path) -> Result<()> {
    let mut binary = notices(root, "farol", None)?;
    for package in VIEWER {
        append(&mut binary, package, &root.join("node_modules").join(package), "MIT")?;
    }
    let release = root.join("target/release");
    std::fs::create_dir_all(&release)?;
    std::fs::write(release.join("THIRD-PARTY-NOTICES.txt"), binary)?;
    let package = notices(root, "farol-agent", Some("wasm32-unknown-unknown"))?;
    std::fs::write(root.join("npm/THIRD-PARTY-NOTICES.txt"), package)?;
    Ok(())
}

/// The notices of every crate that `package` links, each with its licence texts.
fn notices(root: &Path, package: &str, platform: Option<&str>) -> Result<String> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root);
    command.args(platform.map(|p| ["--filter-platform", p]).iter().flatten());
    let output = command.output().context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let entries = list.as_array().cloned().unwrap_or_default();
        entries.into_iter().filter_map(|e| Some((e["id"].as_str()?.to_owned(), e))).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let start = packages.iter().find(|(_, p)| p["name"] == package).map(|(id, _)| id.clone());
    let mut waiting = vec![start.with_context(|| format!("no crate {package} in the workspace"))?];
    let mut linked = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if linked.insert(id.clone()) {
            let deps = nodes.get(&id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
            let normal = deps.filter(|d| d["dep_kinds"].as_array().into_iter().flatten().any(|k| k["kind"].is_null()));
            waiting.extend(normal.filter_map(|d| Some(d["pkg"].as_str()?.to_owned())));
        }
    }
    let mut text = String::from("Farol contains the following third-party software.\n");
    let third_party = linked.iter().filter_map(|id| packages.get(id)).filter(|p| p["source"].is_string());
    let mut sorted: Vec<_> = third_party.collect();
    sorted.sort_by_key(|p| (p["name"].to_string(), p["version"].to_string()));
    for package in sorted {
        let field = |name: &str| package[name].as_str().unwrap_or("unknown");
        let folder = Path::new(field("manifest_path")).parent().unwrap_or(root);
        append(&mut text, &format!("{} {}", field("name"), field("version")), folder, field("license"))?;
    }
    Ok(text)
}

/// Adds one component with the licence files that its folder holds.
fn append(text: &mut String, title: &str, folder: &Path, licence: &str) -> Result<()> {
    writeln!(text, "\n{}\n{title} ({licence})\n", "-".repeat(78))?;
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} of {title}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for file in files.into_iter().filter(|file| file.is_file()) {
        let name = file.file_name().map(|n| n.to_string_lossy().to_uppercase()).unwrap_or_default();
        if ["LICENSE", "LICENCE", "NOTICE", "COPYING", "UNLICENSE"].iter().any(|word| name.starts_with(word)) {
            writeln!(text, "{}\n", String::from_utf8_lossy(&std::fs::read(&file)?).trim())?;
        }
    }
    Ok(())
}
