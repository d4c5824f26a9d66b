//! The journal: every accepted request, on disk before its 202, kept until each lane has passed it.
//!
//! A directory (0700) of files (0600):
//!
//! - `lock`: empty; whoever holds its advisory lock owns the directory.
//! - `POSITION-SEQUENCE.segment`, both as 20 decimal digits: records, one behind the other from the first byte.
//! - `LANE.cursor`: how far a lane has come. `*.cursor.new` is one that was never finished.
//!
//! **Positions** are byte offsets in the endless row of all records ever written: a record's position is that of its
//! segment plus its offset in the file. **Sequence numbers** count records in the same way. Both only grow. A segment's
//! name says the position and the sequence number of its first record. Where positions of neighbours do not meet, or
//! sequence numbers do not add up, records are missing.
//!
//! **A record**, integers little-endian:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | CRC-32C of the record's position as 8 bytes, then of all from offset 4 to its end |
//! | 4 | 4 | length of what follows, 28 to 16,777,216 |
//! | 8 | 1 | layout of what follows: 1 |
//! | 9 | 1 | encoding of the body: 0 identity, 1 gzip, 2 deflate (RFC 1950), 3 br, 4 zstd |
//! | 10 | 2, 2, 2 | bytes of app, client, user agent |
//! | 16 | 4 | size of the inflated body |
//! | 20 | 8 | received, nanoseconds since the Unix epoch |
//! | 28 | 8 | hash of app and idempotency key, 0 for none |
//! | 36 | | app, client, user agent as UTF-8, then the body to the end |
//!
//! **A cursor** is one line, `farol-cursor 1 POSITION SEQUENCE CRC`: where the first record begins that the lane has not
//! delivered, and the CRC-32C of the line before its last blank as eight hexadecimal digits.
//!
//! **Reading after a crash.** Every run starts a segment of its own, so only the newest can have a torn tail: it is cut
//! behind its last whole record. A record whose checksum is wrong is passed over when a good one starts where its
//! length ends; else the rest of that file is lost. Both are counted, and reading goes on in the next file. Cursors
//! that point behind the end (a disk that forgot) move the end there, so that no position is used twice.
//!
//! **What is kept.** A segment is deleted when every lane *opened in this run* has passed it and it is older than
//! `keep_passed`; the cursor file of a lane that is not opened stays, but holds nothing back. Until a
//! lane reads or commits nothing counts as passed: open all lanes before. Beyond `max_bytes`, and at `max_age`, the oldest segments go whoever has not passed them: those lanes
//! move forward and count what they lost. A segment spans at most a sixteenth of `max_age` and of its time the last
//! write counts, so nothing gets older than `max_age` and nothing is lost before fifteen sixteenths of it.

mod cursor;
mod error;
mod faults;
mod files;
mod keeper;
mod queue;
mod reader;
mod record;
mod segments;
mod state;
mod status;
mod writer;

use std::{
    any::Any,
    collections::VecDeque,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use self::{
    faults::Faults,
    files::Files,
    segments::Segment,
    state::{Lane, Shared},
};

pub use self::{
    error::{AppendError, JournalError},
    reader::Reader,
    status::{LaneStatus, Status},
};

/// One accepted request as the journal keeps it. The body stays as it was sent, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is known of the request besides its body.
    pub header: Header,
    /// The body, in `header.encoding`.
    pub body: Bytes,
}

/// What is known of a request besides its body. Never a key, never a full client address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// When it was received, nanoseconds since the epoch.
    pub received: u64,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// Size of the inflated body in bytes.
    pub inflated: u32,
    /// `meta.app.name`, or the empty string.
    pub app: String,
    /// Client address, truncated at admission to /24 or /48.
    pub client: String,
    /// The request's `User-Agent`.
    pub user_agent: String,
    /// Hash of the idempotency key with the app; 0 when the request had none.
    pub idempotency: u64,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, what HTTP calls deflate.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Where a record ends in the journal: positions only grow, across restarts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// A record and where it ends: what to commit once it is delivered.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the record ends.
    pub end: Position,
    /// The record, shared by all lanes that read it from memory.
    pub record: Arc<Record>,
    /// What its appender gave along, while the lane is close behind; never when it was read from disk.
    pub companion: Option<Companion>,
}

/// Something in memory that goes with a record, so that lanes need not make it again: dropped once every lane has read
/// the record, and when all of them together take over 4 MiB, oldest first. Never stored.
#[derive(Clone, Debug)]
pub struct Companion {
    /// What it is; the journal does not know.
    pub any: Arc<dyn Any + Send + Sync>,
    /// What it takes, about.
    pub bytes: usize,
}

/// Where the journal is and what it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// The journal's own directory; made when missing.
    pub dir: PathBuf,
    /// Size at which a new segment is begun. At most a quarter of `max_bytes` is used.
    pub segment_bytes: u64,
    /// What all segments together may take: how far behind a lane may fall.
    pub max_bytes: u64,
    /// No record is kept longer, delivered or not: the bound for erasure.
    pub max_age: Duration,
    /// How long segments are kept that every lane has passed, `max_bytes` allowing: idempotency keys are read from
    /// them at start.
    pub keep_passed: Duration,
}

impl Options {
    /// Segments of 64 MiB, 1 GiB in all, a day at most, ten minutes (the idempotency window) after delivery.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(24 * 3600),
            keep_passed: Duration::from_secs(600),
        }
    }

    /// Most time between the first and the last record of a segment.
    fn span(&self) -> Duration {
        self.max_age / 16
    }
}

/// Where a lane begins that has no cursor yet. With one, both begin there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    FromCursor,
    /// Behind the newest record.
    Latest,
}

/// A place in the row of all records: position and sequence number of the record that starts there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    position: u64,
    sequence: u64,
}

impl Place {
    fn plus(self, bytes: u64, records: u64) -> Place {
        Place { position: self.position + bytes, sequence: self.sequence + records }
    }
}

/// Most hashes that are read at start, 1,000,000: five windows of admission.
const HASHES: usize = 1_000_000;

const WRITER: &str = "journal-writer";
const KEEPER: &str = "journal-keeper";

/// The journal's handle; clones share it. When the last handle and reader are gone, waiting records are written, cursors
/// stored and the directory unlocked.
#[derive(Clone)]
pub struct Journal {
    core: Arc<Core>,
}

/// Owns the threads.
struct Core {
    shared: Arc<Shared>,
    cut: u64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Journal {
    /// Takes the directory's lock, cuts a torn tail, starts the threads.
    ///
    /// # Errors
    /// When another process has the directory, or something in it cannot be read.
    pub fn open(options: Options) -> Result<Journal, JournalError> {
        Journal::open_with(options, Faults::default())
    }

    fn open_with(mut options: Options, faults: Faults) -> Result<Journal, JournalError> {
        options.segment_bytes = options.segment_bytes.min(options.max_bytes / 4);
        let files = Files::open(&options.dir, faults)?;
        let found = segments::recover(&files)?;
        let end = found.segments.last().map_or(Place::default(), |segment| segment.end);
        let end = furthest_cursor(&files)?.map_or(end, |cursor| Place {
            position: end.position.max(cursor.position),
            sequence: end.sequence.max(cursor.sequence),
        });
        let core = Core {
            shared: Arc::new(Shared::new(options, files, found.segments, end)),
            cut: found.cut,
            threads: Mutex::default(),
        };
        if found.cut > 0 {
            tracing::warn!(bytes = found.cut, "cut the torn end of the journal");
        }
        keeper::begin(&core.shared);
        core.spawn(WRITER, writer::run)?;
        core.spawn(KEEPER, keeper::run)?;
        Ok(Journal { core: Arc::new(core) })
    }

    /// Writes a record; resolves when it is durable, with the place where it ends. A caller that stops waiting does not
    /// take the record back.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, record: Record) -> Result<Position, AppendError> {
        self.append_with(record, None).await
    }

    /// The same, with something for the lanes that read it soon.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append_with(&self, record: Record, companion: Option<Companion>) -> Result<Position, AppendError> {
        // What nobody is there to read goes here, in the thread that made it.
        let companion = companion.filter(|_| self.core.shared.state().has_readers());
        let answer = self.core.shared.queue.push(record, companion)?;
        let answered =
            answer.await.unwrap_or_else(|_| Err(AppendError::Failed("the journal's writer has ended".into())));
        answered.map(|answered| answered.end)
    }

    /// Opens a lane's reader at its cursor. From now on the lane holds segments back.
    ///
    /// # Errors
    /// When the name is not a name, the lane has a reader, or its cursor file cannot be read.
    pub fn lane(&self, name: &'static str, start: Start) -> Result<Reader, JournalError> {
        let named = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if name.is_empty() || !name.bytes().all(named) {
            return Err(JournalError::LaneName { lane: name });
        }
        let shared = &self.core.shared;
        let path = shared.files.path(&cursor::file_name(name));
        let found = cursor::load(&path).map_err(|source| JournalError::Io { path, source })?;
        let mut state = shared.state();
        if let Some(index) = state.lanes.iter().position(|lane| lane.name == name) {
            let lane = &mut state.lanes[index];
            if lane.open {
                return Err(JournalError::LaneTaken { lane: name });
            }
            (lane.open, lane.next) = (true, lane.committed);
            lane.handed.clear();
            drop(state);
            return Ok(Reader::new(self.core.clone(), index));
        }
        let oldest = state.start();
        let mut lane = Lane::new(name, oldest);
        match found {
            cursor::Found::At(place) => {
                lane = Lane::new(name, place);
                lane.stored = Some(place);
                lane.skip_to(oldest);
            }
            cursor::Found::Missing if start == Start::Latest => lane = Lane::new(name, state.end),
            cursor::Found::Missing => {}
            cursor::Found::Damaged => {
                tracing::warn!(lane = name, "cursor file is damaged: the lane starts at the oldest record");
                lane.error = Some("cursor file was damaged: started at the oldest record".into());
            }
        }
        let index = state.lanes.len();
        state.lanes.push(lane);
        drop(state);
        shared.bell.flush();
        Ok(Reader::new(self.core.clone(), index))
    }

    /// Received time and idempotency hash of the records received at `since` or later that have one, in order, the
    /// newest 1,000,000 at most. Reads files: for start, not for a request.
    ///
    /// # Errors
    /// When a segment file cannot be read.
    pub fn idempotency_hashes(&self, since: u64) -> Result<Vec<(u64, u64)>, JournalError> {
        let shared = &self.core.shared;
        let after = SystemTime::UNIX_EPOCH + Duration::from_nanos(since);
        let segments: Vec<Segment> =
            shared.state().segments.iter().filter(|segment| segment.modified >= after).cloned().collect();
        let mut hashes = VecDeque::new();
        for segment in segments {
            let path = shared.files.path(&segment.file_name());
            let io = |source| JournalError::Io { path: path.clone(), source };
            let file = match File::open(&path) {
                Ok(file) => Arc::new(file),
                // Deleted since: too old, or over the budget.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(error)),
            };
            let mut from = segment.start;
            while from.position < segment.end.position {
                let chunk = segments::read(file.clone(), &segment, from, 1 << 20).map_err(io)?;
                let headers = chunk.entries.iter().map(|(_, entry)| &entry.record.header);
                hashes.extend(
                    headers
                        .filter(|header| header.idempotency != 0 && header.received >= since)
                        .map(|header| (header.received, header.idempotency)),
                );
                hashes.drain(..hashes.len().saturating_sub(HASHES));
                from = chunk.next;
            }
        }
        Ok(hashes.into())
    }

    /// How the journal and its lanes are. May read a little from the disk.
    pub fn status(&self) -> Status {
        status::read(&self.core.shared, self.core.cut)
    }

    /// Writes what waits, stores the cursors and stops the writer. Later appends are refused; readers read on to the end
    /// and may still commit.
    pub async fn close(&self) {
        let shared = &self.core.shared;
        shared.queue.close();
        // Errors mean that the sender or the keeper is gone: then all is done.
        let _ = shared.durable.subscribe().wait_for(|durable| durable.closed).await;
        let _ = shared.bell.flushed().await;
    }
}

impl Core {
    fn spawn(&self, name: &str, run: fn(Arc<Shared>)) -> Result<(), JournalError> {
        let shared = self.shared.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(shared));
        let thread = thread.map_err(|source| JournalError::Io { path: self.shared.files.dir().to_owned(), source })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.shared.queue.close();
        let threads = std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // The writer is first; the keeper stores what it leaves.
            if thread.thread().name() == Some(KEEPER) {
                self.shared.bell.stop();
            }
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The cursor that is furthest, of all lanes there ever were.
fn furthest_cursor(files: &Files) -> Result<Option<Place>, JournalError> {
    let dir = files.dir();
    let io = |source| JournalError::Io { path: dir.to_owned(), source };
    let mut furthest: Option<Place> = None;
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "cursor")
            && let cursor::Found::At(place) = cursor::load(&path).map_err(io)?
        {
            furthest = furthest.max(Some(place));
        }
    }
    Ok(furthest)
}

#[cfg(test)]
mod tests;
