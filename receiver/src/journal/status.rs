//! How the journal and its lanes are, for readiness and metrics.

use std::{fs::File, sync::Arc};

use super::{
    AppendError,
    segments::{self, Segment},
    state::{Shared, State},
};

/// What the journal says of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// False when nothing can be accepted until a restart, and after `close`.
    pub writable: bool,
    /// Why not; or why the last group was refused (disk full), although the next will be tried.
    pub reason: Option<String>,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Segment files.
    pub segments: usize,
    /// Bytes of a torn tail that were cut off at start.
    pub cut_bytes: u64,
    /// Every lane opened in this run.
    pub lanes: Vec<LaneStatus>,
}

/// How a lane is doing. Counts are of this run.
#[derive(Clone, Debug)]
pub struct LaneStatus {
    /// The lane.
    pub name: &'static str,
    /// Records that are not committed.
    pub lag_records: u64,
    /// Their bytes on disk.
    pub lag_bytes: u64,
    /// Received time of the oldest of them, nanoseconds since the epoch.
    pub oldest_received: Option<u64>,
    /// Records lost to the byte budget or the age cap.
    pub dropped_records: u64,
    /// Records that could not be read.
    pub damaged_records: u64,
    /// Why its cursor could not be read or stored, while that is so.
    pub last_error: Option<String>,
}

/// The status of all; `cut_bytes` were cut at start.
pub(super) fn read(shared: &Shared, cut_bytes: u64) -> Status {
    let lanes = shared.state().lanes.len();
    let oldest: Vec<_> = (0..lanes).map(|lane| oldest_received(shared, lane)).collect();
    let closed = shared.durable.borrow().closed;
    let state = shared.state();
    let closed_reason = closed.then(|| AppendError::Closed.to_string());
    Status {
        writable: state.failed.is_none() && !closed,
        reason: state.failed.clone().or(closed_reason).or_else(|| state.refused.clone()),
        bytes: state.bytes(),
        segments: state.segments.len(),
        cut_bytes,
        lanes: oldest.into_iter().enumerate().map(|(index, received)| lane(&state, index, received)).collect(),
    }
}

fn lane(state: &State, index: usize, oldest_received: Option<u64>) -> LaneStatus {
    let (lane, end) = (&state.lanes[index], state.end);
    LaneStatus {
        name: lane.name,
        lag_records: end.sequence.saturating_sub(lane.committed.sequence),
        lag_bytes: end.position.saturating_sub(lane.committed.position),
        oldest_received,
        dropped_records: lane.dropped,
        damaged_records: lane.damaged,
        last_error: lane.error.clone(),
    }
}

/// Received time of the lane's oldest record that is not committed. From a file at most once for each record.
fn oldest_received(shared: &Shared, lane: usize) -> Option<u64> {
    let (at, segment): (_, Segment) = {
        let state = shared.state();
        let at = state.lanes[lane].committed;
        if at.position >= state.end.position {
            return None;
        }
        let known = state.lanes[lane].oldest.filter(|(position, _)| *position == at.position);
        if let Some(received) = known.map(|(_, received)| received).or_else(|| state.received(at.position)) {
            return Some(received);
        }
        (at, state.segments.iter().find(|segment| segment.end.position > at.position)?.clone())
    };
    let file = File::open(shared.files.path(&segment.file_name())).ok()?;
    let chunk = segments::read(Arc::new(file), &segment, at.max(segment.start), 1).ok()?;
    let received = chunk.entries.first()?.1.record.header.received;
    shared.state().lanes[lane].oldest = Some((at.position, received));
    Some(received)
}
