//! A lane: reads the journal, decodes, enriches, converts, delivers, commits; one for each store.
//!
//! Delivery is at least once: a record is committed after the store has answered for all of its items.
//! A store that is down stops its lane and no other; the journal holds what waits.

use crate::convert::labels::LabelBudget;
use crate::convert::line::Format;
use crate::convert::{Converted, letter, logs, loki, traces};
use crate::enrich::{self, Enriched};
use crate::ingest::decode::{self, Decoded, Gate};
use crate::ingest::inflate;
use crate::ingest::limits::LIGHT_BYTES;
use crate::ingest::outcome::Reason;
use crate::journal::{Entry, Reader};
use crate::sink::dead_letters::{self, DeadLetters, Letter};
use crate::sink::retry::{Backoff, Stopped};
use crate::sink::{Answer, Sink};
use crate::telemetry::{Failing, Metrics};
use crate::viewer::{self, Viewer};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes of bodies, and of what they decode to, read at once: some 35 typical batches, which make a request or two.
const READ_BYTES: usize = 2 * 1024 * 1024;

/// Inflated bytes decoded at once. Decoded they take several times that.
const DECODED_BYTES: usize = 1024 * 1024;

/// Least time between two deliveries of a lane that keeps up. A busy receiver then fills its requests, which cost the
/// same for one record as for twenty; a record that comes alone goes out at once.
const PACE: Duration = Duration::from_millis(50);

/// How long a delivery under way may take after the lane was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Where a lane's records go.
pub enum Stage {
    /// Lines for Loki.
    Loki {
        /// The store.
        sink: Sink,
        /// How lines are written.
        format: Format,
        /// Which names are labels; begin with the default.
        labels: LabelBudget,
    },
    /// Spans.
    Traces(Sink),
    /// Log records.
    Logs(Sink),
    /// The viewer's store: best effort, what it cannot take is skipped and counted.
    Viewer(Viewer),
}

/// One lane, before it runs.
pub struct Lane {
    name: &'static str,
    stage: Stage,
    metrics: Arc<Metrics>,
    gate: Gate,
    backoff: Backoff,
    failing: Failing,
    letters: Option<Arc<DeadLetters>>,
}

impl Lane {
    /// A lane under the name that its cursor and its metrics have. `gate` is the one that admission
    /// uses: heavy payloads are decoded one at a time in the whole process.
    pub fn new(name: &'static str, stage: Stage, metrics: Arc<Metrics>, gate: Gate) -> Lane {
        Lane { name, stage, metrics, gate, backoff: Backoff::default(), failing: Failing::default(), letters: None }
    }

    /// Sets how long to wait between tries.
    pub fn with_backoff(self, backoff: Backoff) -> Lane {
        Lane { backoff, ..self }
    }

    /// Keeps what its store refuses for good among the dead letters.
    pub fn with_dead_letters(self, letters: Arc<DeadLetters>) -> Lane {
        Lane { letters: Some(letters), ..self }
    }

    /// The name that its cursor and its metrics have.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Says how the lane is doing, while it runs.
    pub fn failing(&self) -> Failing {
        self.failing.clone()
    }

    /// Runs until `stop` is cancelled or the journal is closed and read to its end. A delivery under
    /// way at that time gets 5 s; what is not delivered stays in the journal.
    pub async fn run(mut self, mut reader: Reader, stop: CancellationToken) {
        let mut retry = 0;
        loop {
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                read = reader.read(READ_BYTES) => read,
            };
            let entries = match read {
                Ok(entries) if entries.is_empty() => return,
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(lane = self.name, %error, "journal cannot be read");
                    if self.backoff.pause(retry, None, &stop).await.is_err() {
                        return;
                    }
                    retry += 1;
                    continue;
                }
            };
            retry = 0;
            let out_of_time = async {
                stop.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            let began = Instant::now();
            tokio::select! {
                delivered = self.deliver(&mut reader, &entries, &stop) => if delivered.is_err() { return },
                () = out_of_time => return,
            }
            let full = entries.iter().map(in_memory).sum::<usize>() >= READ_BYTES / 2;
            drop(entries);
            if !full {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(began + PACE) => {}
                }
            }
        }
    }

    /// Delivers entries group by group, and commits each group.
    async fn deliver(
        &mut self,
        reader: &mut Reader,
        mut entries: &[Entry],
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        while let Some(group) = first_group(entries) {
            let items = match &self.stage {
                Stage::Viewer(viewer) => self.show(viewer.clone(), group).await,
                _ => self.store(group, stop).await?,
            };
            self.metrics.lane_delivered(self.name, group.len() as u64, items as u64);
            entries = &entries[group.len()..];
            let end = group[group.len() - 1].end;
            if let Err(error) = reader.commit(end).await {
                tracing::error!(lane = self.name, %error, "delivered records cannot be committed");
            }
        }
        Ok(())
    }

    /// Delivers a group to a store. Light records go together, heavy ones each alone. Returns how many
    /// items were taken.
    async fn store(&mut self, group: &[Entry], stop: &CancellationToken) -> Result<usize, Stopped> {
        let texts: Vec<(&Entry, Text)> = group.iter().map(|entry| (entry, text(entry))).collect();
        let mut payloads = Vec::with_capacity(texts.len());
        for (entry, text) in &texts {
            match text {
                Text::Decoded(decoded) => payloads.push((*entry, Cow::Borrowed(decoded.payload()))),
                Text::Light(text) => match wire::decode::payload(text) {
                    Ok(payload) => payloads.push((*entry, Cow::Owned(payload))),
                    Err(_) => self.unreadable(entry),
                },
                Text::Heavy => {}
                Text::Unreadable => self.unreadable(entry),
            }
        }
        let records: Vec<Enriched> =
            payloads.iter().map(|(entry, payload)| enrich::payload(payload, &entry.record.header)).collect();
        let count = self.admit(&records);
        let mut items = self.send_all(&Source::Decoded(&records), count, stop).await?;
        drop(records);
        drop(payloads);
        for (entry, _) in texts.iter().filter(|(_, text)| matches!(text, Text::Heavy)) {
            let counted = self.heavy(entry, |lane, record| lane.admit(std::slice::from_ref(record))).await;
            match counted {
                Some(count) => items += self.send_all(&Source::Heavy(entry), count, stop).await?,
                None => self.unreadable(entry),
            }
        }
        Ok(items)
    }

    /// Sends `count` items in as many requests as they need. A request that is refused for good is
    /// halved until the item is alone that nobody wants, so that its neighbours are not lost with it.
    async fn send_all(
        &mut self,
        source: &Source<'_, '_>,
        count: usize,
        stop: &CancellationToken,
    ) -> Result<usize, Stopped> {
        let Some(sink) = self.stage.sink().cloned() else { return Ok(0) };
        let mut taken = 0;
        let whole = 0..count;
        let mut waiting = vec![whole];
        while let Some(range) = waiting.pop() {
            if range.is_empty() {
                continue;
            }
            let Converted { body, end } = self.convert(source, range.clone()).await;
            let sent = range.start..end.max(range.start + 1);
            waiting.push(sent.end..range.end);
            if body.is_empty() {
                continue;
            }
            match self.send(&sink, sink.compress(&body), stop).await? {
                Answer::Partly { rejected, reason } => {
                    let rejected = sent.len().min(rejected as usize);
                    // Which ones, the store does not say.
                    self.give_up(source, sent.end..sent.end, rejected, reason).await;
                    taken += sent.len() - rejected;
                }
                Answer::Never { .. } if sent.len() > 1 => {
                    let middle = sent.start + sent.len() / 2;
                    waiting.extend([middle..sent.end, sent.start..middle]);
                }
                Answer::Never { reason } | Answer::Closed { reason } => {
                    let items = sent.len();
                    self.give_up(source, sent, items, reason).await;
                }
                Answer::Taken | Answer::Later { .. } => taken += sent.len(),
            }
        }
        Ok(taken)
    }

    /// Sends one request until it is answered for good. Never [`Answer::Later`].
    async fn send(&self, sink: &Sink, body: Bytes, stop: &CancellationToken) -> Result<Answer, Stopped> {
        let mut retry = 0;
        loop {
            let (after, reason) = match sink.send(body.clone()).await {
                Answer::Later { after, reason } => (after, reason),
                answer => {
                    if self.failing.set(None) {
                        tracing::info!(lane = self.name, retries = retry, "delivering again");
                    }
                    return Ok(answer);
                }
            };
            if self.failing.set(Some(&reason)) {
                tracing::warn!(lane = self.name, reason, "delivery failed, trying again until it is taken");
            }
            self.backoff.pause(retry, after, stop).await?;
            self.metrics.lane_retried(self.name);
            retry = retry.saturating_add(1);
        }
    }

    /// Takes note of the records' names, and counts what there is to deliver of them.
    fn admit(&mut self, records: &[Enriched]) -> usize {
        if let Stage::Loki { labels, .. } = &mut self.stage {
            let other: usize = records.iter().map(|record| labels.admit(record)).sum();
            self.metrics.lane_other(self.name, other as u64);
        }
        records.iter().map(|record| self.stage.count(record)).sum()
    }

    async fn convert(&mut self, source: &Source<'_, '_>, range: Range<usize>) -> Converted {
        match source {
            Source::Decoded(records) => self.stage.convert(records, range),
            Source::Heavy(entry) => {
                let (nothing, part) = (Converted { body: Vec::new(), end: range.end }, range);
                let one = |lane: &mut Lane, record: &Enriched| lane.stage.convert(std::slice::from_ref(record), part);
                self.heavy(entry, one).await.unwrap_or(nothing)
            }
        }
    }

    /// Decodes a heavy record for as long as `work` takes: not while a store keeps us waiting, for
    /// there is one turn for all lanes and admission. `None` when it cannot be read.
    async fn heavy<T>(&mut self, entry: &Entry, work: impl FnOnce(&mut Lane, &Enriched) -> T) -> Option<T> {
        let _turn = self.gate.heavy().await;
        let text = inflated(entry)?;
        let payload = wire::decode::payload(&text).ok()?;
        Some(work(self, &enrich::payload(&payload, &entry.record.header)))
    }

    /// Hands a group to the viewer. Returns how many items it took.
    async fn show(&mut self, viewer: Viewer, group: &[Entry]) -> usize {
        let mut batch = viewer::Batch::default();
        let (mut items, mut skipped) = (0, 0);
        for entry in group {
            let (position, header) = (entry.end.0, &entry.record.header);
            let mut push = |record: &Enriched| {
                let taken = batch.push(position, record.payload, header);
                items += taken;
                skipped += (record.items() + record.spans()).saturating_sub(taken);
            };
            let shown = match text(entry) {
                Text::Decoded(decoded) => {
                    push(&enrich::payload(decoded.payload(), header));
                    true
                }
                Text::Light(text) => {
                    let payload = wire::decode::payload(&text);
                    payload.map(|payload| push(&enrich::payload(&payload, header))).is_ok()
                }
                Text::Heavy => self.heavy(entry, |_, record| push(record)).await.is_some(),
                Text::Unreadable => false,
            };
            if !shown {
                self.unreadable(entry);
            }
        }
        let stored = viewer.insert_batch(batch).await;
        self.failing.set(stored.as_ref().err().map(ToString::to_string).as_deref());
        if let Err(error) = stored {
            tracing::warn!(lane = self.name, %error, items, "the viewer skips what it could not store");
            skipped += std::mem::take(&mut items);
        }
        self.metrics.lane_dropped(self.name, Reason::Skipped, skipped as u64);
        items
    }

    /// Items that their store will never take: counted, and put among the dead letters, those of `range` themselves,
    /// the rest as a number.
    async fn give_up(&mut self, source: &Source<'_, '_>, range: Range<usize>, items: usize, reason: String) {
        let lane = self.name;
        tracing::error!(lane, items, reason, "refused for good, dropped");
        self.metrics.lane_dropped(lane, Reason::Rejected, items as u64);
        let Some(letters) = self.letters.clone() else { return };
        let range = range.start..range.end.min(range.start + dead_letters::OF_REQUEST);
        let known = match source {
            Source::Decoded(records) => self.stage.letters(records, range),
            Source::Heavy(entry) => {
                let one = |lane: &mut Lane, record: &Enriched| lane.stage.letters(std::slice::from_ref(record), range);
                self.heavy(entry, one).await.unwrap_or_default()
            }
        };
        let write = move || {
            let rest = items.saturating_sub(known.len());
            let known = known.into_iter().map(|item| (1, Some(item))).chain((rest > 0).then_some((rest, None)));
            let batch: Vec<Letter> = known.map(|(items, item)| Letter { lane, reason: &reason, items, item }).collect();
            letters.append(&batch, SystemTime::now())
        };
        let written = tokio::task::spawn_blocking(write).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::error!(lane, %error, "dead letters cannot be written");
        }
    }

    /// A record that admission could read and we cannot; how many items it had is not known.
    fn unreadable(&self, entry: &Entry) {
        tracing::error!(lane = self.name, position = entry.end.0, "stored payload cannot be decoded, dropped");
        self.metrics.lane_dropped(self.name, Reason::Undecodable, 1);
    }
}

impl Stage {
    fn sink(&self) -> Option<&Sink> {
        match self {
            Stage::Loki { sink, .. } | Stage::Traces(sink) | Stage::Logs(sink) => Some(sink),
            Stage::Viewer(_) => None,
        }
    }

    /// How many items of a record are for this stage.
    fn count(&self, record: &Enriched) -> usize {
        match self {
            Stage::Loki { .. } | Stage::Logs(_) => record.items(),
            Stage::Traces(_) => record.spans(),
            Stage::Viewer(_) => record.items() + record.spans(),
        }
    }

    fn letters(&self, records: &[Enriched], range: Range<usize>) -> Vec<Box<RawValue>> {
        match self {
            Stage::Traces(_) => letter::spans(records, range),
            Stage::Loki { .. } | Stage::Logs(_) | Stage::Viewer(_) => letter::items(records, range),
        }
    }

    fn convert(&self, records: &[Enriched], range: Range<usize>) -> Converted {
        match self {
            Stage::Loki { format, labels, .. } => {
                loki::push(records, range, &loki::Options { format: *format, labels })
            }
            Stage::Traces(_) => traces::request(records, range),
            Stage::Logs(_) => logs::request(records, range),
            Stage::Viewer(_) => Converted { body: Vec::new(), end: range.end },
        }
    }
}

/// What there is to convert.
enum Source<'s, 'a> {
    /// Records in memory.
    Decoded(&'s [Enriched<'a>]),
    /// A record that is decoded again for each request made of it.
    Heavy(&'s Entry),
}

/// Bytes of a body and of what it was decoded to.
fn in_memory(entry: &Entry) -> usize {
    entry.record.body.len() + entry.companion.as_ref().map_or(0, |companion| companion.bytes)
}

/// An entry's body, inflated.
enum Text<'e> {
    /// It came decoded.
    Decoded(&'e Decoded),
    /// It may be decoded here and now.
    Light(Cow<'e, [u8]>),
    /// It has to wait for its turn.
    Heavy,
    /// It cannot be inflated.
    Unreadable,
}

fn text(entry: &Entry) -> Text<'_> {
    if let Some(decoded) = entry.companion.as_ref().and_then(|companion| companion.any.downcast_ref()) {
        return Text::Decoded(decoded);
    }
    if entry.record.header.inflated as usize > LIGHT_BYTES {
        return Text::Heavy;
    }
    match inflated(entry) {
        Some(text) if decode::is_light(&text) => Text::Light(text),
        Some(_) => Text::Heavy,
        None => Text::Unreadable,
    }
}

fn inflated(entry: &Entry) -> Option<Cow<'_, [u8]>> {
    let header = &entry.record.header;
    inflate::all(header.encoding, &entry.record.body, header.inflated as usize).ok()
}

/// The first entries that are decoded together, one at least.
fn first_group(entries: &[Entry]) -> Option<&[Entry]> {
    let mut bytes = 0;
    let fit = entries.iter().take_while(|entry| {
        bytes += entry.record.header.inflated as usize;
        bytes <= DECODED_BYTES
    });
    let count = fit.count().max(1);
    entries.get(..count)
}
