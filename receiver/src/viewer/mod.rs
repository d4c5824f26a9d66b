//! The viewer: what arrived, to look at, in a browser and without any backend.
//!
//! Best effort by design. The lane hands over what it read from the journal; a replay stores nothing twice;
//! when space or age runs out the oldest rows go, counted. Nothing here can hold up `/collect`.

mod api;
mod guard;
mod live;
mod page;
mod read;
mod rows;
mod store;
mod vitals;

pub use rows::{Batch, Item, Kind};
pub use vitals::Rating;

use crate::journal::Header;
use axum::Router;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::Semaphore;
use wire::Payload;

/// What the store may hold. Past any of these the oldest rows leave.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Items: a page sends about 50 a minute, so 200,000 are a working day of eight busy testers. The
    /// slowest query, a text search through all, stays under a second.
    pub rows: u64,
    /// Bytes of the file in use. 256 MiB fits beside the journal on the smallest disk a receiver is given.
    pub bytes: u64,
    /// Time since arrival. A week: last Tuesday's error can still be looked at, and erasure is bounded.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { rows: 200_000, bytes: 256 * 1024 * 1024, age: Duration::from_secs(7 * 24 * 3_600) }
    }
}

/// Why the viewer could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    /// The file could not be made or opened.
    #[error("viewer store {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("viewer store: {0}")]
    Store(#[from] rusqlite::Error),
    /// The task that did the work was stopped, which happens only while the process ends.
    #[error("viewer store: stopped")]
    Stopped,
}

/// The store, the live stream and the routes. Cheap to clone.
#[derive(Clone)]
pub struct Viewer {
    store: Arc<Store>,
    live: live::Live,
    /// One permit for each query that runs.
    queries: Arc<Semaphore>,
    collector: Arc<str>,
}

impl Viewer {
    /// Opens or makes the store in `dir`. Fails when the directory cannot be written or the file is no database.
    pub fn open(dir: &Path, limits: Limits) -> Result<Viewer, ViewerError> {
        Ok(Viewer {
            store: Arc::new(Store::open(dir, limits)?),
            live: live::Live::new(),
            queries: Arc::new(Semaphore::new(store::READERS)),
            collector: "http://127.0.0.1:12347/collect".into(),
        })
    }

    /// Sets the address that the empty pages tell people to send to.
    pub fn with_collector(self, url: &str) -> Viewer {
        Viewer { collector: url.into(), ..self }
    }

    /// Stores one record; blocks for a few milliseconds. `position` is where it ends in the journal: a record
    /// with the position and the time of arrival of an earlier one is a replay, and nothing is stored.
    pub fn insert(&self, position: u64, payload: &Payload<'_>, header: &Header) -> Result<(), ViewerError> {
        let mut batch = Batch::default();
        batch.push(position, payload, header);
        self.store(batch)
    }

    /// Stores records in one transaction, off the async threads. All or nothing; replays are left out.
    pub async fn insert_batch(&self, batch: Batch) -> Result<(), ViewerError> {
        let viewer = self.clone();
        tokio::task::spawn_blocking(move || viewer.store(batch)).await.map_err(|_| ViewerError::Stopped)?
    }

    /// Deletes what is over the age limit at `now`, nanoseconds since the epoch. Space is seen to by inserting;
    /// age needs this, once an hour, also when nothing arrives.
    pub async fn expire(&self, now: u64) -> Result<(), ViewerError> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || store.expire(now)).await.map_err(|_| ViewerError::Stopped)?
    }

    /// The pages at `/` and the API under `/api`, for the server that listens on `bind`. Every request must name
    /// a loopback host or the one of `bind`, and come from these pages or from no page.
    pub fn router(&self, bind: SocketAddr) -> Router {
        let routes = Router::new().merge(page::routes()).merge(api::routes().with_state(self.clone()));
        routes.layer(axum::middleware::from_fn_with_state(bind, guard::check))
    }

    /// Ends all live streams, now and later, so that a graceful stop does not wait for open pages.
    pub fn close(&self) {
        self.live.close();
    }

    fn store(&self, batch: Batch) -> Result<(), ViewerError> {
        let items = self.store.write(batch)?;
        self.live.send(&items);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
