//! The thread beside the writer: stores cursors, and deletes segments that nobody needs or that must go.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::oneshot;

use super::{cursor, segments::Segment, state::Shared};

/// Least time between two writes of the cursors. What was delivered in it is delivered again after a crash.
const CURSORS_EVERY: Duration = Duration::from_millis(200);
/// Limits of the time between two looks at the ages of segments.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(60));

/// Wakes the keeper.
#[derive(Default)]
pub(super) struct Bell {
    inner: Mutex<Rung>,
    rung: Condvar,
}

#[derive(Default)]
struct Rung {
    committed: bool,
    urgent: bool,
    flush: bool,
    stop: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Bell {
    /// A lane has committed: its cursor is due, no sooner than `CURSORS_EVERY` after the last.
    pub fn committed(&self) {
        self.set(|rung| rung.committed = true);
    }

    /// A segment was begun or sealed.
    pub fn ring(&self) {
        self.set(|rung| rung.urgent = true);
    }

    /// Cursors are to be stored now.
    pub fn flush(&self) {
        self.set(|rung| rung.flush = true);
    }

    /// The same; resolves when it is done.
    pub fn flushed(&self) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        self.set(|rung| {
            rung.flush = true;
            rung.waiting.push(done);
        });
        wait
    }

    /// The keeper stores the cursors and ends.
    pub fn stop(&self) {
        self.set(|rung| rung.stop = true);
    }

    fn set(&self, change: impl FnOnce(&mut Rung)) {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
        self.rung.notify_all();
    }

    /// Waits for something to do: for a commit no less than `hold`, for nothing no more than `patience`.
    fn wait(&self, hold: Duration, patience: Duration) -> Rung {
        let start = Instant::now();
        let mut rung = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let limit = if rung.committed { hold } else { patience };
            let left = limit.saturating_sub(start.elapsed());
            if rung.urgent || rung.flush || rung.stop || left.is_zero() {
                return std::mem::take(&mut rung);
            }
            rung = self.rung.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Keeps house until the bell says stop.
pub(super) fn run(shared: Arc<Shared>) {
    let patience = shared.options.span().clamp(LOOK_EVERY.0, LOOK_EVERY.1);
    let mut stored: Option<Instant> = None;
    loop {
        let hold = stored.map_or(Duration::ZERO, |stored| CURSORS_EVERY.saturating_sub(stored.elapsed()));
        let mut rung = shared.bell.wait(hold, patience);
        let expired = shared.state().expire(&shared.options, SystemTime::now());
        // Cursors before segments: a cursor that lags behind the oldest segment reads as a loss after a crash.
        if rung.flush || rung.stop || stored.is_none_or(|stored| stored.elapsed() >= CURSORS_EVERY) {
            match store_cursors(&shared) {
                Stored::Nothing => {}
                Stored::All => stored = Some(Instant::now()),
                Stored::NotAll => {
                    stored = Some(Instant::now());
                    shared.bell.committed();
                }
            }
        } else if rung.committed {
            shared.bell.committed();
        }
        remove(&shared, expired);
        for waiting in rung.waiting.drain(..) {
            // Whoever stopped waiting needs no answer.
            let _ = waiting.send(());
        }
        if rung.stop {
            break;
        }
    }
}

/// Deletes what the last run left that is too much or too old, before anyone reads it.
pub(super) fn begin(shared: &Shared) {
    let expired = shared.state().expire(&shared.options, SystemTime::now());
    remove(shared, expired);
}

fn remove(shared: &Shared, expired: Vec<Segment>) {
    for segment in expired {
        let name = segment.file_name();
        match shared.files.remove(&name) {
            Ok(()) => tracing::debug!(segment = name, "deleted a journal segment"),
            // It is found and tried again at the next start.
            Err(error) => tracing::error!(segment = name, %error, "cannot delete a journal segment"),
        }
    }
}

/// What became of the cursors that had moved.
enum Stored {
    Nothing,
    All,
    /// Some are to be tried again.
    NotAll,
}

/// Writes the cursors that have moved.
fn store_cursors(shared: &Shared) -> Stored {
    let moved: Vec<_> = {
        let state = shared.state();
        let moved = state.lanes.iter().enumerate().filter(|(_, lane)| lane.stored != Some(lane.committed));
        moved.map(|(index, lane)| (index, lane.name, lane.committed)).collect()
    };
    if moved.is_empty() {
        return Stored::Nothing;
    }
    let results: Vec<_> =
        moved.iter().map(|&(index, name, place)| (index, place, cursor::store(&shared.files, name, place))).collect();
    let synced = shared.files.sync_dir();
    let mut outcome = Stored::All;
    for (index, place, result) in results {
        let mut state = shared.state();
        let lane = &mut state.lanes[index];
        match result.as_ref().err().or(synced.as_ref().err()) {
            None => (lane.stored, lane.error) = (Some(place), None),
            Some(error) => {
                outcome = Stored::NotAll;
                let error = format!("cannot store the cursor: {error}");
                if lane.error.as_ref() != Some(&error) {
                    tracing::warn!(
                        lane = lane.name,
                        error,
                        "what this lane delivers now is delivered again after a crash"
                    );
                }
                lane.error = Some(error);
            }
        }
    }
    outcome
}
