//! Third-party notices: the licence texts of what is linked into the binary and into the package.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What the viewer's pages are built from, besides our own code.
const VIEWER: [&str; 3] = ["preact", "@preact/signals", "@preact/signals-core"];

/// Licence texts, each with the components that stand under it.
type Notices = BTreeMap<String, BTreeSet<String>>;

/// Writes the notices of the package to `npm/`, and those of the binary beside it in `target/release`.
pub fn write(root: &Path) -> Result<()> {
    let mut binary = crates(root, "farol", None)?;
    for package in VIEWER {
        component(&mut binary, package, &root.join("node_modules").join(package), "MIT")?;
    }
    let release = root.join("target/release");
    std::fs::create_dir_all(&release)?;
    std::fs::write(release.join("THIRD-PARTY-NOTICES.txt"), text(&binary))?;
    let package = crates(root, "farol-agent", Some("wasm32-unknown-unknown"))?;
    std::fs::write(root.join("npm/THIRD-PARTY-NOTICES.txt"), text(&package))?;
    Ok(())
}

/// The notices of every crate that `package` links. Procedural macros run in the compiler and are not linked.
fn crates(root: &Path, package: &str, platform: Option<&str>) -> Result<Notices> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root);
    command.args(platform.map(|p| ["--filter-platform", p]).iter().flatten());
    let output = command.output().context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let by_id = |entries: &Value| -> BTreeMap<String, Value> {
        list(entries).into_iter().filter_map(|e| Some((e["id"].as_str()?.to_owned(), e))).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let is_macro = |id: &str| {
        let targets = packages.get(id).map(|package| list(&package["targets"])).unwrap_or_default();
        targets.iter().any(|target| list(&target["kind"]).iter().any(|kind| kind == "proc-macro"))
    };
    let start = packages.iter().find(|(_, p)| p["name"] == package).map(|(id, _)| id.clone());
    let mut waiting = vec![start.with_context(|| format!("no crate {package} in the workspace"))?];
    let mut linked = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !is_macro(&id) && linked.insert(id.clone()) {
            let deps = nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default();
            let normal = deps.iter().filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()));
            waiting.extend(normal.filter_map(|dep| Some(dep["pkg"].as_str()?.to_owned())));
        }
    }
    let mut notices = Notices::new();
    for package in linked.iter().filter_map(|id| packages.get(id)).filter(|package| package["source"].is_string()) {
        let field = |name: &str| package[name].as_str().unwrap_or("unknown");
        let folder = Path::new(field("manifest_path")).parent().unwrap_or(root);
        component(&mut notices, &format!("{} {}", field("name"), field("version")), folder, field("license"))?;
    }
    Ok(notices)
}

/// Adds one component under each licence file that its folder holds, or under the name of its licence alone.
fn component(notices: &mut Notices, title: &str, folder: &Path, licence: &str) -> Result<()> {
    let title = format!("{title} ({licence})");
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} of {title}", folder.display()))?;
    let mut texts = Vec::new();
    for file in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|file| file.is_file()) {
        let name = file.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        if ["LICENSE", "LICENCE", "NOTICE", "COPYING", "UNLICENSE"].iter().any(|word| name.starts_with(word)) {
            let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
            texts.push(String::from_utf8_lossy(&text).replace("\r\n", "\n").trim().to_owned());
        }
    }
    if texts.is_empty() {
        texts.push(format!("{licence}, no text in the package"));
    }
    for text in texts {
        notices.entry(text).or_default().insert(title.clone());
    }
    Ok(())
}

/// Every text once, behind the components that stand under it.
fn text(notices: &Notices) -> String {
    let mut out = String::from("Farol contains the following third-party software.\n");
    let mut sorted: Vec<_> = notices.iter().map(|(text, titles)| (titles, text)).collect();
    sorted.sort();
    for (titles, text) in sorted {
        let titles: Vec<_> = titles.iter().map(String::as_str).collect();
        out += &format!("\n{}\n{}\n\n{text}\n", "-".repeat(78), titles.join("\n"));
    }
    out
}
