//! What the writer, the keeper and the readers share: the segments, the tail in memory, the lanes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use super::{Companion, Entry, Options, Place, Position, files::Files, keeper::Bell, queue::Queue, segments::Segment};

/// Most bytes of newest records kept in memory, 4 MiB: a lane that keeps up never reads a file.
const TAIL_BYTES: usize = 4 << 20;
/// Most bytes of companions, 4 MiB: what lanes that keep up share, a few hundred milliseconds of a busy receiver.
const COMPANION_BYTES: usize = 4 << 20;
/// What an entry of the tail takes besides its record's bytes, about.
const ENTRY_BYTES: usize = 512;

/// All that the journal's threads and handles share.
pub(super) struct Shared {
    pub options: Options,
    pub files: Files,
    pub queue: Queue,
    pub bell: Bell,
    pub durable: watch::Sender<Durable>,
    state: Mutex<State>,
}

/// What readers wait on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durable {
    /// Records up to here are on disk.
    pub end: u64,
    /// Nothing will be added.
    pub closed: bool,
}

pub(super) struct State {
    /// Oldest first. The last may be the one that is written to.
    pub segments: VecDeque<Segment>,
    /// Is the last segment still written to?
    pub active: bool,
    /// Where the last durable record ends.
    pub end: Place,
    pub lanes: Vec<Lane>,
    /// Why nothing can be written until a restart.
    pub failed: Option<String>,
    /// Why the last group was refused, when it was.
    pub refused: Option<String>,
    /// Has any lane read or committed? Before, lanes may still be opened, and passed segments stay.
    reading: bool,
    tail: Tail,
}

/// One reader's place, which outlives the reader.
#[derive(Debug)]
pub(super) struct Lane {
    pub name: &'static str,
    /// Is there a reader now?
    pub open: bool,
    /// What lies before it needs no delivery.
    pub committed: Place,
    /// What the cursor file says.
    pub stored: Option<Place>,
    /// Where reading goes on.
    pub next: Place,
    /// Ends of the records that were read and not committed.
    pub handed: VecDeque<Place>,
    pub dropped: u64,
    pub damaged: u64,
    pub error: Option<String>,
    /// Position and received time of the record looked up last.
    pub oldest: Option<(u64, u64)>,
}

/// The newest records.
#[derive(Default)]
struct Tail {
    start: u64,
    entries: VecDeque<(usize, Entry)>,
    bytes: usize,
    /// No entry that ends here or before has a companion.
    bare: u64,
    companion_bytes: usize,
}

/// What a reader is to do next.
pub(super) enum Next {
    /// With the companions that nobody will read any more, to be dropped after the lock.
    Entries(Vec<Entry>, Vec<Companion>),
    /// Read this segment from that place.
    File(Segment, Place),
    /// Nothing there yet.
    Wait,
}

impl Shared {
    pub fn new(options: Options, files: Files, segments: Vec<Segment>, end: Place) -> Shared {
        let state = State {
            segments: segments.into(),
            active: false,
            end,
            lanes: Vec::new(),
            failed: None,
            refused: None,
            reading: false,
            tail: Tail { start: end.position, ..Tail::default() },
        };
        Shared {
            options,
            files,
            queue: Queue::default(),
            bell: Bell::default(),
            durable: watch::Sender::new(Durable { end: end.position, closed: false }),
            state: Mutex::new(state),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn end(&self) -> Place {
        self.state().end
    }

    /// The writer began a segment.
    pub fn created(&self, start: Place) {
        let mut state = self.state();
        state.segments.push_back(Segment { start, end: start, modified: SystemTime::now() });
        state.active = true;
        drop(state);
        self.bell.ring();
    }

    /// The writer is done with its segment.
    pub fn sealed(&self) {
        let mut state = self.state();
        state.active = false;
        if state.segments.back().is_some_and(|segment| segment.bytes() == 0) {
            state.segments.pop_back();
        }
        drop(state);
        self.bell.ring();
    }

    /// These records are durable now, up to `end`.
    pub fn appended(&self, entries: impl Iterator<Item = (usize, Entry)>, end: Place) {
        let mut state = self.state();
        if let Some(segment) = state.segments.back_mut() {
            segment.end = end;
            segment.modified = SystemTime::now();
        }
        for (size, entry) in entries {
            state.tail.push(size, entry);
        }
        state.end = end;
        state.refused = None;
        let read = state.release();
        drop(state);
        drop(read);
        self.durable.send_modify(|durable| durable.end = end.position);
    }

    /// A group was refused; the next is tried again.
    pub fn refused(&self, reason: String) {
        self.state().refused = Some(reason);
    }

    /// Nothing is written until a restart.
    pub fn failed(&self, reason: String) {
        self.state().failed = Some(reason);
    }

    /// The writer has ended.
    pub fn closed(&self) {
        self.sealed();
        self.durable.send_modify(|durable| durable.closed = true);
    }
}

impl State {
    /// What the lane reads next, about `max_bytes` of it; what it is given counts as read.
    pub fn next(&mut self, lane: usize, max_bytes: usize) -> Next {
        self.reading = true;
        let lane = &mut self.lanes[lane];
        if lane.next.position >= self.end.position {
            return Next::Wait;
        }
        if let Some(first) = self.tail.find(lane.next.position) {
            let mut bytes = 0;
            let mut entries = Vec::new();
            for (size, entry) in self.tail.entries.range(first..) {
                bytes += size + entry.companion.as_ref().map_or(0, |companion| companion.bytes);
                if bytes > max_bytes && !entries.is_empty() {
                    break;
                }
                entries.push(entry.clone());
            }
            lane.next.sequence = self.end.sequence - (self.tail.entries.len() - first) as u64;
            for entry in &entries {
                lane.next = Place { position: entry.end.0, sequence: lane.next.sequence + 1 };
                lane.handed.push_back(lane.next);
            }
            return Next::Entries(entries, self.release());
        }
        let index = self.segments.partition_point(|segment| segment.end.position <= lane.next.position);
        match self.segments.get(index) {
            Some(segment) => {
                if lane.next < segment.start {
                    // Positions, and after damage also records, that no file holds.
                    lane.damaged += segment.start.sequence.saturating_sub(lane.next.sequence);
                    lane.next = segment.start;
                }
                Next::File(segment.clone(), lane.next)
            }
            None => Next::Wait,
        }
    }

    /// Is there a lane with a reader?
    pub fn has_readers(&self) -> bool {
        self.lanes.iter().any(|lane| lane.open)
    }

    /// Takes the companions that every lane has read, and the oldest of too many.
    fn release(&mut self) -> Vec<Companion> {
        let open = self.lanes.iter().filter(|lane| lane.open);
        let read = open.map(|lane| lane.next.position).min().unwrap_or(self.end.position);
        self.tail.release(read)
    }

    /// Moves a lane's committed place to the last record that ends at or before `end`. False: it never read so far.
    pub fn commit(&mut self, lane: usize, end: Position) -> bool {
        self.reading = true;
        let lane = &mut self.lanes[lane];
        if end.0 > lane.next.position {
            return false;
        }
        while let Some(place) = lane.handed.pop_front_if(|place| place.position <= end.0) {
            lane.committed = lane.committed.max(place);
        }
        true
    }

    /// Takes segments that need not or must not be kept out of the list, oldest first, and moves lanes that had not
    /// passed them.
    pub fn expire(&mut self, options: &Options, now: SystemTime) -> Vec<Segment> {
        let passed = self.lanes.iter().map(|lane| lane.committed.position).min().unwrap_or(0);
        let mut bytes = self.bytes();
        let mut expired = Vec::new();
        while let Some(oldest) = self.segments.front() {
            let (sealed, room) = match (self.active, self.segments.back()) {
                (true, Some(last)) => (self.segments.len() > 1, options.segment_bytes.saturating_sub(last.bytes())),
                _ => (true, 0),
            };
            let age = now.duration_since(oldest.modified).unwrap_or(Duration::ZERO);
            let done = self.reading && oldest.end.position <= passed && age >= options.keep_passed;
            let over = bytes + room > options.max_bytes;
            let old = age >= options.max_age - options.span();
            if !sealed || !(done || over || old) {
                break;
            }
            bytes -= oldest.bytes();
            expired.extend(self.segments.pop_front());
        }
        if !expired.is_empty() {
            let start = self.start();
            for lane in &mut self.lanes {
                lane.skip_to(start);
            }
        }
        expired
    }

    /// Where the oldest record starts, or the next one when there is none.
    pub fn start(&self) -> Place {
        self.segments.front().map_or(self.end, |segment| segment.start)
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// Received time of the record that starts at `position`, when it is in memory.
    pub fn received(&self, position: u64) -> Option<u64> {
        let (_, entry) = self.tail.entries.get(self.tail.find(position)?)?;
        Some(entry.record.header.received)
    }
}

impl Lane {
    pub fn new(name: &'static str, at: Place) -> Lane {
        Lane {
            name,
            open: true,
            committed: at,
            stored: None,
            next: at,
            handed: VecDeque::new(),
            dropped: 0,
            damaged: 0,
            error: None,
            oldest: None,
        }
    }

    /// Gives up what lies before `start`. What was read before and is not committed is in the reader's hands and not
    /// counted as dropped.
    pub fn skip_to(&mut self, start: Place) {
        let lost = start.sequence.saturating_sub(self.next.max(self.committed).sequence);
        if lost > 0 {
            self.dropped += lost;
            tracing::error!(lane = self.name, records = lost, "lane lost its oldest records: over its budget or age");
        }
        self.committed = self.committed.max(start);
        self.next = self.next.max(start);
    }
}

impl Tail {
    fn push(&mut self, size: usize, entry: Entry) {
        let size = size + ENTRY_BYTES;
        self.bytes += size;
        self.companion_bytes += entry.companion.as_ref().map_or(0, |companion| companion.bytes);
        self.entries.push_back((size, entry));
        while self.bytes > TAIL_BYTES {
            let Some((size, entry)) = self.entries.pop_front() else { break };
            self.bytes -= size;
            self.companion_bytes -= entry.companion.as_ref().map_or(0, |companion| companion.bytes);
            self.start = entry.end.0;
        }
    }

    /// Takes the companions of all entries up to `read`, and of the oldest until the rest is within its bytes.
    fn release(&mut self, read: u64) -> Vec<Companion> {
        let first = self.entries.partition_point(|(_, entry)| entry.end.0 <= self.bare);
        let mut released = Vec::new();
        for (_, entry) in self.entries.range_mut(first..) {
            if entry.end.0 > read && self.companion_bytes <= COMPANION_BYTES {
                break;
            }
            if let Some(companion) = entry.companion.take() {
                self.companion_bytes -= companion.bytes;
                released.push(companion);
            }
            self.bare = entry.end.0;
        }
        released
    }

    /// Index of the record that starts at `position`.
    fn find(&self, position: u64) -> Option<usize> {
        (position >= self.start).then(|| self.entries.partition_point(|(_, entry)| entry.end.0 <= position))
    }
}
