//! Keys: in `x-api-key` or as the last part of the path, one of all or one of an application.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;

/// Whose key a request brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No key is needed, or it is the key of all.
    Everyone,
    /// The application of this number.
    App(usize),
}

type Key = (Box<[u8]>, Owner);

/// The keys that payloads may bring.
#[derive(Default)]
pub struct Keys {
    /// By a hash whose secret is this process's own: how long a search takes tells nothing of the keys.
    by_hash: HashMap<u64, Vec<Key>>,
    hasher: RandomState,
}

impl Keys {
    /// No key takes every request.
    pub fn new<'k>(keys: impl IntoIterator<Item = (&'k str, Owner)>) -> Keys {
        let mut all = Keys::default();
        for (key, owner) in keys {
            all.by_hash.entry(all.hasher.hash_one(key.as_bytes())).or_default().push((key.as_bytes().into(), owner));
        }
        all
    }

    /// Whose key is among those that a request brought; `None` when one is needed and none is right.
    pub fn owner<'k>(&self, brought: impl IntoIterator<Item = &'k [u8]>) -> Option<Owner> {
        if self.by_hash.is_empty() {
            return Some(Owner::Everyone);
        }
        let mut brought = brought.into_iter();
        brought.find_map(|brought| {
            let near = self.by_hash.get(&self.hasher.hash_one(brought))?;
            near.iter().find(|(key, _)| same(key, brought)).map(|(_, owner)| *owner)
        })
    }
}

/// Whether `brought` is `key`, in a time that depends on the length of `brought` alone.
fn same(key: &[u8], brought: &[u8]) -> bool {
    let mut difference = u8::from(key.len() != brought.len());
    for (at, byte) in brought.iter().enumerate() {
        difference |= black_box(byte ^ key.get(at % key.len().max(1)).unwrap_or(&0));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_key_is_accepted_and_tells_its_owner() {
        let keys = Keys::new([("secret", Owner::Everyone), ("shop-key", Owner::App(0)), ("chat-key", Owner::App(1))]);
        let check = |brought: &[&str], owner: Option<Owner>| {
            assert_eq!(keys.owner(brought.iter().map(|key| key.as_bytes())), owner, "{brought:?}");
        };
        check(&["secret"], Some(Owner::Everyone));
        check(&["wrong!", "shop-key"], Some(Owner::App(0)));
        check(&["chat-key", ""], Some(Owner::App(1)));
        for wrong in ["", "s", "secre", "secrets", "secretsecret", "SECRET", "shop-keychat-key"] {
            check(&[wrong], None);
        }
        check(&[], None);
        assert_eq!(Keys::default().owner([]), Some(Owner::Everyone));
        assert_eq!(Keys::default().owner([&b"any"[..]]), Some(Owner::Everyone));
    }

    #[test]
    fn keys_are_compared_to_their_end() {
        assert!(same(b"", b"") && same(b"ab", b"ab"));
        assert!(!same(b"ab", b"abab") && !same(b"", b"a") && !same(b"a", b""));
    }
}
