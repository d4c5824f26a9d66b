//! Facts about the page and its browser, by the page's global object.

use super::options::{get, read};
use crate::config::{Value, number, text};
use crate::context::Facts;
use crate::trace::Parent;
use wasm_bindgen::JsValue;

/// The page.
pub struct Page(pub JsValue);

impl Page {
    fn at(&self, path: &str) -> Value {
        read(&self.0, path)
    }

    /// The address, with query and fragment.
    pub fn address(&self) -> String {
        text(&|path| self.at(path), "location.href")
    }

    /// Width and height of the viewport in CSS pixels.
    pub fn viewport(&self) -> (f64, f64) {
        let size = |path| number(&|path| self.at(path), path, 0.0);
        (size("innerWidth"), size("innerHeight"))
    }

    /// What the browser says about itself.
    pub fn facts(&self) -> Facts {
        let mut brands = Vec::new();
        if let Some(list) = get(&self.0, "navigator.userAgentData.brands") {
            // Browsers give three; what a page put there instead may be anything.
            for at in ["0", "1", "2", "3"] {
                let Some(brand) = get(&list, at) else { break };
                let member = |name| text(&|path| read(&brand, path), name);
                brands.push((member("brand"), member("version")));
            }
        }
        let fact = |path| text(&|path| self.at(path), path);
        Facts { user_agent: fact("navigator.userAgent"), language: fact("navigator.language"), brands }
    }

    /// The span that a driver of the page has set as the parent of what starts now.
    pub fn driver(&self) -> Option<Parent> {
        let driver = get(&self.0, "__TRACE_CONTEXT__")?;
        let id = |name| text(&|path| read(&driver, path), name);
        Parent::new(id("traceId"), id("spanId"))
    }
}
