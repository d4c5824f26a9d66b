//! Reading a payload: everything the real SDK and Go's decoders produce, and bad items left out one by one.

use crate::{Payload, Text};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// Why a whole payload cannot be read.
#[derive(Debug)]
pub enum DecodeError {
    /// The bytes are not UTF-8; the offset of the first bad one.
    NotUtf8(usize),
    /// The text is not the JSON of a payload; serde_json's words, with line and column.
    NotPayload(serde_json::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            DecodeError::NotUtf8(offset) => write!(f, "body is not UTF-8 at byte {offset}"),
            DecodeError::NotPayload(error) => write!(f, "body is not a Faro payload: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes one payload, borrowing from `body`. `null` is the empty payload, as in Go.
///
/// Fails only when nothing of it can be trusted; items that cannot be read are left out of their
/// [`List`](crate::List), which counts them. Memory is bounded by the body's size and
/// [`limits::ITEMS`](crate::limits::ITEMS).
pub fn payload(body: &[u8]) -> Result<Payload<'_>, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))?;
    match text.trim_start().as_bytes().first() {
        // A derived reader would also take a list as the fields in order; nobody means that.
        Some(b'[') => Err(DecodeError::NotPayload(serde_json::Error::custom("a payload is an object, not a list"))),
        Some(b'n') if text.trim() == "null" => Ok(Payload::default()),
        _ => serde_json::from_str(text).map_err(DecodeError::NotPayload),
    }
}

/// `null` reads as the default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A number, a numeric string, or `null`.
pub(crate) struct Number(pub Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number or null")
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Number, E> {
                Ok(Number(Some(v)))
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Number, E> {
                Ok(Number(Some(v as f64)))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Number, E> {
                Ok(Number(Some(v as f64)))
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Number, E> {
                match v.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(Number(Some(number))),
                    _ => Err(E::custom(format_args!("not a number: {v:?}"))),
                }
            }
            fn visit_unit<E: Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Number::deserialize(deserializer)?.0)
}

/// A whole number from 0 to 2^32-1; anything else, such as a negative line, reads as absent.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = Number::deserialize(deserializer)?.0;
    Ok(number.filter(|n| *n >= 0.0 && *n <= f64::from(u32::MAX)).map(|n| n as u32))
}

/// A boolean, also as text.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = Text::deserialize(deserializer)?;
    match &*text {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        other => Err(D::Error::custom(format_args!("not a boolean: {other:?}"))),
    }
}

pub(crate) fn trace_id<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> Result<Text<'a>, D::Error> {
    hex_id(d, 32, "traceId")
}

pub(crate) fn span_id<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> Result<Text<'a>, D::Error> {
    hex_id(d, 16, "spanId")
}

pub(crate) fn parent_id<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> Result<Option<Text<'a>>, D::Error> {
    let text = Text::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    valid_id(text, 16, "parentSpanId").map(Some)
}

fn hex_id<'de: 'a, 'a, D: Deserializer<'de>>(d: D, digits: usize, name: &str) -> Result<Text<'a>, D::Error> {
    valid_id(Text::deserialize(d)?, digits, name)
}

fn valid_id<'a, E: Error>(text: Text<'a>, digits: usize, name: &str) -> Result<Text<'a>, E> {
    let hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex && text.bytes().any(|b| b != b'0') {
        return Ok(text);
    }
    Err(E::custom(format_args!("{name} is not {digits} hex digits with one above zero")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Payload<'_> {
        payload(json.as_bytes()).expect("the payload reads")
    }

    #[test]
    fn reads_numbers_booleans_and_nulls_as_text() {
        let p = read(r#"{"events":[{"name":"e","attributes":{"n":5,"b":true,"z":null,"s":"x"}}]}"#);
        let attributes = &p.events[0].attributes;
        assert_eq!(attributes.get("n"), Some("5"));
        assert_eq!(attributes.get("b"), Some("true"));
        assert_eq!(attributes.get("z"), Some(""));
        assert_eq!(attributes.get("s"), Some("x"));
    }

    #[test]
    fn one_bad_item_is_left_out_and_counted() {
        let p = read(r#"{"logs":[{"message":"a"},{"message":{}},7,{"message":"b"}]}"#);
        assert_eq!(p.logs.iter().map(|l| &*l.message).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(p.logs.invalid, 2);
        assert!(p.logs.reason.as_ref().is_some_and(|r| r.contains("expected a string")), "{:?}", p.logs.reason);
    }

    #[test]
    fn items_past_the_limit_are_counted_unread() {
        let body = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(crate::limits::ITEMS + 4));
        let p = read(&body);
        assert_eq!(p.events.len(), crate::limits::ITEMS);
        assert_eq!(p.events.over_limit, 5);
    }

    #[test]
    fn a_bad_span_id_costs_one_span() {
        let p = read(
            r#"{"traces":{"resourceSpans":[{"scopeSpans":[{"spans":[
               {"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef","startTimeUnixNano":"17","endTimeUnixNano":18},
               {"traceId":"zz","spanId":"0123456789abcdef"}]}]}]}}"#,
        );
        let spans = &p.traces.as_ref().expect("traces").resource_spans[0].scope_spans[0].spans;
        assert_eq!((spans.len(), spans.invalid), (1, 1));
        assert_eq!((spans[0].start_time_unix_nano.0, spans[0].end_time_unix_nano.0), (17, 18));
    }

    #[test]
    fn null_values_and_null_parts_are_absent() {
        let p = read(r#"{"meta":null,"logs":null,"measurements":[{"type":"t","values":{"x":null,"y":1.5}}]}"#);
        assert_eq!(p.measurements[0].values.0, [("x".into(), None), ("y".into(), Some(1.5))]);
        assert_eq!(read("null"), Payload::default());
    }

    #[test]
    fn refuses_what_is_not_a_payload() {
        for bad in ["", "[]", "{", "{\"logs\":{}}", "{\"meta\":5}", "{} x"] {
            assert!(payload(bad.as_bytes()).is_err(), "{bad} was accepted");
        }
        assert!(matches!(payload(b"{\"a\":\"\xff\"}"), Err(DecodeError::NotUtf8(6))));
        let deep = format!("{{\"logs\":{}", "[".repeat(100_000));
        assert!(payload(deep.as_bytes()).is_err());
    }
}
