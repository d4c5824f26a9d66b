//! The agent from Rust to `npm/wasm`: cargo with a rebuilt std, wasm-bindgen, wasm-opt.

use crate::run;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use walrus::{Element, ElementId, ElementItems, FunctionBuilder, Module};

/// The optimised module, the one that ships.
pub const MODULE: &str = "npm/wasm/farol_agent_bg.wasm";
/// The same module with its function names, for the size report.
pub const NAMED: &str = "npm/wasm/named.wasm";

/// What puts the module together in the page.
const UNPACKER: &str = "npm/wasm/unpack.wasm";

const STRIP: [&str; 3] = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/// Builds the agent and leaves in `npm/wasm` the glue, the module, and what unpacks it.
pub fn build(root: &Path) -> Result<()> {
    unpacker(root)?;
    let mut bound = bound(root, "farol-agent")?;
    drop_shims(bound.wasm_mut())?;
    let out = root.join("npm/wasm");
    bound.emit(&out)?;
    let module = root.join(MODULE);
    let bound = out.join("bound.wasm");
    std::fs::rename(&module, &bound).with_context(|| format!("moving {}", module.display()))?;
    // Never --all-features: the module would then use encodings that browsers refuse.
    optimise(root, &bound, &root.join(NAMED), &["-g"])?;
    let names = optimise(root, &bound, &module, &[&STRIP[..], &["--minify-imports-and-exports-and-modules"]].concat())?;
    let glue = out.join("farol_agent.js");
    let text = std::fs::read_to_string(&glue).with_context(|| glue.display().to_string())?;
    std::fs::write(&glue, trimmed(shortened(text, &serde_json::from_slice(&names)?)?)?)?;
    Ok(())
}

/// The unpacker needs none of the glue: it is one function and its memory.
fn unpacker(root: &Path) -> Result<()> {
    let mut bound = bound(root, "farol-unpack")?;
    let module = bound.wasm_mut();
    let others: Vec<String> = module.exports.iter().map(|export| export.name.clone()).collect();
    for name in others.iter().filter(|name| !["unpack", "memory"].contains(&name.as_str())) {
        module.exports.remove(name)?;
    }
    module.start = None;
    walrus::passes::gc::run(module);
    if let Some(import) = module.imports.iter().next() {
        bail!("the unpacker imports {}: nothing gives it that", import.name);
    }
    let path = root.join(UNPACKER);
    std::fs::create_dir_all(root.join("npm/wasm"))?;
    module.emit_wasm_file(&path)?;
    optimise(root, &path, &path, &STRIP).map(drop)
}

/// Builds a package and has wasm-bindgen read it.
fn bound(root: &Path, package: &str) -> Result<wasm_bindgen_cli_support::Output> {
    cargo(root, package)?;
    let built = target(root).join("wasm32-unknown-unknown/wasm").join(package.replace('-', "_")).with_extension("wasm");
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(&built)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("wasm-bindgen on {}", built.display()))
}

/// Takes the shims of js-sys's callbacks and tasks, which we have none of, out of the function table. Their addresses
/// were taken by descriptions that wasm-bindgen has read and dropped; the shims of our own callbacks are exports.
fn drop_shims(module: &mut Module) -> Result<()> {
    const TASKS: &str = "::futures::jspi::";
    let unused = |name: &str| name.contains("closures::_::invoke") || name.contains(TASKS);
    // The glue grows no text in place, and frees none.
    for export in ["__wbindgen_realloc", "__wbindgen_free"] {
        module.exports.remove(export)?;
    }
    let mut trap = FunctionBuilder::new(&mut module.types, &[], &[]);
    trap.func_body().unreachable();
    let trap = trap.finish(vec![], &mut module.funcs);
    let named = |module: &Module, id| module.funcs.get(id).name.clone().unwrap_or_default();
    let elements: Vec<ElementId> = module.elements.iter().map(Element::id).collect();
    for id in elements {
        let ElementItems::Functions(functions) = &module.elements.get(id).items else { continue };
        let kept = functions.iter().map(|at| if unused(&named(module, *at)) { trap } else { *at }).collect();
        module.elements.get_mut(id).items = ElementItems::Functions(kept);
    }
    walrus::passes::gc::run(module);
    match module.funcs.iter().map(|function| named(module, function.id())).find(|name| name.contains(TASKS)) {
        Some(name) => bail!("{name} is in use: its shims must stay in the table"),
        None => Ok(()),
    }
}

/// The glue with the short names that wasm-opt gave to the module's imports and exports. wasm-bindgen's
/// own are long and end in hashes, which would be a twentieth of the package.
fn shortened(mut glue: String, names: &Value) -> Result<String> {
    let mut replace = |long: String, short: String| -> Result<()> {
        if !glue.contains(&long) {
            bail!("the glue has no {long:?} to shorten: has wasm-bindgen changed its layout?");
        }
        glue = glue.replace(&long, &short);
        Ok(())
    };
    let list = |key: &str| names[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for import in list("imports") {
        let (long, short) = (text(&import[1]), text(&import[2]));
        replace(format!(" {long}: "), format!(" {short}: "))?;
    }
    // The one export that our own script reads, from what `initSync` returns, keeps its name for it.
    replace("return wasm;\n}".to_owned(), "return { memory: wasm.memory };\n}".to_owned())?;
    for export in list("exports") {
        let (long, short) = (text(&export[0]), text(&export[1]));
        // Some exports are for other hosts; the glue has no use for them.
        let used = format!("wasm.{long}");
        for end in ["(", ".", ";", ")", ",", " "] {
            let _ = replace(format!("{used}{end}"), format!("wasm.{short}{end}"));
        }
    }
    replace(", wasm.__wbindgen_realloc)".to_owned(), ")".to_owned())?;
    // All imports come from one module, whose name the pass shortens to the first letter.
    replace("\"./farol_agent_bg.js\": ".to_owned(), "\"a\": ".to_owned())?;
    Ok(glue)
}

/// Parts of the glue that no browser with our wasm features needs: first line, last line, and what takes their place.
const UNNEEDED: [(&str, &str, &str); 8] = [
    // `encodeInto` is older than reference types in every engine.
    ("if (!('encodeInto' in cachedTextEncoder)) {\n", "\n}\n", ""),
    // Safari's decoder tires after 2 GiB, which no page's telemetry comes to.
    ("    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {\n", "    }\n", ""),
    // Our own script passes the one object.
    ("    if (module !== undefined) {\n", "\n    }\n", "    ({module} = module);\n"),
    // Texts that cross as arguments are rare (storage, a header, a hook's answer): no fast path for short ones.
    (
        "    if (realloc === undefined) {\n",
        "    WASM_VECTOR_LEN = offset;\n    return ptr;\n",
        "    const bytes = cachedTextEncoder.encode(arg);\n    const ptr = malloc(bytes.length, 1) >>> 0;\n    \
         getUint8ArrayMemory0().set(bytes, ptr);\n    WASM_VECTOR_LEN = bytes.length;\n    return ptr;\n",
    ),
    // The agent owns its callbacks: none is left to the garbage collector.
    ("const CLOSURE_DTORS = ", ";\n", ""),
    ("            CLOSURE_DTORS.", ";\n", ""),
    ("    CLOSURE_DTORS.", ";\n", ""),
    // Memory that grew has another buffer.
    (" || cachedDataViewMemory0.buffer.detached === true", "=== undefined && ", " || ("),
];

fn trimmed(mut glue: String) -> Result<String> {
    for (first, last, instead) in UNNEEDED {
        let found = glue.find(first).and_then(|start| {
            let end = glue[start..].find(last)? + last.len();
            Some(start..start + end)
        });
        let range =
            found.with_context(|| format!("the glue has no {first:?} to leave out: has wasm-bindgen changed?"))?;
        glue.replace_range(range, instead);
    }
    Ok(glue)
}

/// Rebuilds std with `panic=immediate-abort`: without it the formatting machinery stays in, about 5 KB.
/// Inlining before LLVM, which is off where size matters, takes the calls of tiny functions away that LLVM
/// then leaves alone: 1.3 KB after brotli, at the thresholds that did best. The flags are unstable, so the
/// bootstrap switch is set for this one command.
fn cargo(root: &Path, package: &str) -> Result<()> {
    run(Command::new("cargo")
        .args(["build", "--profile", "wasm", "--package", package, "--lib"])
        .args(["--target", "wasm32-unknown-unknown", "-Zbuild-std=std,panic_abort"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "RUSTFLAGS",
            "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Clink-arg=-zstack-size=65536 \
             -Zinline-mir=yes -Zinline-mir-threshold=200 -Zinline-mir-hint-threshold=50",
        )
        .current_dir(root))
}

/// Runs wasm-opt and returns what it prints. Flattening first lets it find other ways through the branches,
/// and functions of more than 45 instructions with one caller stay apart: together 0.4 KB after brotli.
fn optimise(root: &Path, input: &Path, output: &Path, flags: &[&str]) -> Result<Vec<u8>> {
    let tool = root.join("node_modules/.bin/wasm-opt");
    let done = Command::new(&tool)
        .arg(input)
        .args(["--flatten", "--rereloop", "-Oz", "--one-caller-inline-max-function-size=45"])
        .args(flags)
        .arg("-o")
        .arg(output)
        .output();
    let done = done.with_context(|| format!("cannot start {} (npm ci installs it)", tool.display()))?;
    if !done.status.success() {
        bail!("wasm-opt: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(done.stdout)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
