//! OTLP attributes: borrowed from a payload until they are written, and those that many items share written once.

use super::{field, proto};
use wire::meta::Brand;
use wire::{Exception, trace};

/// An attribute. Its key is `prefix` and `name` together, so that no key is built in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'b> {
    prefix: &'static str,
    name: &'b str,
    value: Value<'b>,
}

/// What an attribute says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    /// Text.
    Text(&'b str),
    /// True or false.
    Bool(bool),
    /// A number.
    Double(f64),
    /// A stack, as text.
    Stack(&'b Exception<'b>),
    /// The names of brands, a list.
    Brands(&'b [Brand<'b>]),
    /// Words between commas, a list.
    Words(&'b str),
    /// What the sender of a span said.
    Sent(&'b trace::Value<'b>),
}

impl<'b> Attribute<'b> {
    /// An attribute under the key `prefix` + `name`.
    pub fn new(prefix: &'static str, name: &'b str, value: Value<'b>) -> Self {
        Attribute { prefix, name, value }
    }

    /// A text under a known key.
    pub fn text(key: &'static str, text: &'b str) -> Self {
        Attribute::new(key, "", Value::Text(text))
    }

    /// A span's attribute.
    pub fn sent(sent: &'b trace::KeyValue<'b>) -> Self {
        Attribute::new("", &sent.key, Value::Sent(&sent.value))
    }

    /// Whether both have the same key, however it is divided.
    pub fn same_key(&self, other: &Attribute) -> bool {
        let key = |attribute: &Attribute<'b>| attribute.prefix.bytes().chain(attribute.name.bytes());
        self.prefix.len() + self.name.len() == other.prefix.len() + other.name.len()
            && key(self).eq(other.prefix.bytes().chain(other.name.bytes()))
    }

    /// Whether it says nothing.
    fn is_empty(&self) -> bool {
        match self.value {
            Value::Text(text) => text.is_empty(),
            Value::Sent(trace::Value::String(text)) => text.is_empty(),
            Value::Sent(trace::Value::Empty) => true,
            _ => false,
        }
    }

    /// Appends it as the `KeyValue` field `number`.
    pub fn write(&self, number: u8, out: &mut Vec<u8>) {
        let key = self.prefix.len() + self.name.len();
        let write_key = |out: &mut Vec<u8>| {
            proto::open(1, key, out);
            out.extend_from_slice(self.prefix.as_bytes());
            out.extend_from_slice(self.name.as_bytes());
        };
        // Nearly all are texts, whose sizes are known beforehand.
        if let Value::Text(text) = self.value {
            let value = proto::field_len(text.len());
            proto::open(number, proto::field_len(key) + proto::field_len(value), out);
            write_key(out);
            proto::open(2, value, out);
            return proto::bytes(1, text.as_bytes(), out);
        }
        proto::message(number, out, |out| {
            write_key(out);
            proto::message(2, out, |out| self.value.write(out));
        });
    }
}

impl Value<'_> {
    /// Appends the content of an `AnyValue`.
    fn write(&self, out: &mut Vec<u8>) {
        let list = |out: &mut Vec<u8>, texts: &mut dyn Iterator<Item = &str>| {
            proto::message(5, out, |out| {
                for text in texts {
                    proto::message(1, out, |out| proto::bytes(1, text.as_bytes(), out));
                }
            });
        };
        match self {
            Value::Text(text) => proto::bytes(1, text.as_bytes(), out),
            Value::Bool(flag) => boolean(*flag, out),
            Value::Double(number) => double(*number, out),
            Value::Stack(exception) => proto::bytes(1, &field::stack_text(exception), out),
            Value::Brands(brands) => list(out, &mut brands.iter().filter_map(|brand| brand.brand.as_deref())),
            Value::Words(words) => list(out, &mut words.split(',').map(str::trim)),
            Value::Sent(sent) => write_sent(sent, out),
        }
    }
}

/// Nests as deep as the sender's JSON, which its reader bounds.
fn write_sent(sent: &trace::Value, out: &mut Vec<u8>) {
    match sent {
        trace::Value::Empty => {}
        trace::Value::String(text) => proto::bytes(1, text.as_bytes(), out),
        trace::Value::Bool(flag) => boolean(*flag, out),
        trace::Value::Int(int) => {
            out.push(3 << 3);
            proto::varint(*int as u64, out);
        }
        trace::Value::Double(number) => double(*number, out),
        trace::Value::Array(values) => proto::message(5, out, |out| {
            for value in values {
                proto::message(1, out, |out| write_sent(value, out));
            }
        }),
        trace::Value::Map(pairs) => proto::message(6, out, |out| {
            for pair in pairs {
                Attribute::sent(pair).write(1, out);
            }
        }),
        trace::Value::Bytes(base64) => match from_base64(base64) {
            Some(bytes) => proto::bytes(7, &bytes, out),
            None => proto::bytes(1, base64.as_bytes(), out),
        },
    }
}

// Members of a `oneof` are written even when they are 0.
fn boolean(flag: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&[2 << 3, u8::from(flag)]);
}

fn double(number: f64, out: &mut Vec<u8>) {
    out.push(4 << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Attributes that many items have in common, written once.
#[derive(Debug, Default)]
pub struct Shared<'b> {
    number: u8,
    attributes: Vec<Attribute<'b>>,
    encoded: Vec<u8>,
}

impl<'b> Shared<'b> {
    /// The first of `attributes` that together take at most `share` bytes, as fields of `number`.
    pub fn new(mut attributes: Vec<Attribute<'b>>, number: u8, share: usize) -> Self {
        let mut encoded = Vec::with_capacity(512);
        attributes.retain(|attribute| {
            let before = encoded.len();
            attribute.write(number, &mut encoded);
            let fits = encoded.len() <= share;
            if !fits {
                encoded.truncate(before);
            }
            fits
        });
        Shared { number, attributes, encoded }
    }

    /// Appends `own` and what it lacks, or has only as an empty text.
    pub fn write(&self, own: &[Attribute], out: &mut Vec<u8>) {
        let of = |own: &Attribute| self.attributes.iter().find(|shared| shared.same_key(own));
        if !own.iter().any(|own| of(own).is_some()) {
            own.iter().for_each(|own| own.write(self.number, out));
            return out.extend_from_slice(&self.encoded);
        }
        for own in own {
            match of(own) {
                Some(shared) if own.is_empty() => shared.write(self.number, out),
                _ => own.write(self.number, out),
            }
        }
        for shared in self.attributes.iter().filter(|shared| !own.iter().any(|own| shared.same_key(own))) {
            shared.write(self.number, out);
        }
    }
}

/// Reads base64, with or without padding, in either alphabet, as protobuf's JSON mapping allows.
fn from_base64(base64: &str) -> Option<Vec<u8>> {
    let digits = base64.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            let six = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        let whole = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let [_, bytes @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        out.extend_from_slice(&bytes[..whole]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message;

    fn written(shared: Vec<Attribute>, share: usize, own: &[Attribute]) -> Vec<(String, String)> {
        let mut out = Vec::new();
        Shared::new(shared, 1, share).write(own, &mut out);
        let pairs = Resource::decode(&*out).expect("attributes of a resource").attributes.into_iter();
        let text = |value: opentelemetry_proto::tonic::common::v1::AnyValue| match value.value {
            Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)) => text,
            other => format!("{other:?}"),
        };
        pairs.map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
    }

    fn check(shared: &[(&'static str, &str)], own: &[(&'static str, &str)], expected: &[(&str, &str)]) {
        let list = |pairs: &[(&'static str, &'static str)]| -> Vec<Attribute<'static>> {
            pairs.iter().map(|(key, value)| Attribute::text(key, value)).collect()
        };
        let leak = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, &'static str)> {
            pairs.iter().map(|(key, value)| (*key, &*value.to_string().leak())).collect()
        };
        let found = written(list(&leak(shared)), 1000, &list(&leak(own)));
        let expected: Vec<_> = expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn fills_only_what_is_absent_or_empty() {
        check(&[("a", "ours"), ("c", "1")], &[("b", "theirs")], &[("b", "theirs"), ("a", "ours"), ("c", "1")]);
        check(
            &[("service.name", "ours"), ("service.version", "1"), ("os.name", "Linux")],
            &[("service.name", "theirs"), ("service.version", "")],
            &[("service.name", "theirs"), ("service.version", "1"), ("os.name", "Linux")],
        );
    }

    #[test]
    fn keys_are_the_same_however_divided() {
        let whole = Attribute::text("session.id", "x");
        assert!(Attribute::new("session.", "id", Value::Bool(true)).same_key(&whole));
        assert!(!Attribute::new("session.", "if", Value::Bool(true)).same_key(&whole));
        assert!(!Attribute::new("session.", "", Value::Bool(true)).same_key(&whole));
    }

    #[test]
    fn what_is_past_its_share_is_left_out() {
        let long = "x".repeat(200);
        let shared = vec![Attribute::text("a", "1"), Attribute::text("b", &long), Attribute::text("c", "2")];
        let keys: Vec<String> = written(shared, 100, &[]).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "c"]);
    }

    #[test]
    fn reads_base64() {
        let check = |text, expected: Option<&[u8]>| assert_eq!(from_base64(text).as_deref(), expected, "{text}");
        check("", Some(b""));
        check("Zg==", Some(b"f"));
        check("Zm8", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        check("_-8=", Some(&[0xff, 0xef]));
        check("Z", None);
        check("Zm 9v", None);
    }
}
