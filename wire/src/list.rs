//! A list that survives its bad items: each is decoded alone, the failures are counted with the first reason.

use serde::{Serialize, Serializer};
use std::ops::Deref;

/// Decoded items, and how many of the list were refused. Never holds more than [`crate::limits::ITEMS`].
#[derive(Clone, Debug, PartialEq)]
pub struct List<T> {
    /// What could be read, in order.
    pub items: Vec<T>,
    /// Items that could not be read; they are left out.
    pub invalid: u32,
    /// Items past [`crate::limits::ITEMS`]; they were skipped unread.
    pub over_limit: u32,
    /// Why the first invalid item was refused.
    pub reason: Option<String>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        List { items, invalid: 0, over_limit: 0, reason: None }
    }
}

impl<T> List<T> {
    /// True when the list is left out on the wire.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.items)
    }
}
