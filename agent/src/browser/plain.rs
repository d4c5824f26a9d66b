//! Plain objects for the page: what the agent has as JSON, handed over through serde-wasm-bindgen.
//!
//! The text is the agent's own and some eight levels deep, so it is walked and not checked.

use crate::json;
use js_sys::JSON;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::cell::Cell;
use wasm_bindgen::JsValue;

/// The value that a JSON text stands for; undefined when there is none.
pub fn plain(text: &[u8]) -> JsValue {
    let objects = serde_wasm_bindgen::Serializer::json_compatible();
    Rest(Cell::new(text)).serialize(&objects).unwrap_or_default()
}

/// What is left of the text. Serializing it takes its first value off.
struct Rest<'a>(Cell<&'a [u8]>);

impl<'a> Rest<'a> {
    fn first(&self) -> u8 {
        self.0.get().first().copied().unwrap_or_default()
    }

    fn take(&self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.get().split_at_checked(length).unwrap_or_default();
        self.0.set(rest);
        taken
    }

    /// Steps over what opens or separates; false, behind the end, after the last element.
    fn more(&self, end: u8) -> bool {
        if self.first() != end {
            self.take(1);
        }
        if self.first() != end {
            return !self.0.get().is_empty();
        }
        self.take(1);
        false
    }

    /// Takes a text or a number, and the colon after a name. The browser reads those that are not plain.
    fn scalar(&self) -> JsValue {
        let text = self.0.get();
        let quoted = self.first() == b'"';
        let (mut escape, mut plain) = (false, quoted);
        let last = text.iter().skip(1).position(|byte| {
            let ends = if quoted { *byte == b'"' && !escape } else { matches!(byte, b',' | b'}' | b']') };
            escape = *byte == b'\\' && !escape;
            plain &= !escape;
            ends
        });
        let length = last.map_or(text.len(), |last| last + 1);
        let token = self.take(length + usize::from(quoted));
        if self.first() == b':' {
            self.take(1);
        }
        match token.get(1..length) {
            Some(content) if plain => JsValue::from_str(json::as_text(content)),
            _ => JSON::parse(json::as_text(token)).unwrap_or_default(),
        }
    }
}

impl Serialize for Rest<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.first() {
            b'{' => {
                let mut map = to.serialize_map(None)?;
                while self.more(b'}') {
                    map.serialize_entry(self, self)?;
                }
                map.end()
            }
            b'[' => {
                let mut list = to.serialize_seq(None)?;
                while self.more(b']') {
                    list.serialize_element(self)?;
                }
                list.end()
            }
            _ => {
                let value = self.scalar();
                if let Some(text) = value.as_string() {
                    to.serialize_str(&text)
                } else if let Some(number) = value.as_f64() {
                    to.serialize_f64(number)
                } else if let Some(flag) = value.as_bool() {
                    to.serialize_bool(flag)
                } else {
                    to.serialize_unit()
                }
            }
        }
    }
}
