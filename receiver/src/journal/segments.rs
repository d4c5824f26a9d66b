//! The segment files: finding them at start, cutting a torn tail, reading records out of them.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;

use super::{
    Entry, JournalError, Place, Position, Record,
    files::Files,
    record::{self, Frame},
};

/// Least and most bytes of one `pread`.
const READ_MIN: u64 = 64 << 10;
const READ_MAX: u64 = 1 << 20;
/// The disk could not read a sector: errno 5 on every Unix.
const EIO: i32 = 5;

/// One segment file, as far as its records are durable.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Where its first record starts; gives the file its name.
    pub start: Place,
    /// Where its last durable record ends.
    pub end: Place,
    /// When it was last written to.
    pub modified: SystemTime,
}

impl Segment {
    pub fn bytes(&self) -> u64 {
        self.end.position - self.start.position
    }

    pub fn file_name(&self) -> String {
        file_name(self.start)
    }
}

/// What was found in the directory.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Oldest first, none empty.
    pub segments: Vec<Segment>,
    /// Bytes that were cut off the newest segment.
    pub cut: u64,
}

/// `START-SEQUENCE.segment`, each of 20 digits, so that names sort as positions do.
pub(super) fn file_name(start: Place) -> String {
    format!("{:020}-{:020}.segment", start.position, start.sequence)
}

fn parse_name(name: &str) -> Option<Place> {
    let (position, sequence) = name.strip_suffix(".segment")?.split_once('-')?;
    let place = Place { position: position.parse().ok()?, sequence: sequence.parse().ok()? };
    (file_name(place) == name).then_some(place)
}

/// Lists the segments and cuts the newest behind its last whole record. Afterwards all that is listed is durable.
pub(super) fn recover(files: &Files) -> Result<Found, JournalError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::Io { path, source }
    };
    let mut starts = Vec::new();
    for entry in fs::read_dir(files.dir()).map_err(io(files.dir()))? {
        let entry = entry.map_err(io(files.dir()))?;
        starts.extend(entry.file_name().to_str().and_then(parse_name));
    }
    starts.sort();
    let mut found = Found::default();
    let mut newer: Option<Place> = None;
    for &start in starts.iter().rev() {
        let path = files.path(&file_name(start));
        let metadata = fs::metadata(&path).map_err(io(&path))?;
        let modified = metadata.modified().map_err(io(&path))?;
        let length = metadata.len();
        let end = match newer {
            Some(next) => Place {
                position: start.position.saturating_add(length).min(next.position),
                sequence: next.sequence.max(start.sequence),
            },
            None => {
                let end = cut(files, &path, start, length).map_err(io(&path))?;
                found.cut = start.position + length - end.position;
                end
            }
        };
        if end.position > start.position {
            newer = Some(start);
            found.segments.push(Segment { start, end, modified });
        } else {
            fs::remove_file(&path).map_err(io(&path))?;
        }
    }
    found.segments.reverse();
    files.sync_dir().map_err(io(files.dir()))?;
    Ok(found)
}

/// Truncates the file behind its last whole record and makes the rest durable. The time of the last write stays, as
/// ages are counted from it.
fn cut(files: &Files, path: &Path, start: Place, length: u64) -> io::Result<Place> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut window = Window::new(Arc::new(file), start.position, start.position + length, READ_MAX);
    let mut end = start;
    while end.position < window.limit {
        match window.step(end.position)? {
            Step::Record(_, size) | Step::Skip(size) => end = end.plus(size as u64, 1),
            Step::Lost => break,
        }
    }
    if end.position < window.limit {
        let modified = window.file.metadata()?.modified()?;
        files.truncate(&window.file, end.position - start.position)?;
        window.file.set_modified(modified)?;
    }
    window.file.sync_all()?;
    Ok(end)
}

/// Records read from a segment.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Where reading began.
    pub from: Place,
    /// Records with the sequence number of each, in order.
    pub entries: Vec<(u64, Entry)>,
    /// Where to read on.
    pub next: Place,
    /// Records between `from` and `next` that can't be read.
    pub damaged: u64,
}

/// Reads whole records from `from` up to the end of the segment or until about `max_bytes` are read, one at least.
/// What can't be read is passed over and counted, a bad sector with the rest of its file.
pub(super) fn read(file: Arc<File>, segment: &Segment, from: Place, max_bytes: usize) -> io::Result<Chunk> {
    let chunk = (max_bytes as u64).clamp(READ_MIN, READ_MAX);
    let mut window = Window::new(file, segment.start.position, segment.end.position, chunk);
    let mut next = from;
    let mut entries = Vec::new();
    let mut damaged = 0;
    while next.position < segment.end.position && (next.position - from.position) < max_bytes.max(1) as u64 {
        let step = window.step(next.position).or_else(|error| match error.raw_os_error() {
            Some(EIO) => {
                tracing::error!(position = next.position, %error, "the disk cannot read a journal segment");
                Ok(Step::Lost)
            }
            _ => Err(error),
        })?;
        match step {
            Step::Record(record, size) => {
                let sequence = next.sequence;
                next = next.plus(size as u64, 1);
                let end = Position(next.position);
                entries.push((sequence, Entry { end, record: Arc::new(record), companion: None }));
            }
            Step::Skip(size) => {
                next = next.plus(size as u64, 1);
                damaged += 1;
            }
            Step::Lost => {
                damaged += segment.end.sequence.saturating_sub(next.sequence);
                next = segment.end;
            }
        }
    }
    Ok(Chunk { from, entries, next, damaged })
}

/// What stands at a position, once doubt is settled.
enum Step {
    Record(Record, usize),
    /// A frame that can't be read, but its length is right.
    Skip(usize),
    /// Neither a frame nor a length to go by: the rest of the file is lost.
    Lost,
}

/// A piece of a segment file in memory.
struct Window {
    file: Arc<File>,
    base: u64,
    /// Where reading ends.
    limit: u64,
    chunk: u64,
    at: u64,
    bytes: Bytes,
}

impl Window {
    fn new(file: Arc<File>, base: u64, limit: u64, chunk: u64) -> Window {
        Window { file, base, limit, chunk, at: base, bytes: Bytes::new() }
    }

    /// A damaged frame is passed over when a good frame starts where its length says that it ends. At the end of a
    /// file there is no such proof: that is a torn tail.
    fn step(&mut self, position: u64) -> io::Result<Step> {
        Ok(match self.frame(position)? {
            Frame::Record(record, size) => Step::Record(record, size),
            Frame::Foreign(size) => Step::Skip(size),
            Frame::Damaged(size) => match self.frame(position + size as u64)? {
                Frame::Record(..) | Frame::Foreign(_) => Step::Skip(size),
                _ => Step::Lost,
            },
            Frame::Short(_) | Frame::Nothing => Step::Lost,
        })
    }

    /// The frame at `position`, never `Short`: what the file ends in is nothing.
    fn frame(&mut self, position: u64) -> io::Result<Frame> {
        // At most three looks: nothing of it is here, then its length, then all of it.
        for _ in 0..3 {
            let at = position.checked_sub(self.at).map_or(self.bytes.len(), |at| at as usize);
            match record::parse(&self.bytes, at, position) {
                Frame::Short(need) if position + need as u64 <= self.limit => {
                    self.load(position, self.chunk.max(need as u64))?;
                }
                Frame::Short(_) => return Ok(Frame::Nothing),
                frame => return Ok(frame),
            }
        }
        Ok(Frame::Nothing)
    }

    /// Reads `wanted` bytes from `position`, fewer where the file ends.
    fn load(&mut self, position: u64, wanted: u64) -> io::Result<()> {
        let mut bytes = vec![0; wanted.min(self.limit - position) as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], position - self.base + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        (self.at, self.bytes) = (position, Bytes::from(bytes));
        Ok(())
    }
}
