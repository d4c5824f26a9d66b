//! The size report: each part of the agent in raw and brotli bytes, held against the budget.

use crate::wasm::{MODULE, NAMED};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;

/// The whole agent with tracing, as one inlined file, brotli 11. DESIGN section 3, "Budgets".
const BUDGET: usize = 32_000;

/// Prints the report; fails when a bundle is over [`BUDGET`].
pub fn report(root: &Path) -> Result<()> {
    let read = |path: &str| std::fs::read(root.join(path)).with_context(|| format!("{path}: run `make build` first"));
    println!("{:<46}{:>10}", "code of the module by crate and room", "raw");
    let mut rooms: Vec<_> = rooms(&read(NAMED)?)?.into_iter().collect();
    rooms.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    for (room, bytes) in rooms {
        println!("{room:<46}{bytes:>10}");
    }
    let module = read(MODULE)?;
    println!("\n{:<46}{:>10}{:>10}", "part", "raw", "brotli");
    line("wasm module", module.len(), brotli(&module));
    let mut worst = 0;
    for bundle in ["npm/dist/index.js", "npm/dist/index.cjs", "npm/dist/farol.iife.js"] {
        let bytes = read(bundle)?;
        let script = without_module(&bytes);
        line(&format!("{bundle}, script alone"), script.len(), brotli(&script));
        let whole = brotli(&bytes);
        line(&format!("{bundle}, with the module"), bytes.len(), whole);
        worst = worst.max(whole);
    }
    println!("\ntotal {worst} of {BUDGET} bytes");
    if worst > BUDGET {
        bail!("the agent is {} bytes over its budget of {BUDGET}", worst - BUDGET);
    }
    Ok(())
}

fn line(part: &str, raw: usize, brotli: usize) {
    println!("{part:<46}{raw:>10}{brotli:>10}");
}

fn brotli(bytes: &[u8]) -> usize {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut out = Vec::new();
    // Writing to memory cannot fail; a failure would show as a size of zero.
    brotli::BrotliCompress(&mut &*bytes, &mut out, &params).map_or(0, |_| out.len())
}

/// The bundle less its inlined module, which is its longest string.
fn without_module(bundle: &[u8]) -> Vec<u8> {
    let longest = bundle.split(|byte| *byte == b'"').max_by_key(|text| text.len()).unwrap_or_default();
    let start = longest.as_ptr() as usize - bundle.as_ptr() as usize;
    [&bundle[..start], &bundle[start + longest.len()..]].concat()
}

/// Bytes of function bodies by crate; the agent's own by module.
fn rooms(module: &[u8]) -> Result<BTreeMap<String, usize>> {
    use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};
    let (mut imported, mut bodies, mut names) = (0, Vec::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    let Name::Function(functions) = subsection? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(function.index, function.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    let mut rooms = BTreeMap::new();
    for (index, bytes) in (imported..).zip(bodies) {
        *rooms.entry(room(names.get(&index).map_or("", String::as_str))).or_default() += bytes;
    }
    Ok(rooms)
}

/// `crate::module` of our own functions, the crate of others. Names come with the crates' hashes in brackets.
fn room(symbol: &str) -> String {
    let path = format!("{:#}", rustc_demangle::demangle(symbol));
    let mut parts = path.split("::").map(|part| {
        let name = part.trim_start_matches(['<', '&', '(', '[', '{', '*']);
        let name = name.trim_start_matches("mut ").trim_start_matches("dyn ");
        name.split(['[', ' ', '<', '>']).next().unwrap_or_default()
    });
    match (parts.next(), parts.next()) {
        (Some(ours @ ("farol_agent" | "wire")), Some(module)) => format!("{ours}::{module}"),
        (Some(krate), Some(_)) => krate.to_owned(),
        _ => "exports and shims".to_owned(),
    }
}
