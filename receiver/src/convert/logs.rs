//! Items as OTLP log records, one `ResourceLogs` for each payload.

//! ```proto
//! message ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1; }
//! message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
//! message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; }
//! message LogRecord {
//!   fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
//!   repeated KeyValue attributes = 6; bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11;
//!   string event_name = 12;
//! }
//! ```

use super::attribute::{Attribute, Shared, Value};
use super::{Converted, REQUEST_BYTES, proto, resource, time};
use crate::enrich::{Enriched, Item};
use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use std::ops::Range;
use wire::Pairs;

/// `LogRecord.attributes`.
const ATTRIBUTES: u8 = 6;

/// The instrumentation scope, encoded: `name = 1`.
const SCOPE: &[u8] = b"\x0a\x05farol";

/// The export request of the items in `range`, counted over all of `records`.
pub fn request(records: &[Enriched], range: Range<usize>) -> Converted {
    let (mut body, mut end) = (Vec::with_capacity(64 * 1024), range.start);
    let (mut log_records, mut attributes) = (Vec::with_capacity(64 * 1024), Vec::with_capacity(32));
    for (record, part) in super::parts(records, range, Enriched::items) {
        if body.len() >= REQUEST_BYTES {
            break;
        }
        log_records.clear();
        let context = Context::of(record);
        for item in part.map_while(|place| record.item(place)) {
            if body.len() + log_records.len() >= REQUEST_BYTES {
                break;
            }
            context.log_record(item, &mut attributes, &mut log_records);
            end += 1;
        }
        let mut service = Vec::with_capacity(512);
        resource::of_service(record, 1).write(&[], &mut service);
        let scope_logs = proto::field_len(SCOPE.len()) + log_records.len();
        proto::open(1, proto::field_len(service.len()) + proto::field_len(scope_logs), &mut body);
        proto::bytes(1, &service, &mut body);
        proto::open(2, scope_logs, &mut body);
        proto::bytes(1, SCOPE, &mut body);
        body.extend_from_slice(&log_records);
    }
    Converted { body, end }
}

/// What the records of one payload share.
struct Context<'b> {
    received: u64,
    skew: i64,
    session: Shared<'b>,
}

/// What is particular to an item.
struct Particular<'b> {
    body: Option<&'b str>,
    severity: SeverityNumber,
    severity_text: &'b str,
    event_name: &'b str,
}

impl<'b> Context<'b> {
    fn of(record: &'b Enriched<'b>) -> Self {
        let sent_at = time::sent_at(&record.payload.meta);
        let session = Shared::new(resource::of_session(record), ATTRIBUTES, super::share(record.items()));
        Context { received: record.received, skew: time::skew(record.received, sent_at), session }
    }

    /// Appends the record of an item, as a field of its `ScopeLogs`. `attributes` is room to use.
    fn log_record(&self, item: Item<'b, 'b>, attributes: &mut Vec<Attribute<'b>>, out: &mut Vec<u8>) {
        attributes.clear();
        attributes.push(Attribute::text("kind", item.kind()));
        let particular = describe(item, attributes);
        attributes.extend(item.action().map(|(name, text)| Attribute::new("action.", name, Value::Text(text))));
        let client = wire::time::parse(item.timestamp()).unwrap_or_default();
        proto::message(2, out, |out| {
            proto::fixed64(1, time::corrected(client, self.skew), out);
            proto::uint(2, particular.severity as u64, out);
            proto::text(3, particular.severity_text, out);
            if let Some(body) = particular.body {
                proto::open(5, proto::field_len(body.len()), out);
                proto::bytes(1, body.as_bytes(), out);
            }
            self.session.write(attributes, out);
            if let Some((trace_id, span_id)) = item.trace() {
                proto::id::<16>(9, trace_id, out);
                proto::id::<8>(10, span_id, out);
            }
            proto::fixed64(11, self.received, out);
            proto::text(12, particular.event_name, out);
        });
    }
}

/// What is particular to the kind of item; appends its attributes. The sender's own pairs keep their names.
fn describe<'b>(item: Item<'b, 'b>, out: &mut Vec<Attribute<'b>>) -> Particular<'b> {
    let info = Particular { body: None, severity: SeverityNumber::Info, severity_text: "info", event_name: "" };
    match item {
        Item::Log(log) => {
            pairs(&log.context, out);
            others(&log.more, out);
            Particular {
                body: Some(&log.message),
                severity: severity(&log.level),
                severity_text: &log.level,
                event_name: "",
            }
        }
        Item::Exception(exception) => {
            out.push(Attribute::text("exception.type", &exception.kind));
            out.push(Attribute::text("exception.message", &exception.value));
            if exception.stacktrace.is_some() {
                out.push(Attribute::new("exception.stacktrace", "", Value::Stack(exception)));
            }
            if let Some(fingerprint) = exception.fingerprint.as_ref().and_then(|text| text.non_empty()) {
                out.push(Attribute::text("exception.fingerprint", fingerprint));
            }
            if let Some(fatal) = exception.fatal {
                out.push(Attribute::new("exception.fatal", "", Value::Bool(fatal)));
            }
            pairs(&exception.context, out);
            others(&exception.more, out);
            let (severity, severity_text) = (SeverityNumber::Error, "error");
            Particular { body: Some(&exception.value), severity, severity_text, event_name: "" }
        }
        Item::Measurement(measurement) => {
            out.push(Attribute::text("measurement.type", &measurement.kind));
            // `null` is the SDK's NaN: there is no number to report.
            let known = measurement.values.0.iter().filter_map(|(name, value)| Some((name, (*value)?)));
            out.extend(known.map(|(name, value)| Attribute::new("measurement.values.", name, Value::Double(value))));
            pairs(&measurement.context, out);
            others(&measurement.more, out);
            info
        }
        Item::Event(event) => {
            if let Some(domain) = event.domain.as_ref().and_then(|text| text.non_empty()) {
                out.push(Attribute::text("event.domain", domain));
            }
            pairs(&event.attributes, out);
            others(&event.more, out);
            Particular { event_name: &event.name, ..info }
        }
    }
}

/// Adds the sender's pairs under their own names. One that is already taken by what we say of the
/// item is put under `attributes.`: OTLP wants keys to be unique.
fn pairs<'b>(pairs: &'b Pairs, out: &mut Vec<Attribute<'b>>) {
    let ours = out.len();
    for (key, value) in &pairs.0 {
        let own = Attribute::new("", key, Value::Text(value));
        let taken = out[..ours].iter().any(|attribute| attribute.same_key(&own));
        out.push(if taken { Attribute::new("attributes.", key, Value::Text(value)) } else { own });
    }
}

/// Adds the members of an item that nobody knows.
fn others<'b>(more: &'b Pairs, out: &mut Vec<Attribute<'b>>) {
    out.extend(more.0.iter().map(|(key, value)| Attribute::new("faro.", key, Value::Text(value))));
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
