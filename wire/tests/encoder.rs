//! The small encoder writes what serde_json writes, and what the real SDK sent survives a round trip.

use proptest::prelude::*;
use serde_json::Value;
use wire::encode;

const RECORDED: [&str; 2] = [
    include_str!("../../tests/fixtures/faro-sdk-2.10.0.json"),
    include_str!("../../tests/fixtures/faro-sdk-2.12.1.json"),
];

/// The bodies that the real SDK posted.
fn bodies() -> Vec<Value> {
    let recorded = RECORDED.iter().map(|text| serde_json::from_str::<Value>(text).expect("a fixture is JSON"));
    let requests = recorded.flat_map(|mut fixture| fixture["out"].take().as_array_mut().map(std::mem::take));
    requests.flatten().map(|mut request| request["body"].take()).filter(Value::is_object).collect()
}

fn encoded<T: serde::Serialize>(value: &T) -> Value {
    let mut out = Vec::new();
    encode::json(value, &mut out);
    serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out)))
}

/// Numbers compare by value: `1.0` and `1` are one number, and 15 digits are promised.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            a == b || (a - b).abs() <= a.abs() * 1e-14
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

#[test]
fn writes_every_recorded_payload_as_serde_json_does() {
    let bodies = bodies();
    assert!(bodies.len() > 30, "only {} recorded bodies were found", bodies.len());
    for body in bodies {
        let text = body.to_string();
        let payload = wire::decode::payload(text.as_bytes()).expect("a recorded body decodes");
        assert_eq!(payload.logs.invalid + payload.events.invalid + payload.exceptions.invalid, 0);
        assert_eq!(payload.measurements.invalid, 0, "{:?}", payload.measurements.reason);
        let by_serde = serde_json::to_value(&payload).expect("serde_json writes it");
        assert!(same(&encoded(&payload), &by_serde), "{text}");
    }
}

#[test]
fn no_member_of_a_recorded_item_is_lost() {
    // Members of a span that say nothing, which the model leaves out on purpose.
    let silent = |key: &str, value: &Value| {
        key.starts_with("dropped")
            || matches!(value, Value::Array(items) if items.is_empty())
            || value == &Value::Object(Default::default())
    };
    fn missing(path: &str, sent: &Value, kept: &Value, silent: &dyn Fn(&str, &Value) -> bool, out: &mut Vec<String>) {
        match (sent, kept) {
            (Value::Object(sent), Value::Object(kept)) => {
                for (key, value) in sent.iter().filter(|(key, value)| !silent(key, value)) {
                    match kept.get(key) {
                        Some(other) => missing(&format!("{path}.{key}"), value, other, silent, out),
                        None => out.push(format!("{path}.{key}")),
                    }
                }
            }
            (Value::Array(sent), Value::Array(kept)) if sent.len() == kept.len() => {
                sent.iter().zip(kept).for_each(|(s, k)| missing(path, s, k, silent, out));
            }
            _ if same(sent, kept) => {}
            // Text is text: a number or a boolean in a string map comes back as a string.
            (Value::Number(_) | Value::Bool(_), Value::String(text)) if **text == *sent.to_string() => {}
            (Value::Null, Value::String(text)) if text.is_empty() => {}
            _ => out.push(format!("{path}: {sent} became {kept}")),
        }
    }
    let mut lost = Vec::new();
    for body in bodies() {
        let text = body.to_string();
        let payload = wire::decode::payload(text.as_bytes()).expect("a recorded body decodes");
        missing("", &body, &encoded(&payload), &silent, &mut lost);
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn prints_numbers_as_javascript_does() {
    let check = |value: f64, text: &str| {
        let mut out = Vec::new();
        encode::number(value, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), text);
    };
    check(0.0, "0");
    check(-1.0, "-1");
    check(0.1, "0.1");
    check(56.7, "56.7");
    check(0.25, "0.25");
    check(0.000123, "0.000123");
    check(-1234.5678, "-1234.5678");
    check(123_456_789_012_345.0, "123456789012345");
    check(f64::NAN, "null");
    check(f64::INFINITY, "null");
}

proptest! {
    #[test]
    fn numbers_keep_fourteen_digits(value in proptest::num::f64::NORMAL) {
        let mut out = Vec::new();
        encode::number(value, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        let back: f64 = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        prop_assert!((back - value).abs() <= value.abs() * 1e-14, "{} became {}", value, text);
    }

    #[test]
    fn strings_are_escaped_as_serde_json_escapes_them(text in "\\PC*|[\\x00-\\x7f]*") {
        let mut out = Vec::new();
        encode::string(&text, &mut out);
        prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), serde_json::to_string(&text).expect("JSON"));
    }
}
