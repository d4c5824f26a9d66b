//! The Farol browser agent: what decides and acts, compiled to WebAssembly.
//!
//! This file is the exported surface and nothing else. `npm/src/agent.ts` is the other side of it and
//! the only caller; codes and the layout of the scratch buffer are agreed between the two.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod agent;
mod batch;
mod browser;
mod client;
mod config;
mod context;
mod dedupe;
mod drops;
mod guard;
mod json;
mod outbox;
mod policy;
mod queue;
mod sampling;
mod session;
mod signal;
mod stack;
mod trace;
mod upload;
mod vitals;

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Reads the options and begins. False when it runs already. `page` is the global object.
#[wasm_bindgen]
pub fn start(page: JsValue, options: JsValue, fetch: Function, transform: Option<Function>) -> bool {
    guard::install(|| agent::Agent::start(page, &options, fetch, transform))
}

/// The address of a buffer of at least `length` bytes, its content kept; 0 when there is none to be had.
#[wasm_bindgen]
pub fn scratch(length: usize) -> usize {
    guard::enter(|agent| agent.scratch(length))
}

/// An item in the first `length` bytes of the scratch buffer; `at` is its time, 0 for now.
#[wasm_bindgen]
pub fn push(kind: u32, flags: u32, at: f64, length: usize) {
    guard::enter(|agent| agent.push(kind, signal::Flags(flags), at, length));
}

/// An entry of a performance observer in the scratch buffer.
#[wasm_bindgen]
pub fn vital(entry: u32, length: usize) {
    guard::enter(|agent| agent.vital(entry, length));
}

/// Replaces a part of the meta.
#[wasm_bindgen]
pub fn set_meta(part: u32, value: JsValue) {
    guard::enter(|agent| agent.set_meta(part, &value));
}

/// Something happened to the page, or the page asks for something.
#[wasm_bindgen]
pub fn moment(code: u32) {
    match agent::Moment::of(code) {
        Some(agent::Moment::Shutdown) => guard::remove(),
        Some(moment) => guard::enter(|agent| agent.moment(moment)),
        None => {}
    }
}

/// Opens the span of a request whose method and URL are in the scratch buffer. 0: not observed.
#[wasm_bindgen]
pub fn request_start(client: u32, length: usize) -> u32 {
    guard::enter(|agent| agent.request_start(client, length))
}

/// The `traceparent` of an open span, empty for an unknown handle.
#[wasm_bindgen]
pub fn traceparent(handle: u32) -> String {
    guard::enter(|agent| agent.traceparent(handle))
}

/// Closes a span; what went wrong is in the scratch buffer.
#[wasm_bindgen]
pub fn request_end(handle: u32, status: u16, length: usize) {
    guard::enter(|agent| agent.request_end(handle, status, length));
}

/// What the page may look at, as JSON: 0 the meta, 1 the session, 2 the counts, 3 the active trace.
#[wasm_bindgen]
pub fn look(at: u32) -> String {
    guard::enter(|agent| agent.look(at))
}
