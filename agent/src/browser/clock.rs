//! The browser's two clocks.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::Performance;

/// Wall time, and the finer clock that no one sets.
pub struct Clock {
    performance: Performance,
}

impl Clock {
    /// The clocks of a page, by its global object.
    pub fn new(page: &JsValue) -> Self {
        Clock { performance: super::object::get(page, "performance").unchecked_into() }
    }

    /// Milliseconds since the epoch.
    pub fn now(&self) -> f64 {
        js_sys::Date::now()
    }

    /// Milliseconds since the page began; only differences mean something.
    pub fn fine(&self) -> f64 {
        self.performance.now()
    }
}
