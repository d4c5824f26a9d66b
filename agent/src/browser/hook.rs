//! The page's hook: an item crosses once, as Faro's `TransportItem`, and comes back as JSON text.

use js_sys::Function;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// The hook.
pub struct Hook {
    function: Function,
}

/// An item that the hook is to be asked about.
pub struct Question {
    /// What the caller knows it by.
    pub tag: u32,
    /// How many hooks' calls it came through: 0 for an item that no hook pushed.
    pub depth: u8,
    function: Function,
    item: JsValue,
}

/// What the hook said.
pub enum Answer {
    /// Send this JSON text.
    Send(String),
    /// Leave the item out.
    Drop,
    /// It threw, or answered with something else.
    Failed,
}

/// Faro's `TransportItem`.
#[derive(Serialize)]
pub struct TransportItem<'a, P, M> {
    /// `log`, `event`, `measurement`, `exception` or `trace`.
    pub r#type: &'static str,
    /// The wire item.
    pub payload: &'a P,
    /// The meta.
    pub meta: &'a M,
}

impl Hook {
    /// The hook that the page gave.
    pub fn new(function: Function) -> Self {
        Hook { function }
    }

    /// A question about `item`.
    pub fn question<T: Serialize>(&self, tag: u32, depth: u8, item: &T) -> Option<Question> {
        let item = plain(item)?;
        Some(Question { tag, depth, function: self.function.clone(), item })
    }
}

impl Question {
    /// Calls the hook.
    pub fn ask(&self) -> Answer {
        match self.function.call1(&JsValue::UNDEFINED, &self.item) {
            Ok(answer) if answer.is_null() || answer.is_undefined() => Answer::Drop,
            Ok(answer) => answer.as_string().filter(|text| !text.is_empty()).map_or(Answer::Failed, Answer::Send),
            Err(_) => Answer::Failed,
        }
    }
}

/// A value as plain objects, lists and texts.
pub fn plain<T: Serialize>(value: &T) -> Option<JsValue> {
    value.serialize(&Serializer::json_compatible()).ok()
}
