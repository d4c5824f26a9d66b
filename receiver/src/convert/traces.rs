//! Spans as an OTLP export request: the sender's own words kept, what they lack filled in.

use super::{Converted, REQUEST_BYTES, resource, time};
use crate::enrich::Enriched;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use std::ops::Range;
use wire::trace::{self, Nanos, Value};

/// The export request of the spans in `range`, counted over all of `records`. Spans with ids that are
/// none were left out when the payload was decoded, and counted at admission.
pub fn request(records: &[Enriched], range: Range<usize>) -> Converted {
    let (mut resource_spans, mut bytes, mut end) = (Vec::new(), 0, range.start);
    for (record, part) in super::parts(records, range, Enriched::spans) {
        let context = Context::of(record);
        let mut place = 0;
        for sent in record.payload.traces.iter().flat_map(|traces| traces.resource_spans.iter()) {
            let mut scope_spans = Vec::new();
            for scope in sent.scope_spans.iter() {
                let mut spans = Vec::new();
                for span in scope.spans.iter() {
                    if part.contains(&place) && bytes < REQUEST_BYTES {
                        let span = context.span(span);
                        bytes += span.encoded_len();
                        spans.push(span);
                        end += 1;
                    }
                    place += 1;
                }
                if !spans.is_empty() {
                    let scope = scope.scope.as_ref().map(|scope| InstrumentationScope {
                        name: owned(&scope.name),
                        version: owned(&scope.version),
                        ..Default::default()
                    });
                    scope_spans.push(otlp::ScopeSpans { scope, spans, ..Default::default() });
                }
            }
            if !scope_spans.is_empty() {
                let resource = context.resource(sent.resource.as_ref());
                bytes += resource.encoded_len();
                resource_spans.push(otlp::ResourceSpans {
                    resource: Some(resource),
                    scope_spans,
                    ..Default::default()
                });
            }
        }
        if bytes >= REQUEST_BYTES {
            break;
        }
    }
    Converted { body: ExportTraceServiceRequest { resource_spans }.encode_to_vec(), end }
}

/// What the spans of one payload share.
struct Context {
    skew: i64,
    service: Vec<KeyValue>,
    session: Vec<KeyValue>,
}

impl Context {
    fn of(record: &Enriched) -> Self {
        const OF_SPANS: [&str; 4] = ["session.id", "user.id", "page.url", "view.name"];
        let sent_at = time::sent_at(&record.payload.meta);
        let service = resource::of_service(record, record.spans());
        let mut session = resource::of_session(record, record.spans());
        session.retain(|attribute| OF_SPANS.contains(&&*attribute.key));
        Context { skew: time::skew(record.received, sent_at), service, session }
    }

    fn resource(&self, sent: Option<&trace::Resource>) -> Resource {
        let mut attributes = sent.map(|resource| key_values(&resource.attributes)).unwrap_or_default();
        resource::fill(&mut attributes, &self.service);
        Resource { attributes, ..Default::default() }
    }

    fn span(&self, span: &trace::Span) -> otlp::Span {
        let mut attributes = key_values(&span.attributes);
        resource::fill(&mut attributes, &self.session);
        otlp::Span {
            trace_id: resource::id::<16>(&span.trace_id),
            span_id: resource::id::<8>(&span.span_id),
            trace_state: owned(&span.trace_state),
            parent_span_id: span.parent_span_id.as_ref().map(|id| resource::id::<8>(id)).unwrap_or_default(),
            flags: span.flags.unwrap_or_default(),
            name: (*span.name).to_owned(),
            // 5 is the last kind there is, 2 the last status.
            kind: if span.kind <= 5 { span.kind.into() } else { 0 },
            start_time_unix_nano: self.time(span.start_time_unix_nano),
            end_time_unix_nano: self.time(span.end_time_unix_nano),
            attributes,
            events: span.events.iter().map(|event| self.event(event)).collect(),
            links: span.links.iter().map(link).collect(),
            status: span.status.as_ref().map(|status| otlp::Status {
                code: if status.code <= 2 { status.code.into() } else { 0 },
                message: owned(&status.message),
            }),
            ..Default::default()
        }
    }

    fn event(&self, event: &trace::SpanEvent) -> otlp::span::Event {
        otlp::span::Event {
            time_unix_nano: self.time(event.time_unix_nano),
            name: (*event.name).to_owned(),
            attributes: key_values(&event.attributes),
            ..Default::default()
        }
    }

    fn time(&self, client: Nanos) -> u64 {
        time::corrected(client.0, self.skew)
    }
}

fn link(link: &trace::Link) -> otlp::span::Link {
    otlp::span::Link {
        trace_id: resource::id::<16>(&link.trace_id),
        span_id: resource::id::<8>(&link.span_id),
        attributes: key_values(&link.attributes),
        ..Default::default()
    }
}

fn key_values(sent: &[trace::KeyValue]) -> Vec<KeyValue> {
    let convert = |attribute: &trace::KeyValue| KeyValue {
        key: (*attribute.key).to_owned(),
        value: Some(value(&attribute.value)),
        ..Default::default()
    };
    sent.iter().map(convert).collect()
}

/// Nests as deep as the sender's JSON, which its reader bounds.
fn value(sent: &Value) -> AnyValue {
    let value = match sent {
        Value::Empty => None,
        Value::String(text) => Some(any_value::Value::StringValue((**text).to_owned())),
        Value::Bool(flag) => Some(any_value::Value::BoolValue(*flag)),
        Value::Int(int) => Some(any_value::Value::IntValue(*int)),
        Value::Double(double) => Some(any_value::Value::DoubleValue(*double)),
        Value::Array(values) => {
            let values = values.iter().map(value).collect();
            Some(any_value::Value::ArrayValue(ArrayValue { values }))
        }
        Value::Map(pairs) => Some(any_value::Value::KvlistValue(KeyValueList { values: key_values(pairs) })),
        Value::Bytes(base64) => Some(match bytes(base64) {
            Some(bytes) => any_value::Value::BytesValue(bytes),
            None => any_value::Value::StringValue((**base64).to_owned()),
        }),
    };
    AnyValue { value }
}

/// Reads base64, with or without padding, in either alphabet, as protobuf's JSON mapping allows.
fn bytes(base64: &str) -> Option<Vec<u8>> {
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

fn owned(text: &Option<wire::Text>) -> String {
    text.as_deref().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_base64() {
        let check = |text, expected: Option<&[u8]>| assert_eq!(bytes(text).as_deref(), expected, "{text}");
        check("", Some(b""));
        check("Zg==", Some(b"f"));
        check("Zm8", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        check("_-8=", Some(&[0xff, 0xef]));
        check("Z", None);
        check("Zm 9v", None);
    }
}
