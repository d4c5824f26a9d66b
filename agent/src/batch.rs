//! The open batch: items already in JSON, one text for each kind, which sealing only concatenates.

use crate::compress;
use crate::context::Head;
use crate::json;
use crate::policy;
use crate::signal::Kind;
use wire::encode::{self, Parts};

/// Items pushed under one meta.
pub struct Open {
    lists: [Vec<u8>; Kind::COUNT],
    items: u32,
    bytes: usize,
}

/// A batch that is ready to be sent, and sent again: only its send time changes.
#[derive(Debug, Default)]
pub struct Batch {
    /// The `Idempotency-Key`, the same for every attempt.
    pub key: String,
    /// The session of its items, empty without sessions.
    pub session: String,
    /// Items in it.
    pub items: u32,
    /// Times that it was tried.
    pub attempts: u32,
    /// Whether the body is gzip by now.
    pub packed: bool,
    body: Vec<u8>,
    sent_at: (usize, usize),
}

/// What `meta.farol` says beside the send time.
#[derive(Clone, Debug, Default)]
pub struct Delivery<'a> {
    /// This page load.
    pub instance: &'a str,
    /// The batch's number in it.
    pub sequence: u32,
    /// Items dropped so far by reason, as JSON members.
    pub dropped: Vec<u8>,
}

impl Open {
    /// An empty one.
    pub fn new() -> Self {
        Open { lists: [const { Vec::new() }; Kind::COUNT], items: 0, bytes: 0 }
    }

    /// Items in it.
    pub fn items(&self) -> u32 {
        self.items
    }

    /// Whether `length` more bytes would make it larger than a batch may be. An empty one takes anything.
    pub fn overflows(&self, head: &Head, length: usize) -> bool {
        let envelope = head.meta.len() + head.resource.len() + policy::DELIVERY_BYTES;
        self.items > 0 && envelope + self.bytes + length + 1 > policy::BATCH_BYTES
    }

    /// Adds the JSON of an item.
    pub fn add(&mut self, kind: Kind, item: &[u8]) {
        let Some(list) = self.lists.get_mut(kind as usize) else { return };
        json::append(list, item);
        self.items += 1;
        self.bytes += item.len() + 1;
    }

    /// Writes the payload of what is in it.
    pub fn payload(&self, head: &Head, out: &mut Vec<u8>) {
        let [logs, events, measurements, exceptions, spans] = &self.lists;
        let mut meta = head.meta.clone();
        json::put(&mut meta, b"}");
        let (resource, scope) = (head.resource.as_slice(), head.scope.as_slice());
        encode::payload(&Parts { meta: &meta, logs, events, measurements, exceptions, spans, resource, scope }, out);
    }

    /// Makes a batch of what is in it, sent at `now` for the first time, and is empty after that. `None` when it was.
    pub fn seal(&mut self, head: &Head, delivery: &Delivery, now: f64, key: String) -> Option<Batch> {
        if self.items == 0 {
            return None;
        }
        let mut whole = head.clone();
        json::put(&mut whole.meta, b",\"farol\":{");
        let start = whole.meta.len() + br#"{"meta":"sentAt":"#.len();
        json::number(&mut whole.meta, "sentAt", now);
        json::text(&mut whole.meta, "instance", delivery.instance);
        json::number(&mut whole.meta, "sequence", f64::from(delivery.sequence));
        json::object(&mut whole.meta, "dropped", &delivery.dropped);
        json::put(&mut whole.meta, b"}");
        let mut body = Vec::with_capacity(whole.meta.len() + self.bytes + head.resource.len() + 256);
        self.payload(&whole, &mut body);
        let digits = body.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        let (items, session) = (self.items, head.session.clone());
        self.lists.iter_mut().for_each(Vec::clear);
        (self.items, self.bytes) = (0, 0);
        Some(Batch { key, session, items, attempts: 0, packed: false, body, sent_at: (start, start + digits) })
    }
}

impl Batch {
    /// Bytes of the body.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Compresses the body, which says from then on that it was sent at `now`.
    pub fn pack(&mut self, now: f64) {
        if !self.packed {
            self.body = compress::gzip(self.body(now));
            self.packed = true;
        }
    }

    /// The body, saying that it is sent at `now`, milliseconds since the epoch.
    pub fn body(&mut self, now: f64) -> &[u8] {
        if self.packed {
            return &self.body;
        }
        let (start, end) = self.sent_at;
        if let Some(place) = self.body.get_mut(start..end) {
            let mut digits = Vec::new();
            wire::encode::whole(now as u64, &mut digits);
            // From 2001 to 2286 a time has as many digits as any other.
            if digits.len() == place.len() {
                place.copy_from_slice(&digits);
            }
        }
        &self.body
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::decode;

    /// A batch of `bytes` or a little more, for tests of what holds batches.
    pub fn batch(items: u32, bytes: usize) -> Batch {
        Batch { items, body: vec![b'x'; bytes], ..Batch::default() }
    }

    fn head() -> Head {
        Head {
            meta: br#"{"app":{"name":"shop"}"#.to_vec(),
            resource: br#"{"attributes":[]}"#.to_vec(),
            scope: br#"{"name":"farol"}"#.to_vec(),
            session: "s".into(),
        }
    }

    const NOW: f64 = 1_795_223_618_015.0;

    fn delivery() -> Delivery<'static> {
        Delivery { instance: "i", sequence: 3, dropped: br#""paused":"1""#.to_vec() }
    }

    const SPAN: &[u8] =
        br#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET","kind":3}"#;

    #[test]
    fn a_sealed_batch_is_a_payload_with_its_send_time() {
        let mut open = Open::new();
        assert!(open.seal(&head(), &delivery(), NOW, "k".into()).is_none());
        open.add(Kind::Log, br#"{"message":"a"}"#);
        open.add(Kind::Log, br#"{"message":"b"}"#);
        open.add(Kind::Event, br#"{"name":"e"}"#);
        open.add(Kind::Span, SPAN);
        let mut batch = open.seal(&head(), &delivery(), NOW, "k".into()).expect("items");
        assert_eq!((batch.items, open.items(), batch.session.as_str()), (4, 0, "s"));
        let body = batch.body(1_795_223_700_000.0).to_vec();
        let payload = decode::payload(&body).expect("a payload");
        assert_eq!(payload.logs.iter().map(|l| &*l.message).collect::<Vec<_>>(), ["a", "b"]);
        let farol = payload.meta.farol.expect("delivery data");
        assert_eq!((farol.sent_at, farol.sequence), (Some(1_795_223_700_000.0), Some(3)));
        assert_eq!((farol.instance.as_deref(), farol.dropped.get("paused")), (Some("i"), Some("1")));
        let traces = payload.traces.expect("spans");
        let scope = traces.resource_spans.iter().flat_map(|r| r.scope_spans.iter()).next().expect("a scope");
        assert_eq!((scope.spans.len(), scope.spans.invalid), (1, 0));
        assert_eq!(scope.scope.as_ref().and_then(|s| s.name.as_deref()), Some("farol"));
    }

    proptest! {
        #[test]
        fn batches_keep_every_item_and_stay_small(sizes in proptest::collection::vec((0_usize..5, 0_usize..30_000), 0..60)) {
            let (mut open, mut batches) = (Open::new(), Vec::new());
            let kinds = [Kind::Log, Kind::Event, Kind::Measurement, Kind::Exception, Kind::Span];
            for (kind, size) in &sizes {
                let json = format!(r#"{{"type":"{}"}}"#, "x".repeat(*size));
                if open.overflows(&head(), json.len()) {
                    batches.extend(open.seal(&head(), &delivery(), NOW, "k".into()));
                }
                open.add(*kinds.get(*kind).expect("a kind"), json.as_bytes());
            }
            batches.extend(open.seal(&head(), &delivery(), NOW, "k".into()));
            prop_assert_eq!(batches.iter().map(|b| b.items as usize).sum::<usize>(), sizes.len());
            for batch in &mut batches {
                prop_assert!(batch.bytes() <= policy::BATCH_BYTES, "{} bytes", batch.bytes());
                prop_assert!(decode::payload(batch.body(0.0)).is_ok());
            }
        }
    }
}
