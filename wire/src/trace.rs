//! Spans as OTLP/JSON, the `traces` member of a payload (opentelemetry-proto 1.x, JSON mapping).

use crate::{List, Text};
use serde::{Serialize, Serializer};

/// An `ExportTraceServiceRequest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traces<'a> {
    /// One per resource.
    #[serde(rename = "resourceSpans", skip_serializing_if = "List::is_empty")]
    pub resource_spans: List<ResourceSpans<'a>>,
}

/// Spans of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ResourceSpans<'a> {
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource<'a>>,
    /// One per instrumentation scope.
    #[serde(rename = "scopeSpans", skip_serializing_if = "List::is_empty")]
    pub scope_spans: List<ScopeSpans<'a>>,
}

/// What the spans are about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Resource<'a> {
    /// Its attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub attributes: List<KeyValue<'a>>,
}

/// Spans of one instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScopeSpans<'a> {
    /// The scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope<'a>>,
    /// The spans.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub spans: List<Span<'a>>,
}

/// An instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scope<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
}

/// A span. Ids are lower-case hex; times are nanoseconds since the epoch, sent as strings.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span<'a> {
    /// 32 hex digits, not all zero.
    pub trace_id: Text<'a>,
    /// 16 hex digits, not all zero.
    pub span_id: Text<'a>,
    /// Absent on a root span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<Text<'a>>,
    /// The vendors' `tracestate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_state: Option<Text<'a>>,
    /// The method, for a request.
    pub name: Text<'a>,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Start.
    pub start_time_unix_nano: Nanos,
    /// End.
    pub end_time_unix_nano: Nanos,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub attributes: List<KeyValue<'a>>,
    /// Events in it.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub events: List<SpanEvent<'a>>,
    /// Links to other spans.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub links: List<Link<'a>>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status<'a>>,
    /// W3C trace flags in the low byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
}

/// Something that happened inside a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpanEvent<'a> {
    /// When.
    pub time_unix_nano: Nanos,
    /// Name, `exception` for example.
    pub name: Text<'a>,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub attributes: List<KeyValue<'a>>,
}

/// A link to a span of another trace or branch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link<'a> {
    /// 32 hex digits.
    pub trace_id: Text<'a>,
    /// 16 hex digits.
    pub span_id: Text<'a>,
    /// Attributes.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub attributes: List<KeyValue<'a>>,
}

/// How a span ended: 0 unset, 1 ok, 2 error.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status<'a> {
    /// The code.
    pub code: u8,
    /// Why, for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<'a>>,
}

/// An attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KeyValue<'a> {
    /// Its name.
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
