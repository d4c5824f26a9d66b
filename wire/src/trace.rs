//! Spans as OTLP/JSON, the `traces` member of a payload (opentelemetry-proto 1.x, JSON mapping).

use crate::{List, Text};
use serde::{Serialize, Serializer};

/// An `ExportTraceServiceRequest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct Traces<'a> {
    /// One per resource.
    #[serde(rename = "resourceSpans", skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub resource_spans: List<ResourceSpans<'a>>,
}

/// Spans of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct ResourceSpans<'a> {
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub resource: Option<Resource<'a>>,
    /// One per instrumentation scope.
    #[serde(rename = "scopeSpans", skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub scope_spans: List<ScopeSpans<'a>>,
}

/// What the spans are about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct Resource<'a> {
    /// Its attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub attributes: List<KeyValue<'a>>,
}

/// Spans of one instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct ScopeSpans<'a> {
    /// The scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub scope: Option<Scope<'a>>,
    /// The spans.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub spans: List<Span<'a>>,
}

/// An instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct Scope<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub name: Option<Text<'a>>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub version: Option<Text<'a>>,
}

/// A span. Ids are lower-case hex; times are nanoseconds since the epoch, sent as strings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase")]
pub struct Span<'a> {
    /// 32 hex digits, not all zero.
    #[cfg_attr(feature = "decode", serde(borrow, deserialize_with = "crate::decode::trace_id"))]
    pub trace_id: Text<'a>,
    /// 16 hex digits, not all zero.
    #[cfg_attr(feature = "decode", serde(deserialize_with = "crate::decode::span_id"))]
    pub span_id: Text<'a>,
    /// Absent on a root span.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(default, deserialize_with = "crate::decode::parent_id"))]
    pub parent_span_id: Option<Text<'a>>,
    /// The vendors' `tracestate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub trace_state: Option<Text<'a>>,
    /// The method, for a request.
    #[cfg_attr(feature = "decode", serde(default))]
    pub name: Text<'a>,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[cfg_attr(feature = "decode", serde(default))]
    pub kind: u8,
    /// Start.
    #[cfg_attr(feature = "decode", serde(default))]
    pub start_time_unix_nano: Nanos,
    /// End.
    #[cfg_attr(feature = "decode", serde(default))]
    pub end_time_unix_nano: Nanos,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub attributes: List<KeyValue<'a>>,
    /// Events in it.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub events: List<SpanEvent<'a>>,
    /// Links to other spans.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub links: List<Link<'a>>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub status: Option<Status<'a>>,
    /// W3C trace flags in the low byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub flags: Option<u32>,
}

/// Something that happened inside a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
#[serde(rename_all = "camelCase")]
pub struct SpanEvent<'a> {
    /// When.
    pub time_unix_nano: Nanos,
    /// Name, `exception` for example.
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub name: Text<'a>,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub attributes: List<KeyValue<'a>>,
}

/// A link to a span of another trace or branch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize))]
#[serde(rename_all = "camelCase")]
pub struct Link<'a> {
    /// 32 hex digits.
    #[cfg_attr(feature = "decode", serde(borrow, deserialize_with = "crate::decode::trace_id"))]
    pub trace_id: Text<'a>,
    /// 16 hex digits.
    #[cfg_attr(feature = "decode", serde(deserialize_with = "crate::decode::span_id"))]
    pub span_id: Text<'a>,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[cfg_attr(feature = "decode", serde(default))]
    pub attributes: List<KeyValue<'a>>,
}

/// How a span ended: 0 unset, 1 ok, 2 error.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct Status<'a> {
    /// The code.
    pub code: u8,
    /// Why, for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub message: Option<Text<'a>>,
}

/// An attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "decode", derive(serde::Deserialize), serde(default))]
pub struct KeyValue<'a> {
    /// Its name.
    #[cfg_attr(feature = "decode", serde(borrow))]
    pub key: Text<'a>,
    /// Its value.
    pub value: Value<'a>,
}

impl<'a> KeyValue<'a> {
    /// A text attribute.
    pub fn text(key: &'a str, value: &'a str) -> Self {
        KeyValue { key: key.into(), value: Value::String(value.into()) }
    }

    /// A whole-number attribute.
    pub fn int(key: &'a str, value: i64) -> Self {
        KeyValue { key: key.into(), value: Value::Int(value) }
    }
}

/// An attribute's value. An unknown or absent variant reads as [`Value::Empty`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// No value.
    #[default]
    Empty,
    /// Text.
    String(Text<'a>),
    /// True or false.
    Bool(bool),
    /// A whole number. Written as a JSON number, as the real SDK does; read from a number or a string.
    Int(i64),
    /// A number.
    Double(f64),
    /// A list.
    Array(Vec<Value<'a>>),
    /// A map.
    Map(Vec<KeyValue<'a>>),
    /// Bytes, still in base64.
    Bytes(Text<'a>),
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Value::Empty => {}
            Value::String(text) => map.serialize_entry("stringValue", text)?,
            Value::Bool(flag) => map.serialize_entry("boolValue", flag)?,
            Value::Int(int) => map.serialize_entry("intValue", int)?,
            Value::Double(double) => map.serialize_entry("doubleValue", double)?,
            Value::Array(values) => map.serialize_entry("arrayValue", &Values { values })?,
            Value::Map(values) => map.serialize_entry("kvlistValue", &Values { values })?,
            Value::Bytes(base64) => map.serialize_entry("bytesValue", base64)?,
        }
        map.end()
    }
}

/// The `{"values": [...]}` wrapper that OTLP puts round lists and maps.
#[derive(Serialize)]
struct Values<'b, T> {
    values: &'b [T],
}

/// Nanoseconds since the epoch; a string on the wire, read from a number too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub u64);

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(feature = "decode")]
mod reading {
    use super::{KeyValue, Nanos, Text, Value};
    use crate::decode::Number;
    use crate::limits;
    use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
    use std::fmt;

    #[derive(serde::Deserialize)]
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    struct Values<T> {
        #[serde(default = "Vec::new")]
        values: Vec<T>,
    }

    struct ValueVisitor;

    impl<'de> Visitor<'de> for ValueVisitor {
        type Value = Value<'de>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an OTLP attribute value")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Value::Empty)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut value = Value::Empty;
            while let Some(key) = map.next_key::<Text>()? {
                value = match &*key {
                    "stringValue" | "string_value" => Value::String(map.next_value()?),
                    "boolValue" | "bool_value" => Value::Bool(map.next_value()?),
                    "intValue" | "int_value" => Value::Int(int(map.next_value()?)?),
                    "doubleValue" | "double_value" => Value::Double(map.next_value::<Number>()?.0.unwrap_or(f64::NAN)),
                    "arrayValue" | "array_value" => Value::Array(map.next_value::<Values<Value>>()?.values),
                    "kvlistValue" | "kvlist_value" => Value::Map(map.next_value::<Values<KeyValue>>()?.values),
                    "bytesValue" | "bytes_value" => Value::Bytes(map.next_value()?),
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                        value
                    }
                };
            }
            Ok(value)
        }
    }

    fn int<E: Error>(text: Text) -> Result<i64, E> {
        text.parse().map_err(|_| E::custom(format_args!("intValue is not a 64-bit integer: {}", &*text)))
    }

    impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ValueVisitor)
        }
    }

    impl<'de> Deserialize<'de> for Nanos {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = Text::deserialize(deserializer)?;
            let nanos = text.parse().or_else(|_| text.parse::<f64>().map(|nanos| nanos as u64));
            nanos.map(Nanos).map_err(|_| D::Error::custom("a time is not nanoseconds since the epoch"))
        }
    }

    // Values nest through the JSON reader's own recursion, which stops at 128 levels; an attribute
    // takes two of them a level, so `limits::DEPTH` is what it allows.
    const _: () = assert!(limits::DEPTH * 2 <= 128);
}
