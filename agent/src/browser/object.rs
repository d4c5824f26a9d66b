//! Members of JavaScript objects.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// A member, own or inherited; undefined when there is none, or a getter that throws.
pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or_default()
}

/// Sets a member.
pub fn set(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object.unchecked_ref(), &JsValue::from_str(name), value);
}

/// Calls a method with two arguments; `None` when it throws, or is none.
pub fn call(object: &JsValue, name: &str, a: &JsValue, b: &JsValue) -> Option<JsValue> {
    get(object, name).unchecked_into::<Function>().call2(object, a, b).ok()
}
