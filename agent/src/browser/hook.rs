//! The page's hook: an item crosses once, as a payload of its own in plain objects, and comes back as JSON text.
//! `npm/src/agent.ts` makes Faro's `TransportItem` of it.

use super::plain::plain;
use js_sys::Function;
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
    item: Vec<u8>,
}

/// What the hook said.
pub enum Answer {
    /// Send this JSON text.
    Send(String),
    /// Leave the item out: it answered with an empty text.
    Drop,
    /// It threw, or answered with something else.
    Failed,
}

impl Hook {
    /// The hook that the page gave.
    pub fn new(function: Function) -> Self {
        Hook { function }
    }

    /// A question about the one item of the payload `item`.
    pub fn question(&self, tag: u32, depth: u8, item: Vec<u8>) -> Question {
        Question { tag, depth, function: self.function.clone(), item }
    }
}

impl Question {
    /// Calls the hook.
    pub fn ask(&self) -> Answer {
        let item = plain(&self.item);
        let answer = self.function.call2(&JsValue::UNDEFINED, &item, &JsValue::UNDEFINED).ok();
        match answer.and_then(|answer| answer.as_string()) {
            Some(text) if text.is_empty() => Answer::Drop,
            Some(text) => Answer::Send(text),
            None => Answer::Failed,
        }
    }
}
