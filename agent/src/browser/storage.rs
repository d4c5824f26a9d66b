//! The browser's storage. That it throws, is full or is not there is ordinary.

use super::object::{get, set};
use crate::json;
use crate::policy;
use crate::session::Kept;
use js_sys::JSON;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Storage;

/// Where the session is kept.
pub struct Store {
    storage: Storage,
}

impl Store {
    /// The storage of the tab, or of the browser when the session outlives the tab.
    pub fn open(page: &JsValue, persistent: bool) -> Self {
        let name = if persistent { "localStorage" } else { "sessionStorage" };
        Store { storage: get(page, name).unchecked_into() }
    }

    /// The session that was kept, whoever kept it: Faro writes the same.
    pub fn read(&self) -> Option<Kept> {
        let text = self.storage.get_item(policy::SESSION_KEY).ok()??;
        let kept = JSON::parse(&text).ok()?;
        let meta = get(&kept, "sessionMeta");
        let attributes = get(&meta, "attributes");
        let text = |object, name| get(object, name).as_string().unwrap_or_default();
        let number = |name| get(&kept, name).as_f64().unwrap_or_default();
        let previous = text(&attributes, "previousSession");
        let unsampled = text(&attributes, "isSampled") == "false";
        // What the agent itself says is not of the page's attributes.
        set(&attributes, "isSampled", &JsValue::UNDEFINED);
        set(&attributes, "previousSession", &JsValue::UNDEFINED);
        Some(Kept {
            id: text(&kept, "sessionId"),
            started: number("started"),
            active: number("lastActivity"),
            unsampled,
            previous,
            attributes: members(&attributes),
            overrides: members(&get(&meta, "overrides")),
        })
    }

    /// Keeps the JSON of a session, if the browser will.
    pub fn write(&self, session: &[u8]) {
        let _ = self.storage.set_item(policy::SESSION_KEY, json::as_text(session));
    }
}

/// The JSON members of an object; none when it is no object.
fn members(object: &JsValue) -> Vec<u8> {
    let json = JSON::stringify(object).ok().and_then(|json| json.as_string()).unwrap_or_default();
    match json.as_bytes() {
        [b'{', members @ .., b'}'] => members.to_vec(),
        _ => Vec::new(),
    }
}
