//! The live stream: items as they are stored, as server-sent events.
//!
//! `item` carries one [`Item`] as JSON, `missed` carries `{"missed": n}` when a reader was too slow and n
//! items passed it by. A comment every 15 seconds keeps proxies from hanging up.

use super::rows::Item;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError::Lagged;
use tokio_stream::{Stream, StreamExt};

/// Items held for a slow reader, some 300 bytes each. A burst of one payload passes; a stuck tab does not pile up.
const HELD: usize = 2_048;
/// Open streams. A browser opens six to one host at most, so this is ten people.
const STREAMS: usize = 64;

/// The sending end, and the room for readers.
#[derive(Clone)]
pub(super) struct Live {
    sender: broadcast::Sender<Message>,
    streams: Arc<Semaphore>,
    closed: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Message {
    /// JSON of an item.
    Item(Arc<str>),
    Closed,
}

impl Live {
    pub fn new() -> Live {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Live { sender: broadcast::Sender::new(HELD), streams, closed: Arc::default() }
    }

    /// Shows items to whoever is looking; nothing is serialised when nobody is.
    pub fn send(&self, items: &[Item]) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        for json in items.iter().filter_map(|item| serde_json::to_string(item).ok()) {
            // Fails only when the last reader has just left.
            let _ = self.sender.send(Message::Item(json.into()));
        }
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = self.sender.send(Message::Closed);
    }

    /// A new stream, or `None` when all are taken or the receiver is stopping.
    pub fn stream(&self) -> Option<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        let messages = BroadcastStream::new(self.sender.subscribe());
        // After subscribing: a close in between is seen here or as a message.
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        let events = messages.map_while(move |message| {
            let _held = &permit;
            match message {
                Ok(Message::Item(json)) => Some(Ok(Event::default().event("item").data(&*json))),
                Ok(Message::Closed) => None,
                Err(Lagged(missed)) => {
                    Some(Ok(Event::default().event("missed").data(format!("{{\"missed\":{missed}}}"))))
                }
            }
        });
        // Something at once, so that the browser knows it is connected.
        let events = tokio_stream::once(Ok(Event::default().comment("live"))).chain(events);
        Some(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
    }
}
