//! Hands a batch to the lent `fetch` and tells what came of it.

use super::object::{call, get, set};
use crate::json;
use crate::policy;
use crate::upload::Outcome;
use js_sys::{Function, JSON, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::Headers;

/// What is told when a request is over: its id, how it ended, and whether the collector called the session invalid,
/// if it said anything of it in `X-Faro-Session-Status`.
pub type Done = fn(u32, Outcome, Option<bool>);

/// The lent `fetch`.
pub struct Sender {
    page: JsValue,
    fetch: Function,
    url: JsValue,
    settled: JsValue,
    settle: Done,
}

/// A request, ready to be made when nothing is borrowed.
pub struct Request {
    id: u32,
    fetch: Function,
    url: JsValue,
    init: JsValue,
    settled: JsValue,
    settle: Done,
}

impl Sender {
    /// Posts to `url` with `fetch`, and tells `settle`.
    pub fn new(page: &JsValue, fetch: Function, url: &str, settle: Done) -> Self {
        let settled = Closure::<dyn FnMut(u32, JsValue)>::new(move |id, answer| {
            let (outcome, invalid) = read(&answer);
            settle(id, outcome, invalid);
        });
        Sender { page: page.clone(), fetch, url: JsValue::from_str(url), settled: settled.into_js_value(), settle }
    }

    /// A request with a body and headers; those without a value are left out.
    pub fn request(&self, id: u32, body: &[u8], headers: &[(&str, &str)], keepalive: bool) -> Request {
        let mut init = br#"{"method":"POST","headers":{"#.to_vec();
        headers.iter().for_each(|(name, value)| json::optional(&mut init, name, value));
        json::put(&mut init, b"}");
        json::flag(&mut init, "keepalive", keepalive);
        json::put(&mut init, b"}");
        let init = JSON::parse(&json::into_text(init)).unwrap_or_default();
        set(&init, "body", &Uint8Array::from(body));
        if let Some(signal) = self.timeout() {
            set(&init, "signal", &signal);
        }
        let (fetch, url, settled) = (self.fetch.clone(), self.url.clone(), self.settled.clone());
        Request { id, fetch, url, init, settled, settle: self.settle }
    }

    /// `AbortSignal.timeout`, where the browser has it: a stalled collector must not hold a connection.
    fn timeout(&self) -> Option<JsValue> {
        let after = JsValue::from_f64(policy::REQUEST_TIMEOUT_MS);
        call(&get(&self.page, "AbortSignal"), "timeout", &after, &JsValue::UNDEFINED)
    }
}

impl Request {
    /// Makes the request. Never throws; what the browser refuses has failed.
    pub fn send(self) {
        if self.watch().is_none() {
            (self.settle)(self.id, Outcome::Failed, None);
        }
    }

    fn watch(&self) -> Option<JsValue> {
        let settled = call(&self.settled, "bind", &JsValue::UNDEFINED, &JsValue::from_f64(f64::from(self.id)))?;
        let promise = self.fetch.call2(&JsValue::UNDEFINED, &self.url, &self.init).ok()?;
        call(&promise, "then", &settled, &settled)
    }
}

/// What a `Response` says; whatever else `fetch` settled with is a failure.
fn read(answer: &JsValue) -> (Outcome, Option<bool>) {
    let Some(status) = get(answer, "status").as_f64() else { return (Outcome::Failed, None) };
    let headers: Headers = get(answer, "headers").unchecked_into();
    let header = |name| headers.get(name).ok().flatten();
    let retry_after = header("retry-after").and_then(|text| wait(&text));
    let invalid = header("x-faro-session-status").map(|word| word == "invalid");
    (Outcome::Answer { status: status as u16, retry_after }, invalid)
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
