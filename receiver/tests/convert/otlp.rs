//! OTLP requests as text, one thing a line, for golden files.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use prost::Message;
use std::fmt::Write;

pub fn logs(body: &[u8], out: &mut String) {
    for logs in ExportLogsServiceRequest::decode(body).unwrap().resource_logs {
        attributes("resource", &logs.resource.unwrap().attributes, out);
        for record in logs.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            let (time, observed) = (record.time_unix_nano, record.observed_time_unix_nano);
            let (severity, text) = (record.severity_number, &record.severity_text);
            let body = record.body.as_ref().map(value).unwrap_or_default();
            writeln!(
                out,
                "  record {time} observed {observed} {severity} {text} event={} body={body}",
                record.event_name
            )
            .unwrap();
            writeln!(out, "    trace {} span {}", hex(&record.trace_id), hex(&record.span_id)).unwrap();
            attributes("    ", &record.attributes, out);
        }
    }
}

pub fn traces(body: &[u8], out: &mut String) {
    for traces in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        attributes("resource", &traces.resource.unwrap().attributes, out);
        for scope in traces.scope_spans {
            let name = scope.scope.unwrap_or_default();
            writeln!(out, "  scope {} {}", name.name, name.version).unwrap();
            for span in scope.spans {
                let ids = [&span.trace_id, &span.span_id, &span.parent_span_id].map(|id| hex(id));
                let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
                let (kind, flags, status) = (span.kind, span.flags, span.status.unwrap_or_default());
                writeln!(out, "    span {} {ids:?} kind {kind} flags {flags} {start}..{end}", span.name).unwrap();
                writeln!(out, "      status {} {}", status.code, status.message).unwrap();
                attributes("      ", &span.attributes, out);
                for event in span.events {
                    writeln!(out, "      event {} {}", event.name, event.time_unix_nano).unwrap();
                    attributes("        ", &event.attributes, out);
                }
                for link in span.links {
                    writeln!(out, "      link {} {}", hex(&link.trace_id), hex(&link.span_id)).unwrap();
                }
            }
        }
    }
}

pub fn span_ids(body: &[u8]) -> Vec<Vec<u8>> {
    let traces = ExportTraceServiceRequest::decode(body).unwrap().resource_spans.into_iter();
    let spans = traces.flat_map(|traces| traces.scope_spans).flat_map(|scope| scope.spans);
    spans.map(|span| span.span_id).collect()
}

fn attributes(before: &str, attributes: &[KeyValue], out: &mut String) {
    for attribute in attributes {
        let text = attribute.value.as_ref().map(value).unwrap_or_default();
        writeln!(out, "{before} {}: {text}", attribute.key).unwrap();
    }
}

fn value(any: &AnyValue) -> String {
    match any.value.as_ref() {
        None => "null".to_owned(),
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(int)) => format!("{int}i"),
        Some(Value::DoubleValue(double)) => format!("{double:?}"),
        Some(Value::ArrayValue(array)) => {
            format!("[{}]", array.values.iter().map(value).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
