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

#[cfg(feature = "decode")]
mod reading {
    use super::{Numbers, Pairs, Text};
    use crate::decode::Number;
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
    use std::fmt;
    use std::marker::PhantomData;

    struct PairVisitor<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for PairVisitor<V> {
        type Value = Vec<(Text<'de>, V)>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
    }

    impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Pairs(deserializer.deserialize_any(PairVisitor(PhantomData))?))
        }
    }

    impl<'de: 'a, 'a> Deserialize<'de> for Numbers<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let pairs: Vec<(Text, Number)> = deserializer.deserialize_any(PairVisitor(PhantomData))?;
            Ok(Numbers(pairs.into_iter().map(|(key, number)| (key, number.0)).collect()))
        }
    }
}
