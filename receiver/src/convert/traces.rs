//! Spans as an OTLP export request: the sender's own words kept, what they lack filled in.
//!
//! ```proto
//! message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
//! message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
//! message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; }
//! message InstrumentationScope { string name = 1; string version = 2; }
//! message Span {
//!   bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
//!   SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
//!   repeated Event events = 11; repeated Link links = 13; Status status = 15; fixed32 flags = 16;
//! }
//! message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
//! message Link { bytes trace_id = 1; bytes span_id = 2; repeated KeyValue attributes = 4; }
//! message Status { string message = 2; StatusCode code = 3; }
//! ```

use super::attribute::{Attribute, Shared};
use super::{Converted, REQUEST_BYTES, proto, resource, time};
use crate::enrich::Enriched;
use std::ops::Range;
use wire::trace::{self, Nanos};

/// `Span.attributes`.
const ATTRIBUTES: u8 = 9;

/// The tag of `Span.flags`, field 16 in four bytes.
const FLAGS: [u8; 2] = [0x85, 0x01];

/// The export request of the spans in `range`, counted over all of `records`. Spans with ids that are
/// none were left out when the payload was decoded, and counted at admission.
pub fn request(records: &[Enriched], range: Range<usize>) -> Converted {
    let (mut body, mut end) = (Vec::new(), range.start);
    let (mut spans, mut scope_spans, mut service) = (Vec::new(), Vec::new(), Vec::new());
    for (record, part) in super::parts(records, range, Enriched::spans) {
        let context = Context::of(record);
        let mut place = 0;
        for sent in record.payload.traces.iter().flat_map(|traces| traces.resource_spans.iter()) {
            scope_spans.clear();
            for scope in sent.scope_spans.iter() {
                spans.clear();
                for span in scope.spans.iter() {
                    if part.contains(&place) && body.len() + scope_spans.len() + spans.len() < REQUEST_BYTES {
                        proto::message(2, &mut spans, |out| context.span(span, out));
                        end += 1;
                    }
                    place += 1;
                }
                if !spans.is_empty() {
                    scope_message(scope, &spans, &mut scope_spans);
                }
            }
            if !scope_spans.is_empty() {
                service.clear();
                let sent = sent.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
                context.service.write(&attributes(sent), &mut service);
                proto::open(1, proto::field_len(service.len()) + scope_spans.len(), &mut body);
                proto::bytes(1, &service, &mut body);
                body.extend_from_slice(&scope_spans);
            }
        }
        if body.len() >= REQUEST_BYTES {
            break;
        }
    }
    Converted { body, end }
}

/// Appends a `ScopeSpans` of `spans`, as a field of its `ResourceSpans`.
fn scope_message(scope: &trace::ScopeSpans, spans: &[u8], out: &mut Vec<u8>) {
    let mut head = Vec::new();
    if let Some(scope) = &scope.scope {
        proto::message(1, &mut head, |out| {
            proto::text(1, scope.name.as_deref().unwrap_or_default(), out);
            proto::text(2, scope.version.as_deref().unwrap_or_default(), out);
        });
    }
    proto::open(2, head.len() + spans.len(), out);
    out.extend_from_slice(&head);
    out.extend_from_slice(spans);
}

/// What the spans of one payload share.
struct Context<'b> {
    skew: i64,
    service: Shared<'b>,
    session: Shared<'b>,
}

impl<'b> Context<'b> {
    fn of(record: &'b Enriched<'b>) -> Self {
        const OF_SPANS: [&str; 4] = ["session.id", "user.id", "page.url", "view.name"];
        let sent_at = time::sent_at(&record.payload.meta);
        let service = resource::of_service(record, record.spans());
        let mut session = resource::of_session(record);
        session.retain(|attribute| OF_SPANS.iter().any(|key| attribute.same_key(&Attribute::text(key, ""))));
        let session = Shared::new(session, ATTRIBUTES, super::share(record.spans()));
        Context { skew: time::skew(record.received, sent_at), service, session }
    }

    /// Appends the fields of a span.
    fn span(&self, span: &trace::Span, out: &mut Vec<u8>) {
        proto::id::<16>(1, &span.trace_id, out);
        proto::id::<8>(2, &span.span_id, out);
        proto::text(3, span.trace_state.as_deref().unwrap_or_default(), out);
        proto::id::<8>(4, span.parent_span_id.as_deref().unwrap_or_default(), out);
        proto::text(5, &span.name, out);
        // 5 is the last kind there is, 2 the last status.
        proto::uint(6, if span.kind <= 5 { span.kind.into() } else { 0 }, out);
        proto::fixed64(7, self.time(span.start_time_unix_nano), out);
        proto::fixed64(8, self.time(span.end_time_unix_nano), out);
        self.session.write(&attributes(&span.attributes), out);
        for event in span.events.iter() {
            proto::message(11, out, |out| {
                proto::fixed64(1, self.time(event.time_unix_nano), out);
                proto::text(2, &event.name, out);
                event.attributes.iter().for_each(|attribute| Attribute::sent(attribute).write(3, out));
            });
        }
        for link in span.links.iter() {
            proto::message(13, out, |out| {
                proto::id::<16>(1, &link.trace_id, out);
                proto::id::<8>(2, &link.span_id, out);
                link.attributes.iter().for_each(|attribute| Attribute::sent(attribute).write(4, out));
            });
        }
        if let Some(status) = &span.status {
            proto::message(15, out, |out| {
                proto::text(2, status.message.as_deref().unwrap_or_default(), out);
                proto::uint(3, if status.code <= 2 { status.code.into() } else { 0 }, out);
            });
        }
        if let Some(flags) = span.flags.filter(|flags| *flags != 0) {
            out.extend_from_slice(&FLAGS);
            out.extend_from_slice(&flags.to_le_bytes());
        }
    }

    fn time(&self, client: Nanos) -> u64 {
        time::corrected(client.0, self.skew)
    }
}

fn attributes<'b>(sent: &'b [trace::KeyValue<'b>]) -> Vec<Attribute<'b>> {
    sent.iter().map(Attribute::sent).collect()
}
