//! The lane of measurements: adds them up, and tells a store the sums at an interval.
//!
//! Sums are written down with the position that they cover, made durable, then told, then the journal's cursor
//! follows. A crash at any point costs nothing: what is read again and covered is passed over, what is
//! read again and not covered is added as before, and the last sums are told once more, the same as before. A store that
//! is down for long does not hold up the adding: sums lose their steps then, but no count.

use crate::convert::measures::Measures;
use crate::convert::metrics::{Aggregate, Folded};
use crate::convert::{Converted, checkpoint, points, prometheus};
use crate::enrich::{self, Enriched};
use crate::ingest::decode::{self, Decoded, Gate};
use crate::ingest::inflate;
use crate::ingest::limits::LIGHT_BYTES;
use crate::ingest::outcome::Reason;
use crate::journal::{Entry, Position, Reader};
use crate::sink::retry::{Backoff, Stopped};
use crate::sink::{Answer, Sink};
use crate::telemetry::{Failing, Metrics};
use bytes::Bytes;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Bytes of bodies read at once.
const READ_BYTES: usize = 1024 * 1024;

/// How long a delivery under way may take after the lane was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long sums wait for a store that fails; later ones hold them too. Under the hour after which Prometheus refuses
/// what is late, and long before the journal would lose records that were not added yet.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Why a lane cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("metrics checkpoint {path}: {source}")]
pub struct CheckpointError {
    path: PathBuf,
    source: io::Error,
}

/// How sums are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus remote write.
    RemoteWrite,
    /// OTLP metrics, over HTTP or gRPC.
    Otlp,
}

/// What the lane is told by its operator.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the checkpoint lies; made when missing, for the owner alone.
    pub dir: PathBuf,
    /// How often sums are told, while there is something new; 15 s is what stores expect.
    pub interval: Duration,
    /// This receiver among those that write to the same store; never two of the same name.
    pub instance: String,
    /// How measurements other than vitals are kept.
    pub measures: Measures,
}

/// The lane, before it runs.
pub struct MetricsLane {
    name: &'static str,
    sink: Sink,
    dialect: Dialect,
    options: Options,
    aggregate: Aggregate,
    metrics: Arc<Metrics>,
    gate: Gate,
    backoff: Backoff,
    patience: Duration,
    failing: Failing,
    /// Patience ended before the last sums were told.
    untold: bool,
    /// Records and items read since the last commit.
    uncommitted: (u64, u64),
}

impl MetricsLane {
    /// A lane under the name that its cursor, its checkpoint and its metrics have; goes on from its
    /// checkpoint. A damaged one is logged, and the sums begin again from zero.
    ///
    /// # Errors
    /// When the checkpoint is there and cannot be read.
    pub fn open(
        name: &'static str,
        (sink, dialect): (Sink, Dialect),
        options: Options,
        metrics: Arc<Metrics>,
        gate: Gate,
    ) -> Result<MetricsLane, CheckpointError> {
        let interval = u64::try_from(options.interval.as_millis()).unwrap_or(u64::MAX);
        let path = path(&options.dir, name);
        let found = match std::fs::read(&path) {
            Ok(bytes) => {
                let found = checkpoint::decode(&bytes, options.measures.clone(), interval);
                if found.is_none() {
                    tracing::error!(lane = name, ?path, "metrics checkpoint is damaged: sums begin again from zero");
                }
                found
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(CheckpointError { path, source }),
        };
        let aggregate = found.unwrap_or_else(|| Aggregate::new(options.measures.clone(), interval));
        Ok(MetricsLane {
            name,
            sink,
            dialect,
            options,
            aggregate,
            metrics,
            gate,
            backoff: Backoff::default(),
            patience: PATIENCE,
            failing: Failing::default(),
            untold: false,
            uncommitted: (0, 0),
        })
    }

    /// Sets how long to wait between tries.
    pub fn with_backoff(self, backoff: Backoff) -> MetricsLane {
        MetricsLane { backoff, ..self }
    }

    /// Sets how long sums wait for a store that fails, 30 min by default.
    pub fn with_patience(self, patience: Duration) -> MetricsLane {
        MetricsLane { patience, ..self }
    }

    /// The name that its cursor, its checkpoint and its metrics have.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Says how the lane is doing, while it runs.
    pub fn failing(&self) -> Failing {
        self.failing.clone()
    }

    /// Runs until `stop` is cancelled or the journal is closed and read to its end. A delivery under
    /// way at that time gets 5 s; what was not told is read again at the next start.
    pub async fn run(mut self, mut reader: Reader, stop: CancellationToken) {
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            // Stopped or read to the end: the same to us.
            _ = self.work(&mut reader, &stop) => {}
            () = out_of_time => {}
        }
    }

    async fn work(&mut self, reader: &mut Reader, stop: &CancellationToken) -> Result<(), Stopped> {
        if self.aggregate.stamp() > 0 {
            // The run before may have ended between writing down and telling.
            self.tell(stop).await?;
        }
        let mut ticks = tokio::time::interval(self.options.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry = 0;
        loop {
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Stopped),
                _ = ticks.tick() => {
                    if self.aggregate.is_changed() {
                        self.flush(reader, stop).await?;
                    } else if self.untold {
                        self.tell(stop).await?;
                    }
                    continue;
                }
                read = reader.read(READ_BYTES) => read,
            };
            let entries = match read {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(lane = self.name, %error, "journal cannot be read");
                    self.backoff.pause(retry, None, stop).await?;
                    retry += 1;
                    continue;
                }
            };
            retry = 0;
            for entry in &entries {
                if self.aggregate.is_due(entry.record.header.received) {
                    self.flush(reader, stop).await?;
                }
                self.add(entry).await;
            }
            match entries.last() {
                Some(last) if !self.aggregate.is_changed() => self.commit(reader, last.end).await,
                Some(_) => {}
                None if self.aggregate.is_changed() => return self.flush(reader, stop).await,
                None => return Ok(()),
            }
        }
    }

    /// Adds an entry, unless it is in the sums already.
    async fn add(&mut self, entry: &Entry) {
        self.uncommitted.0 += 1;
        let (end, header) = (entry.end.0, &entry.record.header);
        if self.aggregate.covers(end, header.received) {
            return;
        }
        let decoded = entry.companion.as_ref().and_then(|companion| companion.any.downcast_ref::<Decoded>());
        if let Some(decoded) = decoded {
            return self.fold(end, &enrich::payload(decoded.payload(), header));
        }
        let mut turn = None;
        if header.inflated as usize > LIGHT_BYTES {
            turn = Some(self.gate.heavy().await);
        }
        let text = inflate::all(header.encoding, &entry.record.body, header.inflated as usize).ok();
        let Some(text) = text else { return self.unreadable(entry) };
        if !has_measurements(&text) {
            return self.aggregate.pass(end, header.received);
        }
        if turn.is_none() && !decode::is_light(&text) {
            turn = Some(self.gate.heavy().await);
        }
        match wire::decode::payload(&text) {
            Ok(payload) => self.fold(end, &enrich::payload(&payload, header)),
            Err(_) => self.unreadable(entry),
        }
        drop(turn);
    }

    fn fold(&mut self, end: u64, record: &Enriched) {
        let Folded { taken, other, invalid, over } = self.aggregate.fold(end, record);
        self.uncommitted.1 += taken as u64;
        self.metrics.lane_other(self.name, other as u64);
        for (reason, count) in [(Reason::InvalidItem, invalid), (Reason::SeriesBudget, over)] {
            if count > 0 {
                self.metrics.lane_dropped(self.name, reason, count as u64);
            }
        }
    }

    /// A record that admission could read and we cannot; how many items it had is not known.
    fn unreadable(&mut self, entry: &Entry) {
        tracing::error!(lane = self.name, position = entry.end.0, "stored payload cannot be decoded, dropped");
        self.metrics.lane_dropped(self.name, Reason::Undecodable, 1);
        self.aggregate.pass(entry.end.0, entry.record.header.received);
    }

    /// Writes the sums down, tells them, and commits what they cover.
    async fn flush(&mut self, reader: &mut Reader, stop: &CancellationToken) -> Result<(), Stopped> {
        self.aggregate.freeze();
        self.write_down(stop).await?;
        self.tell(stop).await?;
        self.commit(reader, Position(self.aggregate.position())).await;
        Ok(())
    }

    /// Makes the sums durable. While the disk takes nothing, nothing is told and nothing committed.
    async fn write_down(&self, stop: &CancellationToken) -> Result<(), Stopped> {
        let bytes: Bytes = checkpoint::encode(&self.aggregate).into();
        let mut retry = 0;
        loop {
            let (bytes, dir, path) = (bytes.clone(), self.options.dir.clone(), path(&self.options.dir, self.name));
            let stored = tokio::task::spawn_blocking(move || replace(&dir, &path, &bytes)).await;
            let Err(error) = stored.unwrap_or_else(|error| Err(io::Error::other(error))) else { return Ok(()) };
            let reason = format!("metrics checkpoint cannot be written: {error}");
            if self.failing.set(Some(&reason)) {
                tracing::error!(lane = self.name, reason, "trying again until it is");
            }
            self.backoff.pause(retry, None, stop).await?;
            retry = retry.saturating_add(1);
        }
    }

    /// Tells the store the sums as of the last freeze. What it refuses for good is counted and let go: the
    /// next sums hold it too.
    async fn tell(&mut self, stop: &CancellationToken) -> Result<(), Stopped> {
        self.untold = true;
        let mut from = 0;
        while from < self.aggregate.len() {
            let Converted { body, end } = match self.dialect {
                Dialect::RemoteWrite => prometheus::request(&self.aggregate, &self.options.instance, from),
                Dialect::Otlp => points::request(&self.aggregate, &self.options.instance, from),
            };
            let Some(answer) = self.send(self.sink.compress(&body), stop).await? else { return Ok(()) };
            let refused = match answer {
                Answer::Partly { rejected, reason } => Some((rejected, reason)),
                Answer::Never { reason } | Answer::Closed { reason } => Some(((end - from) as u64, reason)),
                Answer::Taken | Answer::Later { .. } => None,
            };
            if let Some((series, reason)) = refused {
                tracing::warn!(lane = self.name, series, reason, "sums refused; the next hold them too");
                self.metrics.lane_dropped(self.name, Reason::Rejected, series);
            }
            from = end;
        }
        self.untold = false;
        Ok(())
    }

    /// Sends one request until it is answered for good, never with [`Answer::Later`], or patience ends: then `None`.
    async fn send(&self, body: Bytes, stop: &CancellationToken) -> Result<Option<Answer>, Stopped> {
        let mut retry = 0;
        loop {
            let (after, reason) = match self.sink.send(body.clone()).await {
                Answer::Later { after, reason } => (after, reason),
                answer => {
                    if self.failing.set(None) {
                        tracing::info!(lane = self.name, retries = retry, "delivering again");
                    }
                    return Ok(Some(answer));
                }
            };
            if self.failing.set(Some(&reason)) {
                tracing::warn!(lane = self.name, reason, "delivery failed, trying again until it is taken");
            }
            let since = self.failing.now().map(|failure| failure.since);
            if since.and_then(|since| since.elapsed().ok()).is_some_and(|failing| failing >= self.patience) {
                return Ok(None);
            }
            self.backoff.pause(retry, after, stop).await?;
            self.metrics.lane_retried(self.name);
            retry = retry.saturating_add(1);
        }
    }

    async fn commit(&mut self, reader: &mut Reader, end: Position) {
        let (records, items) = std::mem::take(&mut self.uncommitted);
        self.metrics.lane_delivered(self.name, records, items);
        if let Err(error) = reader.commit(end).await {
            tracing::error!(lane = self.name, %error, "told records cannot be committed");
        }
    }
}

/// Might there be measurements in this payload? Most have none, and need not be decoded. The key may be in any case,
/// and a key in which letters are escaped has `\u00`.
fn has_measurements(text: &[u8]) -> bool {
    let key = b"measurements";
    let at = |place: usize| text.get(place..place + key.len()).is_some_and(|word| word.eq_ignore_ascii_case(key));
    let first = |byte: &u8| matches!(byte, b'm' | b'M' | b'\\');
    let mut places = text.iter().enumerate().filter(|(_, byte)| first(byte)).map(|(place, _)| place);
    places.any(|place| at(place) || text[place..].starts_with(b"\\u00"))
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.metrics"))
}

/// Replaces a file as a whole and makes that durable; it and a directory made for it are for the owner alone.
fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let new = path.with_extension("metrics.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}
