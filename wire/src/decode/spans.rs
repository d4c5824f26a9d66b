//! The members of OTLP/JSON: names as protobuf's JSON mapping has them, and as `.proto` files do.

use super::reader::{Fault, Reader};
use super::scalar::{flag, id, is_id, number, optional_id, text, variant, whole};
use super::{Decode, Members};
use crate::limits;
use crate::trace::{
    KeyValue, Link, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanEvent, Status, Traces, Value,
};

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

const CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

impl<'a> Members<'a> for Traces<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "resourceSpans" | "resource_spans" => self.resource_spans.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for ResourceSpans<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "resource" => self.resource.decode(reader)?,
            "scopeSpans" | "scope_spans" => self.scope_spans.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Resource<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "attributes" => self.attributes.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for ScopeSpans<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "scope" => self.scope.decode(reader)?,
            "spans" => self.spans.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Scope<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "version" => self.version.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A span without its ids is none.
#[derive(Default)]
struct Draft<'a>(Span<'a>);

impl<'a> Decode<'a> for Span<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let mark = reader.mark();
        let mut draft = Draft::default();
        draft.decode(reader)?;
        if !is_id(&draft.0.trace_id, 32) || !is_id(&draft.0.span_id, 16) {
            return Err(reader.meaningless(mark, "a span has no traceId or no spanId"));
        }
        *self = draft.0;
        Ok(())
    }
}

impl<'a> Members<'a> for Draft<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        let span = &mut self.0;
        match key {
            "traceId" | "trace_id" => span.trace_id = id(reader, 32)?,
            "spanId" | "span_id" => span.span_id = id(reader, 16)?,
            "parentSpanId" | "parent_span_id" => span.parent_span_id = optional_id(reader, 16)?,
            "traceState" | "trace_state" => span.trace_state.decode(reader)?,
            "name" => span.name.decode(reader)?,
            "kind" => span.kind = variant(reader, &KINDS)?,
            "startTimeUnixNano" | "start_time_unix_nano" => span.start_time_unix_nano.decode(reader)?,
            "endTimeUnixNano" | "end_time_unix_nano" => span.end_time_unix_nano.decode(reader)?,
            "attributes" => span.attributes.decode(reader)?,
            "events" => span.events.decode(reader)?,
            "links" => span.links.decode(reader)?,
            "status" => span.status.decode(reader)?,
            "flags" => span.flags = whole(reader)?,
            // The SDK sends these three with every span, always 0.
            "droppedAttributesCount" | "droppedEventsCount" | "droppedLinksCount" => drop(reader.skip()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for SpanEvent<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "timeUnixNano" | "time_unix_nano" => self.time_unix_nano.decode(reader)?,
            "name" => self.name.decode(reader)?,
            "attributes" => self.attributes.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A link without its ids is none.
#[derive(Default)]
struct LinkDraft<'a>(Link<'a>);

impl<'a> Decode<'a> for Link<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let mark = reader.mark();
        let mut draft = LinkDraft::default();
        draft.decode(reader)?;
        if !is_id(&draft.0.trace_id, 32) || !is_id(&draft.0.span_id, 16) {
            return Err(reader.meaningless(mark, "a link has no traceId or no spanId"));
        }
        *self = draft.0;
        Ok(())
    }
}

impl<'a> Members<'a> for LinkDraft<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "traceId" | "trace_id" => self.0.trace_id = id(reader, 32)?,
            "spanId" | "span_id" => self.0.span_id = id(reader, 16)?,
            "attributes" => self.0.attributes.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Status<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "code" => self.code = variant(reader, &CODES)?,
            "message" => self.message.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for KeyValue<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "key" => self.key.decode(reader)?,
            "value" => self.value = value(reader, 0)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Decode<'a> for Value<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        *self = value(reader, 0)?;
        Ok(())
    }
}

/// A value inside `level` others, at most [`limits::DEPTH`].
fn value<'a>(reader: &mut Reader<'a>, level: usize) -> Result<Value<'a>, Fault> {
    let mark = reader.mark();
    if level > limits::DEPTH {
        return Err(reader.meaningless(mark, "an attribute's value is nested too deep"));
    }
    if !matches!(reader.peek(), b'{' | b'n') {
        return Err(reader.unexpected("an OTLP attribute value"));
    }
    let mut nested = Nested { value: Value::Empty, level };
    nested.decode(reader)?;
    Ok(nested.value)
}

/// A value while it is read.
struct Nested<'a> {
    value: Value<'a>,
    level: usize,
}

impl<'a> Members<'a> for Nested<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        let inner = self.level + 1;
        self.value = match key {
            "stringValue" | "string_value" => Value::String(text(reader)?.1),
            "boolValue" | "bool_value" => flag(reader)?.map_or(Value::Empty, Value::Bool),
            "intValue" | "int_value" => Value::Int(int(reader)?),
            "doubleValue" | "double_value" => Value::Double(double(reader)?),
            "arrayValue" | "array_value" => Value::Array(values(reader, |reader| value(reader, inner))?),
            "kvlistValue" | "kvlist_value" => Value::Map(values(reader, |reader| pair(reader, inner))?),
            "bytesValue" | "bytes_value" => Value::Bytes(text(reader)?.1),
            _ => return Ok(false),
        };
        Ok(true)
    }
}

/// What is under `values` in the object that OTLP puts round lists and maps.
fn values<'a, T>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut values = Vec::new();
    if reader.null()? {
        return Ok(values);
    }
    reader.object(|reader, key| {
        if !key.eq_ignore_ascii_case("values") {
            return reader.skip().map(|_| ());
        }
        values.clear();
        if reader.null()? {
            return Ok(());
        }
        reader.list(|reader| {
            values.push(item(reader)?);
            Ok(())
        })
    })?;
    Ok(values)
}

fn pair<'a>(reader: &mut Reader<'a>, level: usize) -> Result<KeyValue<'a>, Fault> {
    let mut pair = KeyValue::default();
    reader.object(|reader, key| match () {
        () if key.eq_ignore_ascii_case("key") => pair.key.decode(reader),
        () if key.eq_ignore_ascii_case("value") => {
            pair.value = value(reader, level)?;
            Ok(())
        }
        () => reader.skip().map(|_| ()),
    })?;
    Ok(pair)
}

fn int(reader: &mut Reader) -> Result<i64, Fault> {
    let (mark, text) = text(reader)?;
    // 5.0 and 5e3 are whole numbers too.
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64);
    let int = text.parse().ok().or_else(|| text.parse().ok().and_then(whole));
    int.ok_or_else(|| reader.meaningless(mark, "intValue is not a 64-bit integer"))
}

/// JSON has no word for infinities and NaN: protobuf's mapping sends them as text.
fn double(reader: &mut Reader) -> Result<f64, Fault> {
    let mark = reader.mark();
    if reader.peek() == b'"' {
        let special = match &*reader.string()? {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        };
        if let Some(special) = special {
            return Ok(special);
        }
        reader.back_to(mark);
    }
    Ok(number(reader)?.unwrap_or(f64::NAN))
}
