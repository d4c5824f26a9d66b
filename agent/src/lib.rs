//! The Farol browser agent: what decides and acts, compiled to WebAssembly.
//!
//! This file is the exported surface and nothing else. `npm/src/agent.ts` is the other side of it and
//! the only caller; codes and the layout of the scratch buffer are agreed between the two.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod agent;
mod batch;
mod browser;
mod compress;
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
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

/// Puts an agent in place, still without options. False when one runs already. `page` is the global object.
#[wasm_bindgen]
pub fn start(page: JsValue, fetch: Function, transform: Option<Function>) -> bool {
    guard::install(&mut || agent::Agent::new(&page, &fetch, transform.as_ref()))
}

/// Shows the page an object or a text of the agent's, by the codes of [`agent::Agent::look`].
#[wasm_bindgen]
pub fn look(what: u32, handle: u32) -> JsValue {
    let mut shown = Vec::new();
    guard::enter(&mut |agent| shown = agent.look(what, handle));
    browser::plain::plain(&shown)
}

/// Everything else: numbers, and texts in the scratch buffer. See [`agent::Agent::call`].
#[wasm_bindgen]
pub fn call(what: u32, a: u32, b: u32, c: f64) -> u32 {
    let mut answer = 0;
    guard::enter(&mut |agent| answer = agent.call(what, a, b, c));
    answer
}
