//! A lane's own way through the journal.

use std::{fs::File, io, sync::Arc};

use tokio::sync::watch;

use super::{
    Core, Entry, JournalError, Place, Position,
    segments::{self, Chunk, Segment},
    state::{Durable, Next},
};

/// Reads a lane's records in order, each once in a run. What was read but not committed is read again after a restart.
pub struct Reader {
    core: Arc<Core>,
    lane: usize,
    durable: watch::Receiver<Durable>,
    /// The segment file read last, and where it starts.
    file: Option<(Place, Arc<File>)>,
}

impl Reader {
    pub(super) fn new(core: Arc<Core>, lane: usize) -> Reader {
        let durable = core.shared.durable.subscribe();
        Reader { core, lane, durable, file: None }
    }

    /// Waits until a record is durable and gives it with those behind it, up to about `max_bytes` with their companions,
    /// at least one.
    /// Empty only when the journal is closed and all of it was read. Safe to drop: nothing is lost.
    ///
    /// # Errors
    /// When a segment file cannot be opened or read. Damage inside a file is no error: it is passed over and counted.
    pub async fn read(&mut self, max_bytes: usize) -> Result<Vec<Entry>, JournalError> {
        loop {
            let closed = self.durable.borrow_and_update().closed;
            let next = self.core.shared.state().next(self.lane, max_bytes);
            match next {
                Next::Entries(entries, read_by_all) => {
                    drop(read_by_all);
                    self.file = None;
                    return Ok(entries);
                }
                Next::File(segment, from) => {
                    let entries = self.read_file(segment, from, max_bytes).await?;
                    if !entries.is_empty() {
                        return Ok(entries);
                    }
                }
                Next::Wait if closed => return Ok(Vec::new()),
                // An error would mean that the sender is gone, which `core` holds.
                Next::Wait => drop(self.durable.changed().await),
            }
        }
    }

    /// Says that all records up to `end` are delivered. The cursor file follows within 200 ms and at the latest when
    /// the journal is closed or this reader dropped; why it could not be written is in the lane's status.
    ///
    /// # Errors
    /// When this lane has not read as far as `end`.
    pub async fn commit(&mut self, end: Position) -> Result<(), JournalError> {
        let shared = &self.core.shared;
        if !shared.state().commit(self.lane, end) {
            return Err(JournalError::Unread { position: end });
        }
        shared.bell.committed();
        Ok(())
    }

    async fn read_file(&mut self, segment: Segment, from: Place, max: usize) -> Result<Vec<Entry>, JournalError> {
        let open = self.file.take().filter(|(start, _)| *start == segment.start).map(|(_, file)| file);
        let path = self.core.shared.files.path(&segment.file_name());
        let start = segment.start;
        let read = {
            let path = path.clone();
            move || -> io::Result<(Arc<File>, Chunk)> {
                let file = match open {
                    Some(file) => file,
                    None => Arc::new(File::open(path)?),
                };
                let chunk = segments::read(file.clone(), &segment, from, max)?;
                Ok((file, chunk))
            }
        };
        let result = tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match result {
            Ok((file, chunk)) => {
                self.file = Some((start, file));
                Ok(self.take(chunk))
            }
            // Deleted since: the lane has been moved on.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.moved(from) => Ok(Vec::new()),
            Err(source) => Err(JournalError::Io { path, source }),
        }
    }

    fn moved(&self, from: Place) -> bool {
        self.core.shared.state().lanes[self.lane].next != from
    }

    /// Records of the chunk that the lane has not been moved past meanwhile.
    pub(super) fn take(&self, chunk: Chunk) -> Vec<Entry> {
        let mut state = self.core.shared.state();
        let lane = &mut state.lanes[self.lane];
        if chunk.damaged > 0 && lane.next == chunk.from {
            lane.damaged += chunk.damaged;
            tracing::error!(lane = lane.name, records = chunk.damaged, "journal records cannot be read");
        }
        let first = lane.next.sequence;
        lane.next = lane.next.max(chunk.next);
        let mut entries = Vec::with_capacity(chunk.entries.len());
        for (sequence, entry) in chunk.entries {
            if sequence >= first {
                lane.handed.push_back(Place { position: entry.end.0, sequence: sequence + 1 });
                entries.push(entry);
            }
        }
        entries
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.core.shared.state().lanes[self.lane].open = false;
        self.core.shared.bell.flush();
    }
}
