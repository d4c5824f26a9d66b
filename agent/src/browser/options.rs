//! One reader for the page's objects: options, parts of the meta, what storage held, facts about the browser.

use crate::config::Value;
use crate::json::{as_text, cut};
use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// The value at a path such as `batching.sendTimeout`, each step an own or inherited member.
pub fn get(object: &JsValue, path: &str) -> Option<JsValue> {
    let mut at = object.clone();
    let mut rest = Some(path.as_bytes());
    while let Some(path) = rest {
        let (key, after) = cut(path, b'.');
        // A getter that throws is a member that is not there.
        at = Reflect::get(&at, &JsValue::from_str(as_text(key))).ok()?;
        rest = after;
    }
    (!at.is_undefined() && !at.is_null()).then_some(at)
}

/// The value at a path, as far as options go.
pub fn read(object: &JsValue, path: &str) -> Value {
    let Some(value) = get(object, path) else { return Value::Missing };
    if let Some(text) = value.as_string() {
        return Value::Text(text);
    }
    if let Some(number) = value.as_f64() {
        return Value::Number(number);
    }
    if let Some(flag) = value.as_bool() {
        return Value::Flag(flag);
    }
    let mut pairs = Vec::new();
    for entry in Object::entries(value.unchecked_ref::<Object>()).iter() {
        let entry: Array = entry.unchecked_into();
        let value = entry.get(1);
        // As Faro does: objects as JSON, the rest as text.
        let text = value.as_string().or_else(|| JSON::stringify(&value).ok().and_then(|json| json.as_string()));
        if let (Some(key), Some(text)) = (entry.get(0).as_string(), text) {
            pairs.push((key, text));
        }
    }
    Value::Pairs(pairs)
}
