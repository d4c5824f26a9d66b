//! JSON under way: members and elements written one after the other by wire's encoder.
//!
//! The shapes are wire's. They are written here member by member because serde's way costs the
//! module 20 KB: structs built, cloned and dropped for each kind. Tests read every shape back with `wire`.

use wire::encode;

/// Appends bytes. Never inlined: a `push` in place takes forty bytes of code, a call takes ten.
#[inline(never)]
pub fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// Makes room for the next member or element of what is open.
pub fn next(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[' | b':')) {
        put(out, b",");
    }
}

/// Appends members or elements that are JSON already, after those that are there.
pub fn append(out: &mut Vec<u8>, members: &[u8]) {
    if !members.is_empty() {
        next(out);
        put(out, members);
    }
}

/// A member that is an object of `members`, left out when there are none.
pub fn object(out: &mut Vec<u8>, name: &str, members: &[u8]) {
    if !members.is_empty() {
        key(out, name);
        put(out, b"{");
        put(out, members);
        put(out, b"}");
    }
}

/// Begins a member.
pub fn key(out: &mut Vec<u8>, key: &str) {
    next(out);
    encode::string(key, out);
    put(out, b":");
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
        put(out, json);
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
    put(out, b"{");
    text(out, "key", name);
    put(out, b",\"value\":{");
    if whole {
        raw(out, "intValue", value.as_bytes());
    } else {
        text(out, "stringValue", value);
    }
    put(out, b"}}");
}

/// Bytes that were text; empty when they are not.
pub fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Bytes that were text, as a text of their own; empty when they are not.
pub fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// The digits of a whole number.
pub fn decimal(number: u64) -> String {
    let mut digits = Vec::new();
    encode::whole(number, &mut digits);
    into_text(digits)
}

/// The bytes before the first `mark` and those after it.
pub fn cut(bytes: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == mark) {
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..)),
        None => (bytes, None),
    }
}

/// Where `part` begins. The standard library's search is fast on long texts, and costs two kilobytes.
pub fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part)
}
