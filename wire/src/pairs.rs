//! String and number maps kept as lists of pairs: order is the sender's, and nothing is hashed.

use crate::Text;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A JSON object of strings, such as the attributes of an event. A repeated key is kept twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs<'a>(pub Vec<(Text<'a>, Text<'a>)>);

/// A JSON object of numbers, the values of a measurement. `None` is `null`: the real SDK sends it for `NaN`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers<'a>(pub Vec<(Text<'a>, Option<f64>)>);

impl Pairs<'_> {
    /// True when there is no pair: such a map is left out on the wire.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last value sent under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
