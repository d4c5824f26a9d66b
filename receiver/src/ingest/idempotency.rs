//! The window in which a repeated idempotency key is recognised: a repeat is answered like the first, and stored once.

use super::limits;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The hash that stands for `key` of `app`, in memory and in the journal. Never 0, which means "no key".
pub fn hash(app: &str, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, xxh3_64(app.as_bytes())).max(1)
}

/// Keys stored within the last [`limits::WINDOW`], at most [`limits::WINDOW_KEYS`], and those being stored now.
#[derive(Clone, Default)]
pub struct Window(Arc<Inner>);

#[derive(Default)]
struct Inner {
    keys: Mutex<Keys>,
    /// Tells waiters that some key is no longer under way.
    settled: Notify,
}

#[derive(Default)]
struct Keys {
    /// Hash to when it was received, nanoseconds since the epoch.
    stored: HashMap<u64, u64>,
    /// The same, oldest first.
    order: VecDeque<(u64, u64)>,
    /// Being stored by the holder of a [`Claim`].
    under_way: HashSet<u64>,
}

/// The right and duty to store the payload of one key. Dropped without [`Claim::stored`], the key is free again.
pub struct Claim {
    window: Window,
    hash: u64,
}

impl Window {
    /// Claims `hash`, waiting for the request that has it under way. `None` when it is stored already.
    pub async fn claim(&self, hash: u64, now: u64) -> Option<Claim> {
        loop {
            let mut settled = std::pin::pin!(self.0.settled.notified());
            settled.as_mut().enable();
            {
                let mut keys = self.keys();
                if keys.stored.get(&hash).is_some_and(|received| !expired(*received, now)) {
                    return None;
                }
                if keys.under_way.insert(hash) {
                    return Some(Claim { window: self.clone(), hash });
                }
            }
            settled.await;
        }
    }

    /// Remembers keys that the journal holds, `(received, hash)`.
    pub fn restore(&self, stored: impl IntoIterator<Item = (u64, u64)>) {
        let mut keys = self.keys();
        for (received, hash) in stored {
            keys.insert(hash, received);
        }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        // Each change is one insertion or removal: a panic leaves nothing half done.
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The payload is stored: from now on the key is a repeat.
    pub fn stored(self, received: u64) {
        self.window.keys().insert(self.hash, received);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.window.keys().under_way.remove(&self.hash);
        self.window.0.settled.notify_waiters();
    }
}

impl Keys {
    fn insert(&mut self, hash: u64, received: u64) {
        self.stored.insert(hash, received);
        self.order.push_back((received, hash));
        while let Some(&(oldest, hash)) = self.order.front() {
            if self.order.len() <= limits::WINDOW_KEYS && !expired(oldest, received) {
                break;
            }
            self.order.pop_front();
            // A key stored again after it expired has a later time, and a later place in the order.
            if self.stored.get(&hash) == Some(&oldest) {
                self.stored.remove(&hash);
            }
        }
    }
}

fn expired(received: u64, now: u64) -> bool {
    u128::from(now.saturating_sub(received)) > limits::WINDOW.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[tokio::test]
    async fn a_stored_key_is_a_repeat_for_ten_minutes() {
        let window = Window::default();
        window.claim(7, 0).await.unwrap().stored(0);
        assert!(window.claim(7, 600 * SECOND).await.is_none());
        window.claim(7, 601 * SECOND).await.unwrap().stored(601 * SECOND);
        assert!(window.claim(7, 602 * SECOND).await.is_none());
        assert_eq!(window.keys().order.len(), 1);
    }

    #[tokio::test]
    async fn a_waiter_is_a_repeat_when_the_first_is_stored_and_next_when_it_fails() {
        for stored in [true, false] {
            let window = Window::default();
            let first = window.claim(7, 0).await.unwrap();
            let waiter = tokio::spawn({
                let window = window.clone();
                async move { window.claim(7, 0).await.is_none() }
            });
            tokio::task::yield_now().await;
            assert!(!waiter.is_finished());
            if stored {
                first.stored(0);
            } else {
                drop(first);
            }
            assert_eq!(waiter.await.unwrap(), stored);
        }
    }

    #[tokio::test]
    async fn forgets_the_oldest_past_the_cap() {
        let window = Window::default();
        window.restore((1..=limits::WINDOW_KEYS as u64 + 1).map(|n| (n, n)));
        assert!(window.claim(1, 0).await.is_some());
        assert!(window.claim(2, 0).await.is_none());
        assert_eq!(window.keys().stored.len(), limits::WINDOW_KEYS);
    }

    #[test]
    fn the_same_key_of_two_apps_is_two_keys() {
        assert_ne!(hash("a", b"k"), hash("b", b"k"));
        assert_ne!(hash("", b"ab"), hash("a", b"b"));
        assert_eq!(hash("a", b"k"), hash("a", b"k"));
    }
}
