//! Loki's push request (`logproto.PushRequest`), written straight into one buffer for each stream.
//!
//! ```proto
//! message PushRequest { repeated Stream streams = 1; }
//! message Stream { string labels = 1; repeated Entry entries = 2; }
//! message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }
//! message LabelPair { string name = 1; string value = 2; }
//! ```

use super::labels::LabelBudget;
use super::line::{Format, Lines};
use super::proto::{self, field_len, varint, varint_len};
use super::{Converted, REQUEST_BYTES, time};
use crate::enrich::{Enriched, Item, UserAgent};
use std::collections::HashMap;
use std::ops::Range;
use wire::Text;

/// Structured metadata may hold 64 KB in 128 pairs; there are under 20 pairs here, each this long at most.
const METADATA_BYTES: usize = 1024;

/// What the push request of a batch depends on besides the batch.
pub struct Options<'o> {
    /// How lines are written.
    pub format: Format,
    /// Which names are labels.
    pub labels: &'o LabelBudget,
}

/// The push request of the items in `range`, counted over all of `records`.
pub fn push(records: &[Enriched], range: Range<usize>, options: &Options) -> Converted {
    let mut streams = Streams::default();
    let (mut line, mut metadata, mut labels) = (Vec::new(), Vec::new(), String::new());
    let mut end = range.start;
    for (record, part) in super::parts(records, range, Enriched::items) {
        let payload = &record.payload;
        let sent_at = time::sent_at(&payload.meta);
        let mut lines = Lines::new(&payload.meta, options.format, super::share(record.items()));
        let common = common_metadata(record);
        let record_labels = options.labels.of(record);
        let mut last = None;
        for place in part {
            if streams.entries.len() >= REQUEST_BYTES {
                return Converted { body: streams.request(), end };
            }
            let Some(item) = record.item(place) else { break };
            end += 1;
            if !record_labels.wants(item.kind()) {
                continue;
            }
            lines.write(item, &mut line);
            let client = wire::time::parse(item.timestamp());
            item_metadata(item, client.is_some(), &mut metadata);
            metadata.extend_from_slice(&common);
            let key = (item.kind(), record_labels.varying(item));
            let stream = match last {
                Some((last_key, stream)) if last_key == key => stream,
                _ => {
                    record_labels.write(key.0, key.1, &mut labels);
                    streams.with(&labels)
                }
            };
            last = Some((key, stream));
            // The place keeps the order of a batch, and keeps equal lines of one moment apart, which
            // Loki would take for one sent twice.
            let at = time::entry(record.received, sent_at, client) + place as u64;
            streams.entry(stream, at, &line, &metadata);
        }
    }
    Converted { body: streams.request(), end }
}

/// Streams by their labels. Entries are encoded one behind the other as they come, and put together by stream at the end.
#[derive(Default)]
struct Streams {
    places: HashMap<String, usize>,
    labels: Vec<String>,
    /// Bytes of the entries of each stream.
    sizes: Vec<usize>,
    entries: Vec<u8>,
    /// Of each entry its stream and where it is.
    ranges: Vec<(usize, Range<usize>)>,
}

impl Streams {
    fn with(&mut self, labels: &str) -> usize {
        if let Some(place) = self.places.get(labels) {
            return *place;
        }
        let place = self.labels.len();
        self.labels.push(labels.to_owned());
        self.sizes.push(0);
        self.places.insert(labels.to_owned(), place);
        place
    }

    fn entry(&mut self, stream: usize, at: u64, line: &[u8], metadata: &[u8]) {
        let (seconds, nanos) = (at / 1_000_000_000, at % 1_000_000_000);
        let timestamp = 2 + varint_len(seconds) + varint_len(nanos);
        let size = 2 + timestamp + field_len(line.len()) + metadata.len();
        let out = &mut self.entries;
        let before = out.len();
        proto::open(2, size, out);
        proto::open(1, timestamp, out);
        out.push(1 << 3);
        varint(seconds, out);
        out.push(2 << 3);
        varint(nanos, out);
        proto::bytes(2, line, out);
        out.extend_from_slice(metadata);
        self.sizes[stream] += out.len() - before;
        self.ranges.push((stream, before..out.len()));
    }

    fn request(mut self) -> Vec<u8> {
        let heads = |(labels, size): (&String, &usize)| field_len(field_len(labels.len()) + size);
        let mut out = Vec::with_capacity(self.labels.iter().zip(&self.sizes).map(heads).sum());
        // Stable: entries of a stream keep their order.
        self.ranges.sort_by_key(|(stream, _)| *stream);
        for entries in self.ranges.chunk_by(|a, b| a.0 == b.0) {
            let stream = entries[0].0;
            let (labels, size) = (&self.labels[stream], self.sizes[stream]);
            proto::open(1, field_len(labels.len()) + size, &mut out);
            proto::bytes(1, labels.as_bytes(), &mut out);
            for (_, range) in entries {
                out.extend_from_slice(&self.entries[range.clone()]);
            }
        }
        out
    }
}

/// Ids, and what Alloy's line does not say, of one item: replaces `out` with encoded pairs.
fn item_metadata(item: Item, timed: bool, out: &mut Vec<u8>) {
    out.clear();
    if let Some((trace_id, span_id)) = item.trace() {
        pair("trace_id", trace_id, out);
        pair("span_id", span_id, out);
    }
    if timed {
        pair("client_time", item.timestamp(), out);
    }
    for (name, text) in item.action() {
        let name = match name {
            "id" => "action_id",
            "name" => "action_name",
            _ => "action_parent_id",
        };
        pair(name, text, out);
    }
    if let Item::Exception(exception) = item {
        optional("fingerprint", &exception.fingerprint, out);
        if exception.fatal == Some(true) {
            pair("fatal", "true", out);
        }
    }
}

/// The same of the whole record.
fn common_metadata(record: &Enriched) -> Vec<u8> {
    let mut out = Vec::new();
    let meta = &record.payload.meta;
    if let Some(session) = &meta.session {
        optional("session_id", &session.id, &mut out);
    }
    if let UserAgent::FromRequest(user_agent) = record.user_agent {
        pair("user_agent", user_agent, &mut out);
    }
    if let Some(user) = &meta.user {
        optional("user_full_name", &user.full_name, &mut out);
        optional("user_roles", &user.roles, &mut out);
        optional("user_hash", &user.hash, &mut out);
    }
    if let Some(app) = &meta.app {
        optional("app_bundle_id", &app.bundle_id, &mut out);
        optional("app_git_hash", &app.git_hash, &mut out);
        optional("app_installation_id", &app.installation_id, &mut out);
    }
    if let Some(os) = &meta.os {
        optional("os_name", &os.name, &mut out);
        optional("os_version", &os.version, &mut out);
    }
    if let Some(k6) = &meta.k6 {
        optional("k6_test_run_id", &k6.test_run_id, &mut out);
    }
    out
}

fn optional(name: &str, text: &Option<Text>, out: &mut Vec<u8>) {
    pair(name, text.as_deref().unwrap_or_default(), out);
}

/// Appends a pair of structured metadata; one without a value says nothing and is left out.
fn pair(name: &str, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        let value = super::cut(value, METADATA_BYTES);
        proto::open(3, field_len(name.len()) + field_len(value.len()), out);
        proto::bytes(1, name.as_bytes(), out);
        proto::bytes(2, value.as_bytes(), out);
    }
}
