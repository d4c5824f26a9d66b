//! What waits for the writer: bounded in records and bytes, taken a group at a time.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{AppendError, Companion, Position, Record, record};

/// Most records that wait. Admission holds far fewer at once; this is the wall behind it.
const WAITING: usize = 8192;
/// Most bytes that wait, 32 MiB: what admission may hold at once.
const WAITING_BYTES: usize = 32 << 20;
/// Most bytes of one group, 8 MiB: about 10 ms of a slow disk, and the size of the writer's buffer.
pub(super) const GROUP_BYTES: usize = 4 << 20;

/// Tells one who waits.
pub(super) type Answer = oneshot::Sender<Result<Answered, AppendError>>;
/// The other end.
pub(super) type Wait = oneshot::Receiver<Result<Answered, AppendError>>;

/// A record, and who waits for it to be durable.
pub(super) struct Waiting {
    pub record: Record,
    pub companion: Option<Companion>,
    pub size: usize,
    pub answer: Answer,
}

/// A record is durable: where it ends, and whom to tell next.
///
/// The writer tells the first of a group and gives it the others, who are told when this is dropped, however that
/// happens. So a group costs one wake-up across threads, and the rest stays among the tasks that wait.
#[derive(Debug)]
pub(super) struct Answered {
    pub end: Position,
    others: Vec<(Answer, Position)>,
}

impl Answered {
    /// Tells everyone of a group.
    pub fn tell(group: Vec<(Answer, Position)>) {
        let mut others = group;
        while !others.is_empty() {
            let (first, end) = others.swap_remove(0);
            match first.send(Ok(Answered { end, others })) {
                Ok(()) => return,
                // It stopped waiting: the next is told.
                Err(Ok(mut answered)) => others = std::mem::take(&mut answered.others),
                Err(Err(_)) => return,
            }
        }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        for (answer, end) in self.others.drain(..) {
            // Whoever stopped waiting needs no answer.
            let _ = answer.send(Ok(Answered { end, others: Vec::new() }));
        }
    }
}

/// What the writer is to do next.
pub(super) enum Next {
    Group(Vec<Waiting>),
    /// Nothing came in time.
    Idle,
    /// Nothing more will come.
    End,
}

/// The bounded queue between appenders and the writer.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Set once: what every later append is told.
    refused: Option<AppendError>,
}

impl Queue {
    /// Puts a record in line. Fails at once when the line is full or closed, or the record too large.
    pub fn push(&self, record: Record, companion: Option<Companion>) -> Result<Wait, AppendError> {
        let size = record::size(&record).ok_or(AppendError::TooLarge)?;
        let mut inner = self.lock();
        if let Some(refused) = &inner.refused {
            return Err(refused.clone());
        }
        if inner.waiting.len() >= WAITING || (inner.bytes + size > WAITING_BYTES && inner.bytes > 0) {
            return Err(AppendError::Busy);
        }
        let (answer, answered) = oneshot::channel();
        inner.bytes += size;
        inner.waiting.push_back(Waiting { record, companion, size, answer });
        if inner.waiting.len() == 1 {
            self.filled.notify_one();
        }
        Ok(answered)
    }

    /// Waits up to `patience`, then `gather` more for the first to get company, and takes all that waits, up to `limit`
    /// bytes but one record at least.
    pub fn take(&self, patience: Duration, gather: Duration, limit: usize) -> Next {
        let mut inner = self.lock();
        if inner.waiting.is_empty() && inner.refused != Some(AppendError::Closed) {
            inner = self.filled.wait_timeout(inner, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        if inner.waiting.is_empty() {
            return if inner.refused == Some(AppendError::Closed) { Next::End } else { Next::Idle };
        }
        if !gather.is_zero() && inner.bytes < limit && inner.refused.is_none() {
            // Nobody rings but for the first, for a failure and at the end.
            inner = self.filled.wait_timeout(inner, gather).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut bytes = 0;
        let mut fit = |waiting: &Waiting| {
            bytes += waiting.size;
            bytes <= limit
        };
        let count = inner.waiting.iter().take_while(|waiting| fit(waiting)).count().max(1);
        let group: Vec<Waiting> = inner.waiting.drain(..count).collect();
        inner.bytes -= group.iter().map(|waiting| waiting.size).sum::<usize>();
        Next::Group(group)
    }

    /// Lets nothing more in. What waits is still written.
    pub fn close(&self) {
        self.lock().refused = Some(AppendError::Closed);
        self.filled.notify_all();
    }

    /// Lets nothing more in and refuses what waits.
    pub fn fail(&self, error: AppendError) {
        let waiting = {
            let mut inner = self.lock();
            if inner.refused.is_none() {
                inner.refused = Some(error.clone());
            }
            inner.bytes = 0;
            std::mem::take(&mut inner.waiting)
        };
        for waiting in waiting {
            // Whoever stopped waiting needs no answer.
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three who wait, in the order in which they are told.
    fn group() -> (Vec<(Answer, Position)>, Vec<Wait>) {
        (0..3)
            .map(|n| {
                let (answer, wait) = oneshot::channel();
                ((answer, Position(n)), wait)
            })
            .unzip()
    }

    fn told(wait: &mut Wait) -> Option<Position> {
        wait.try_recv().ok().and_then(Result::ok).map(|answered| answered.end)
    }

    #[test]
    fn the_first_tells_the_others() {
        let (answers, mut waits) = group();
        Answered::tell(answers);
        let first = waits[0].try_recv().unwrap().unwrap();
        assert!(waits[1..].iter_mut().all(|wait| told(wait).is_none()), "told by the first, not by the writer");
        assert_eq!(first.end, Position(0));
        drop(first);
        let mut rest: Vec<_> = waits[1..].iter_mut().map(|wait| told(wait).unwrap().0).collect();
        rest.sort();
        assert_eq!(rest, [1, 2]);
    }

    #[test]
    fn everyone_is_told_whoever_stops_waiting_and_when() {
        for stops in 0..3 {
            for told_before in [false, true] {
                let (mut answers, mut waits) = group();
                if told_before {
                    Answered::tell(std::mem::take(&mut answers));
                }
                // A wait that ends with its answer unread passes the others on.
                drop(waits.remove(stops));
                Answered::tell(answers);
                let mut found: Vec<u64> = Vec::new();
                for _ in 0..2 {
                    found.extend(waits.iter_mut().filter_map(|wait| told(wait).map(|end| end.0)));
                }
                found.sort();
                let expected: Vec<u64> = (0..3).filter(|n| *n != stops as u64).collect();
                assert_eq!(found, expected, "{stops} stopped, told before: {told_before}");
            }
        }
    }
}
