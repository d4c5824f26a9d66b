//! JSON under way: members and elements written one after the other by wire's encoder.
//!
//! The shapes are wire's. They are written here member by member because serde's way costs the
//! module 20 KB: structs built, cloned and dropped for each kind. Tests read every shape back with `wire`.

use wire::encode;

/// Makes room for the next member or element of what is open.
pub fn next(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[' | b':')) {
        out.push(b',');
    }
}

/// Begins a member.
pub fn key(out: &mut Vec<u8>, key: &str) {
    next(out);
    encode::string(key, out);
    out.push(b':');
}

/// A member that is text.
pub fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    encode::string(value, out);
}

/// A member that is text, left out when empty.
pub fn optional(out: &mut Vec<u8>, name: &str, value: &str) {
    if !value.is_empty() {
        text(out, name, value);
    }
}

/// A member that is JSON already, left out when empty.
pub fn raw(out: &mut Vec<u8>, name: &str, json: &[u8]) {
    if !json.is_empty() {
        key(out, name);
        out.extend_from_slice(json);
    }
}

/// A member that is a number.
pub fn number(out: &mut Vec<u8>, name: &str, value: f64) {
    key(out, name);
    encode::number(value, out);
}

/// A member that is true or false.
pub fn flag(out: &mut Vec<u8>, name: &str, value: bool) {
    raw(out, name, if value { b"true" } else { b"false" });
}

/// An element of a list of OTLP attributes; `whole` for a number without a fraction.
pub fn attribute(out: &mut Vec<u8>, name: &str, value: &str, whole: bool) {
    next(out);
    out.push(b'{');
    text(out, "key", name);
    key(out, "value");
    out.push(b'{');
    if whole {
        raw(out, "intValue", value.as_bytes());
    } else {
        text(out, "stringValue", value);
    }
    out.extend_from_slice(b"}}");
}

/// Text from bytes that are ASCII.
pub fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// The digits of a number without sign and fraction.
pub fn decimal(number: f64) -> String {
    itoa::Buffer::new().format(number as u64).to_owned()
}

/// The text before the first `mark` and the text after it, both whole when there is none.
pub fn cut(text: &str, mark: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == mark) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}
