//! A seed from the browser's own generator.

use js_sys::{Math, Uint8Array};
use wasm_bindgen::JsCast;
use web_sys::Crypto;

/// 128 bits of chance; from `Math.random` where there is nothing better.
pub fn seed() -> [u64; 2] {
    let bytes = Uint8Array::new_with_length(16);
    let crypto = super::options::get(&js_sys::global(), "crypto").and_then(|value| value.dyn_into::<Crypto>().ok());
    match crypto.map(|crypto| crypto.get_random_values_with_array_buffer_view(&bytes)) {
        Some(Ok(_)) => {
            let mut words = bytes
                .to_vec()
                .chunks(8)
                .map(|half| half.iter().fold(0, |word, b| word << 8 | u64::from(*b)))
                .collect::<Vec<_>>()
                .into_iter();
            [words.next().unwrap_or(1), words.next().unwrap_or(1)]
        }
        _ => [0, 0].map(|_: u64| (Math::random() * u64::MAX as f64) as u64),
    }
}
