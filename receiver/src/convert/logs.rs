//! Items as OTLP log records, one `ResourceLogs` for each payload.

use super::{Converted, REQUEST_BYTES, field, resource, time};
use crate::enrich::{Enriched, Item};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::ops::Range;
use wire::Pairs;

/// The export request of the items in `range`, counted over all of `records`.
pub fn request(records: &[Enriched], range: Range<usize>) -> Converted {
    let (mut resource_logs, mut bytes, mut end) = (Vec::new(), 0, range.start);
    for (record, part) in super::parts(records, range, Enriched::items) {
        if bytes >= REQUEST_BYTES {
            break;
        }
        let mut log_records = Vec::with_capacity(part.len());
        let context = Context::of(record);
        for item in part.map_while(|place| record.item(place)) {
            if bytes >= REQUEST_BYTES {
                break;
            }
            let log_record = context.log_record(item);
            bytes += log_record.encoded_len();
            log_records.push(log_record);
            end += 1;
        }
        let resource = Resource { attributes: resource::of_service(record, 1), ..Default::default() };
        bytes += resource.encoded_len();
        let scope = InstrumentationScope { name: "farol".to_owned(), ..Default::default() };
        resource_logs.push(ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![ScopeLogs { scope: Some(scope), log_records, ..Default::default() }],
            ..Default::default()
        });
    }
    Converted { body: ExportLogsServiceRequest { resource_logs }.encode_to_vec(), end }
}

/// What the records of one payload share.
struct Context {
    received: u64,
    skew: i64,
    session: Vec<KeyValue>,
}

impl Context {
    fn of(record: &Enriched) -> Self {
        let sent_at = time::sent_at(&record.payload.meta);
        let session = resource::of_session(record, record.items());
        Context { received: record.received, skew: time::skew(record.received, sent_at), session }
    }

    fn log_record(&self, item: Item) -> LogRecord {
        let client = wire::time::parse(item.timestamp()).unwrap_or_default();
        let mut out = LogRecord {
            time_unix_nano: time::corrected(client, self.skew),
            observed_time_unix_nano: self.received,
            severity_number: SeverityNumber::Info.into(),
            severity_text: "info".to_owned(),
            ..Default::default()
        };
        if let Some((trace_id, span_id)) = item.trace() {
            out.trace_id = resource::id::<16>(trace_id);
            out.span_id = resource::id::<8>(span_id);
        }
        out.attributes = Vec::with_capacity(self.session.len() + 8);
        out.attributes.push(resource::text("kind", item.kind()));
        describe(item, &mut out);
        for (name, text) in item.action() {
            out.attributes.push(resource::text(["action.", name].concat(), text));
        }
        resource::fill(&mut out.attributes, &self.session);
        out
    }
}

/// Sets what is particular to the kind of item. The sender's own pairs keep their names.
fn describe(item: Item, out: &mut LogRecord) {
    match item {
        Item::Log(log) => {
            out.body = body(&log.message);
            out.severity_number = severity(&log.level).into();
            out.severity_text = (*log.level).to_owned();
            pairs(&log.context, &mut out.attributes);
        }
        Item::Exception(exception) => {
            out.body = body(&exception.value);
            out.severity_number = SeverityNumber::Error.into();
            out.severity_text = "error".to_owned();
            out.attributes.push(resource::text("exception.type", &exception.kind));
            out.attributes.push(resource::text("exception.message", &exception.value));
            if exception.stacktrace.is_some() {
                let stack = String::from_utf8(field::stack_text(exception)).unwrap_or_default();
                out.attributes.push(resource::attribute("exception.stacktrace", Value::StringValue(stack)));
            }
            if let Some(fingerprint) = exception.fingerprint.as_ref().and_then(|text| text.non_empty()) {
                out.attributes.push(resource::text("exception.fingerprint", fingerprint));
            }
            if let Some(fatal) = exception.fatal {
                out.attributes.push(resource::attribute("exception.fatal", Value::BoolValue(fatal)));
            }
            pairs(&exception.context, &mut out.attributes);
        }
        Item::Measurement(measurement) => {
            out.attributes.push(resource::text("measurement.type", &measurement.kind));
            // `null` is the SDK's NaN: there is no number to report.
            let known = measurement.values.0.iter().filter_map(|(name, value)| Some((name, (*value)?)));
            out.attributes.extend(known.map(|(name, value)| {
                resource::attribute(["measurement.values.", name].concat(), Value::DoubleValue(value))
            }));
            pairs(&measurement.context, &mut out.attributes);
        }
        Item::Event(event) => {
            out.event_name = (*event.name).to_owned();
            if let Some(domain) = event.domain.as_ref().and_then(|text| text.non_empty()) {
                out.attributes.push(resource::text("event.domain", domain));
            }
            pairs(&event.attributes, &mut out.attributes);
        }
    }
}

fn body(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) })
}

/// Adds the sender's pairs under their own names. One that is already taken by what we say of the
/// item is put under `attributes.`: OTLP wants keys to be unique.
fn pairs(pairs: &Pairs, out: &mut Vec<KeyValue>) {
    let ours = out.len();
    for (key, value) in &pairs.0 {
        let taken = out[..ours].iter().any(|attribute| attribute.key == **key);
        out.push(resource::text(if taken { ["attributes.", key].concat() } else { (**key).to_owned() }, value));
    }
}

/// The number of a level; one we don't know is unspecified and keeps its text.
fn severity(level: &str) -> SeverityNumber {
    const LEVELS: [(&str, SeverityNumber); 8] = [
        ("trace", SeverityNumber::Trace),
        ("debug", SeverityNumber::Debug),
        ("info", SeverityNumber::Info),
        ("log", SeverityNumber::Info),
        ("warn", SeverityNumber::Warn),
        ("warning", SeverityNumber::Warn),
        ("error", SeverityNumber::Error),
        ("fatal", SeverityNumber::Fatal),
    ];
    let known = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(level));
    known.map_or(SeverityNumber::Unspecified, |(_, number)| *number)
}
