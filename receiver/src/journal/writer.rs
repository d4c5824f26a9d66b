//! The one thread that writes: takes all that waits, one write, one fdatasync, then answers every waiter.

use std::{
    fs::File,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    AppendError, Entry, Place, Position,
    files::is_full,
    queue::{Answered, GROUP_BYTES, Next, Waiting},
    record,
    segments::file_name,
    state::Shared,
};

/// The write buffer shrinks to this after a large group.
const BUFFER_KEPT: usize = 1 << 20;

/// Longest time that a group is gathered.
const GATHER_MOST: Duration = Duration::from_millis(1);

/// Limits of the time between two looks at the age of the segment.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(60));

/// Writes until the queue is closed and empty.
pub(super) fn run(shared: Arc<Shared>) {
    let patience = shared.options.span().clamp(LOOK_EVERY.0, LOOK_EVERY.1);
    let _ended = Ended(shared.clone());
    let limit = GROUP_BYTES.min(usize::try_from(shared.options.segment_bytes).unwrap_or(GROUP_BYTES));
    let mut writer = Writer { shared, active: None, buffer: Vec::new(), gather: Duration::ZERO };
    loop {
        match writer.shared.queue.take(patience, writer.gather, limit) {
            Next::Group(group) => writer.append(group),
            Next::Idle => writer.seal_old(),
            Next::End => break,
        }
    }
}

/// Tells everyone that the writer is gone, however it went: nobody waits for an answer that can't come.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = "the writer thread panicked".to_owned();
            self.0.failed(reason.clone());
            self.0.queue.fail(AppendError::Failed(reason));
        }
        self.0.closed();
    }
}

struct Writer {
    shared: Arc<Shared>,
    active: Option<Active>,
    buffer: Vec<u8>,
    /// How long the next group is gathered.
    gather: Duration,
}

/// The segment that is written to.
struct Active {
    file: File,
    name: String,
    base: u64,
    created: SystemTime,
}

/// Why a group was not kept.
enum Refusal {
    /// Nothing of it is on disk; the next group is tried again.
    Once(AppendError),
    /// It is not known what is on disk: no group is tried again.
    ForGood(String),
}

impl Writer {
    fn append(&mut self, group: Vec<Waiting>) {
        match self.write(&group) {
            Ok(end) => {
                let mut ends = Vec::with_capacity(group.len());
                let mut start = Place { position: end.position - self.buffer.len() as u64, ..end };
                start.sequence -= group.len() as u64;
                let entries = group.into_iter().map(|waiting| {
                    start.position += waiting.size as u64;
                    ends.push((waiting.answer, Position(start.position)));
                    let (end, companion) = (Position(start.position), waiting.companion);
                    (waiting.size, Entry { end, record: Arc::new(waiting.record), companion })
                });
                self.shared.appended(entries, end);
                Answered::tell(ends);
            }
            Err(Refusal::Once(error)) => {
                self.shared.refused(error.to_string());
                refuse(group, error);
            }
            Err(Refusal::ForGood(reason)) => {
                tracing::error!(reason, "the journal accepts nothing more until a restart");
                let error = AppendError::Failed(reason.clone());
                self.active = None;
                self.shared.failed(reason);
                self.shared.queue.fail(error.clone());
                refuse(group, error);
            }
        }
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
    }

    /// Makes the group durable; where it ends.
    fn write(&mut self, group: &[Waiting]) -> Result<Place, Refusal> {
        let end = self.shared.end();
        let size: u64 = group.iter().map(|waiting| waiting.size as u64).sum();
        self.seal_old();
        if self.active.as_ref().is_some_and(|active| {
            let length = end.position - active.base;
            length > 0 && length + size > self.shared.options.segment_bytes
        }) {
            self.seal();
        }
        let active = match self.active.take() {
            Some(active) => active,
            None => self.create(end)?,
        };
        self.buffer.clear();
        for waiting in group {
            let position = end.position + self.buffer.len() as u64;
            record::encode(&mut self.buffer, position, &waiting.record);
        }
        let active = self.active.insert(active);
        let files = &self.shared.files;
        let length = end.position - active.base;
        if let Err(error) = files.write_at(&active.file, &self.buffer, length) {
            let name = &active.name;
            return Err(match files.truncate(&active.file, length) {
                Ok(()) => once("write to", name, &error),
                Err(error) => Refusal::ForGood(format!("cannot cut {name} after a failed write: {error}")),
            });
        }
        let started = Instant::now();
        let synced = files.sync(&active.file);
        // One after the other needs no company; many at once do, and a quarter of a sync more is little to wait.
        self.gather = if group.len() > 1 { (started.elapsed() / 4).min(GATHER_MOST) } else { Duration::ZERO };
        if let Err(error) = synced {
            return Err(Refusal::ForGood(format!("fdatasync of {} failed: {error}", active.name)));
        }
        Ok(end.plus(self.buffer.len() as u64, group.len() as u64))
    }

    /// A new segment that begins at `start`.
    fn create(&self, start: Place) -> Result<Active, Refusal> {
        let name = file_name(start);
        let file = self.shared.files.create(&name).map_err(|error| {
            let _ = self.shared.files.remove(&name);
            once("create", &name, &error)
        })?;
        self.shared.created(start);
        Ok(Active { file, name, base: start.position, created: SystemTime::now() })
    }

    /// Seals the segment when it spans as much time as one may.
    fn seal_old(&mut self) {
        let span = self.shared.options.span();
        let old = |active: &Active| active.created.elapsed().is_ok_and(|age| age >= span);
        if self.active.as_ref().is_some_and(old) {
            self.seal();
        }
    }

    fn seal(&mut self) {
        self.active = None;
        self.shared.sealed();
    }
}

fn once(action: &str, name: &str, error: &io::Error) -> Refusal {
    tracing::warn!(segment = name, %error, "cannot {action} a journal segment");
    Refusal::Once(match is_full(error) {
        true => AppendError::Full,
        false => AppendError::Failed(format!("cannot {action} {name}: {error}")),
    })
}

fn refuse(group: Vec<Waiting>, error: AppendError) {
    for waiting in group {
        // Whoever stopped waiting needs no answer.
        let _ = waiting.answer.send(Err(error.clone()));
    }
}
