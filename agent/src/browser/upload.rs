//! Hands a batch to the lent `fetch` and tells what came of it.

use super::options::get;
use crate::policy;
use crate::upload::Outcome;
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::Response;

/// What is told when a request is over: its id, how it ended, and whether the collector called the session invalid.
pub type Done = fn(u32, Outcome, bool);

/// A request, ready to be made when nothing is borrowed.
pub struct Request {
    /// What `done` will name.
    pub id: u32,
    /// Where to.
    pub url: String,
    /// The lent `fetch`.
    pub fetch: Function,
    /// The body, copied out of the agent's memory.
    pub body: Uint8Array,
    /// Names and values; those without a value are left out.
    pub headers: [(&'static str, String); 4],
    /// Whether it may outlive the page.
    pub keepalive: bool,
    /// Who is told.
    pub done: Done,
}

impl Request {
    /// Makes the request. Never throws; what the browser refuses has failed.
    pub fn send(self) {
        let (id, done) = (self.id, self.done);
        let settled = Closure::once_into_js(move |answer: JsValue| {
            let (outcome, invalid) = read(answer);
            done(id, outcome, invalid);
        });
        let settled: &Function = settled.unchecked_ref();
        let promise = self.call().and_then(|promise| promise.dyn_into::<Promise>().ok());
        let watched = promise.and_then(|promise| {
            let then: Function = get(&promise, "then")?.dyn_into().ok()?;
            then.call2(&promise, settled, settled).ok()
        });
        if watched.is_none() {
            // Calling it frees it.
            let _ = settled.call1(&JsValue::UNDEFINED, &JsValue::UNDEFINED);
        }
    }

    fn call(&self) -> Option<JsValue> {
        let headers = Object::new();
        for (name, value) in &self.headers {
            if !value.is_empty() {
                set(&headers, name, &JsValue::from_str(value));
            }
        }
        let init = Object::new();
        set(&init, "method", &JsValue::from_str("POST"));
        set(&init, "headers", &headers);
        set(&init, "body", &self.body);
        set(&init, "keepalive", &JsValue::from_bool(self.keepalive));
        if let Some(signal) = timeout() {
            set(&init, "signal", &signal);
        }
        self.fetch.call2(&JsValue::UNDEFINED, &JsValue::from_str(&self.url), &init).ok()
    }
}

fn set(object: &Object, key: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(key), value);
}

/// `AbortSignal.timeout`, where the browser has it: a stalled collector must not hold a connection.
fn timeout() -> Option<JsValue> {
    let signal = get(&js_sys::global(), "AbortSignal")?;
    let make: Function = get(&signal, "timeout")?.dyn_into().ok()?;
    make.call1(&signal, &JsValue::from_f64(policy::REQUEST_TIMEOUT_MS)).ok()
}

fn read(answer: JsValue) -> (Outcome, bool) {
    let Ok(response) = answer.dyn_into::<Response>() else { return (Outcome::Failed, false) };
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let retry_after = header("retry-after").and_then(|text| wait(&text));
    let invalid = header("x-faro-session-status").as_deref() == Some("invalid");
    (Outcome::Answer { status: response.status(), retry_after }, invalid)
}

/// Milliseconds of a `Retry-After`: seconds, or an HTTP date.
fn wait(text: &str) -> Option<f64> {
    let digits = text.trim_ascii();
    if !digits.is_empty() && digits.len() < 10 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(digits.bytes().fold(0.0, |seconds, d| seconds * 10.0 + f64::from(d - b'0')) * 1_000.0);
    }
    let wait = js_sys::Date::parse(digits) - js_sys::Date::now();
    wait.is_finite().then(|| wait.max(0.0))
}
