//! The browser's storage. That it throws, is full or is not there is ordinary.

use crate::policy;
use js_sys::JSON;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Storage;

/// Where the session is kept.
pub struct Store {
    storage: Option<Storage>,
}

impl Store {
    /// The storage of the tab, or of the browser when the session outlives the tab.
    pub fn open(page: &JsValue, persistent: bool) -> Self {
        let name = if persistent { "localStorage" } else { "sessionStorage" };
        Store { storage: super::options::get(page, name).map(JsCast::unchecked_into) }
    }

    /// The session that was kept, as an object.
    pub fn read(&self) -> Option<JsValue> {
        let text = self.storage.as_ref()?.get_item(policy::SESSION_KEY).ok()??;
        JSON::parse(&text).ok()
    }

    /// Keeps the JSON of a session, if the browser will.
    pub fn write(&self, json: &[u8]) {
        if let (Some(storage), Ok(text)) = (&self.storage, std::str::from_utf8(json)) {
            let _ = storage.set_item(policy::SESSION_KEY, text);
        }
    }
}
