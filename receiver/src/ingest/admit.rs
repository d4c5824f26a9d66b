//! Room for a request: a slot among those in flight, and its body's bytes among those held.

use super::Refusal;
use super::limits::Limits;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::{Stream, StreamExt};

/// Frames are received into a buffer of at least this size when a body comes in more than one.
const BUFFER_BYTES: usize = 16 << 10;

/// The most room that is made for a body before it has come: fifteen typical batches.
const EXPECTED_BYTES: usize = 256 << 10;

/// The room that all requests share.
pub struct Room {
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

/// One request's part of the room, given back when dropped.
pub struct Slot {
    /// Taken when the body has been read: until then it is the client that is waited for.
    request: Option<OwnedSemaphorePermit>,
    bytes: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// The room that `limits` leave.
    pub fn new(limits: &Limits) -> Room {
        Room { requests: Arc::new(Semaphore::new(limits.requests)), bodies: Arc::new(Semaphore::new(limits.bodies)) }
    }

    /// A slot to read a body into. Refuses at once while all are taken: waiting here would only move the queue into
    /// memory.
    pub fn enter(&self, limits: &Limits) -> Result<Slot, Refusal> {
        if self.requests.available_permits() == 0 {
            return Err(Refusal::Requests { limit: limits.requests });
        }
        Ok(Slot { request: None, bytes: None })
    }

    /// Reads a body to its end, whether its size was declared or not, and takes the slot.
    ///
    /// Bytes are charged as they arrive, so that a client holds no more room than it has sent. A body
    /// of one frame is not copied.
    pub async fn read<S, E>(
        &self,
        slot: &mut Slot,
        declared: Option<u64>,
        body: &mut S,
        limits: &Limits,
    ) -> Result<Bytes, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let reading = self.read_all(slot, declared, body, limits);
        let late = |_| Refusal::Deadline { seconds: limits.deadline.as_secs() };
        let body = tokio::time::timeout(limits.deadline, reading).await.map_err(late)??;
        let request = Arc::clone(&self.requests).try_acquire_owned();
        slot.request = Some(request.map_err(|_| Refusal::Requests { limit: limits.requests })?);
        Ok(body)
    }

    async fn read_all<S, E>(
        &self,
        slot: &mut Slot,
        declared: Option<u64>,
        body: &mut S,
        limits: &Limits,
    ) -> Result<Bytes, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let Some(first) = self.frame(slot, 0, body, limits).await? else {
            return Ok(Bytes::new());
        };
        if declared == Some(first.len() as u64) {
            return Ok(first);
        }
        let Some(second) = self.frame(slot, first.len(), body, limits).await? else {
            return Ok(first);
        };
        // What is declared is room only so far as it may soon be sent.
        let expected = declared.map_or(BUFFER_BYTES, |bytes| bytes as usize).min(EXPECTED_BYTES);
        let mut whole = BytesMut::with_capacity(expected.max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        drop((first, second));
        while let Some(frame) = self.frame(slot, whole.len(), body, limits).await? {
            whole.extend_from_slice(&frame);
        }
        Ok(whole.freeze())
    }

    /// The next frame, charged; `None` at the end of the body.
    async fn frame<S, E>(
        &self,
        slot: &mut Slot,
        received: usize,
        body: &mut S,
        limits: &Limits,
    ) -> Result<Option<Bytes>, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let Some(frame) = body.next().await else {
            return Ok(None);
        };
        let frame = frame.map_err(|_| Refusal::Disconnected)?;
        if received + frame.len() > limits.wire {
            return Err(Refusal::BodySize { limit: limits.wire });
        }
        let bytes = Arc::clone(&self.bodies).try_acquire_many_owned(frame.len() as u32);
        let bytes = bytes.map_err(|_| Refusal::Bodies { limit: limits.bodies })?;
        match &mut slot.bytes {
            Some(held) => held.merge(bytes),
            None => slot.bytes = Some(bytes),
        }
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;

    const LIMITS: Limits =
        Limits { wire: 10, inflated: 10, values: 10, requests: 2, bodies: 15, deadline: Duration::from_millis(50) };

    fn frames(frames: &[&'static str]) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin + use<> {
        let frames: Vec<_> = frames.iter().map(|frame| Ok(Bytes::from(*frame))).collect();
        tokio_stream::iter(frames)
    }

    #[tokio::test]
    async fn a_body_of_any_frames_is_whole() {
        let room = Room::new(&LIMITS);
        for (parts, whole) in [(&[][..], ""), (&["abc"], "abc"), (&["a", "b", "", "c"], "abc")] {
            for declared in [None, Some(whole.len() as u64)] {
                let mut slot = room.enter(&LIMITS).unwrap();
                let body = room.read(&mut slot, declared, &mut frames(parts), &LIMITS).await;
                assert_eq!(body.unwrap(), whole);
            }
        }
        assert_eq!(room.bodies.available_permits(), LIMITS.bodies, "room was not given back");
    }

    #[tokio::test]
    async fn a_body_past_its_limit_is_refused_while_it_arrives() {
        let room = Room::new(&LIMITS);
        let mut slot = room.enter(&LIMITS).unwrap();
        let mut body = frames(&["12345", "67890", "1", "never read"]);
        let refused = room.read(&mut slot, None, &mut body, &LIMITS).await;
        assert_eq!(refused, Err(Refusal::BodySize { limit: 10 }));
        assert_eq!(body.next().await.unwrap().unwrap(), "never read");
    }

    #[tokio::test]
    async fn refuses_when_slots_or_bytes_are_taken() {
        let room = Room::new(&LIMITS);
        let [mut first, mut second, mut third] = [(), (), ()].map(|()| room.enter(&LIMITS).unwrap());
        room.read(&mut first, None, &mut frames(&["0123456789"]), &LIMITS).await.unwrap();
        room.read(&mut third, None, &mut frames(&["0"]), &LIMITS).await.unwrap();
        assert_eq!(room.enter(&LIMITS).err(), Some(Refusal::Requests { limit: 2 }));
        let refused = room.read(&mut second, None, &mut frames(&["0"]), &LIMITS).await;
        assert_eq!(refused, Err(Refusal::Requests { limit: 2 }), "it was read too late");
        drop((second, third));
        let mut second = room.enter(&LIMITS).unwrap();
        let refused = room.read(&mut second, None, &mut frames(&["012345"]), &LIMITS).await;
        assert_eq!(refused, Err(Refusal::Bodies { limit: 15 }));
        drop(first);
        assert!(room.read(&mut second, None, &mut frames(&["012345"]), &LIMITS).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_refused() {
        let room = Room::new(&LIMITS);
        let mut slot = room.enter(&LIMITS).unwrap();
        let mut body = frames(&["123"]).chain(tokio_stream::pending());
        let refused = room.read(&mut slot, Some(9), &mut body, &LIMITS).await;
        assert_eq!(refused, Err(Refusal::Deadline { seconds: 0 }));
    }
}
