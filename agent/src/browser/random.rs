//! A seed from the browser's own generator.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::Crypto;

/// 128 bits of chance. Where a page has broken the generator, the time has to do.
pub fn seed(page: &JsValue) -> [u64; 2] {
    let mut bytes = [0; 16];
    let crypto: Crypto = super::object::get(page, "crypto").unchecked_into();
    if crypto.get_random_values_with_u8_array(&mut bytes).is_err() {
        return [js_sys::Date::now() as u64, 0];
    }
    let bits = u128::from_le_bytes(bytes);
    [bits as u64, (bits >> 64) as u64]
}
