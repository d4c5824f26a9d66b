//! Names of lanes: each store's cursor lies under its lane's name, so names last as long as their stores.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// Names that this process has used. Configurations hold few, and are read again seldom.
static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// Gives the lanes of one configuration their names.
#[derive(Debug, Default)]
pub struct LaneNames(HashSet<&'static str>);

impl LaneNames {
    /// The name of a lane of a `kind` (`loki`, `otlp_traces`) to the store at `address`, tenant and all that
    /// sets it apart included. The first of a kind is called like its kind; the others have a hash of
    /// their address behind it, so that the order of the others does not matter to their cursors. `None` when
    /// that name is taken: the same store a second time.
    pub fn of(&mut self, kind: &str, address: &str) -> Option<&'static str> {
        if !self.0.contains(kind) {
            let name = kept(kind);
            self.0.insert(name);
            return Some(name);
        }
        let name = kept(&format!("{kind}-{:08x}", xxh3_64(address.as_bytes()) >> 32));
        self.0.insert(name).then_some(name)
    }
}

/// The same text, for as long as the process lives; each once.
fn kept(name: &str) -> &'static str {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    match kept.get(name) {
        Some(known) => known,
        None => {
            let new: &'static str = name.to_owned().leak();
            kept.insert(new);
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_last() {
        let mut names = LaneNames::default();
        assert_eq!(names.of("loki", "http://a/push"), Some("loki"));
        assert_eq!(names.of("otlp_logs", "http://a/push"), Some("otlp_logs"));
        let b = names.of("loki", "http://b/push").expect("another store");
        let c = names.of("loki", "http://c/push").expect("a third");
        assert!(b.starts_with("loki-") && b.len() == 13 && b != c, "{b} {c}");
        assert_eq!(names.of("loki", "http://b/push"), None, "the same store twice");
        // In another order, in another reading of the configuration.
        let mut again = LaneNames::default();
        again.of("loki", "http://a/push");
        assert_eq!((again.of("loki", "http://c/push"), again.of("loki", "http://b/push")), (Some(c), Some(b)));
        let journal_takes = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        assert!(b.bytes().all(journal_takes));
    }
}
