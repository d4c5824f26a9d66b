//! An item as JSON beside what it came with: how it lies among the dead letters.

use crate::enrich::{Enriched, Item};
use serde::Serialize;
use serde_json::value::RawValue;
use std::ops::Range;

#[derive(Serialize)]
struct Letter<'l, T> {
    kind: &'static str,
    app: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'l str>,
    /// Nanoseconds since the epoch.
    received: u64,
    item: T,
}

/// The items in `range`, counted over all of `records`.
pub fn items(records: &[Enriched], range: Range<usize>) -> Vec<Box<RawValue>> {
    let parts = super::parts(records, range, Enriched::items);
    parts.flat_map(|(record, part)| part.filter_map(|place| item(record, record.item(place)?))).collect()
}

fn item(record: &Enriched, item: Item) -> Option<Box<RawValue>> {
    match item {
        Item::Log(log) => write(record, item.kind(), log),
        Item::Exception(exception) => write(record, item.kind(), exception),
        Item::Measurement(measurement) => write(record, item.kind(), measurement),
        Item::Event(event) => write(record, item.kind(), event),
    }
}

/// The spans in `range`, counted over all of `records`.
pub fn spans(records: &[Enriched], range: Range<usize>) -> Vec<Box<RawValue>> {
    let parts = super::parts(records, range, Enriched::spans);
    let spans = parts.flat_map(|(record, part)| {
        let resources = record.payload.traces.iter().flat_map(|traces| traces.resource_spans.iter());
        let spans = resources.flat_map(|resource| resource.scope_spans.iter()).flat_map(|scope| scope.spans.iter());
        spans.skip(part.start).take(part.len()).filter_map(|span| write(record, "span", span))
    });
    spans.collect()
}

fn write<T: Serialize>(record: &Enriched, kind: &'static str, item: T) -> Option<Box<RawValue>> {
    let session = record.payload.meta.session.as_ref().and_then(|session| session.id.as_deref());
    let (app, received) = (record.service_name(), record.received);
    serde_json::value::to_raw_value(&Letter { kind, app, session, received, item }).ok()
}
