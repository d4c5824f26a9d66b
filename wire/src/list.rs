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

#[cfg(feature = "decode")]
mod reading {
    use super::List;
    use crate::limits;
    use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
    use serde_json::value::RawValue;
    use std::fmt;
    use std::marker::PhantomData;

    struct ListVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
        type Value = List<T>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(List::default())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut list = List::default();
            while list.items.len() + (list.invalid as usize) < limits::ITEMS {
                let Some(raw) = seq.next_element::<&RawValue>()? else {
                    return Ok(list);
                };
                match serde_json::from_str(raw.get()) {
                    Ok(item) => list.items.push(item),
                    Err(error) => {
                        list.invalid += 1;
                        list.reason.get_or_insert_with(|| error.to_string());
                    }
                }
            }
            while seq.next_element::<IgnoredAny>()?.is_some() {
                list.over_limit = list.over_limit.saturating_add(1);
            }
            Ok(list)
        }
    }

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ListVisitor(PhantomData))
        }
    }
}
