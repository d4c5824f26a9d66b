//! Reading a payload: a superset of what Go's decoders take, and bad items left out one by one.
//!
//! Numbers and booleans read as text where text is due, and numeric texts as numbers; `null` is absent. Keys match in
//! any case. Of a key that comes twice the last value counts, and objects are merged. Members nobody knows are skipped,
//! those of an item kept in its bounded [`more`](crate::Log::more).

mod members;
mod reader;
mod scalar;
mod spans;

pub use reader::{Fault, Reader};

use crate::{List, Payload, limits};
use std::borrow::Cow;
use std::fmt;

/// Why a whole payload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are not UTF-8; the offset of the first bad one.
    NotUtf8(usize),
    /// The text is not the JSON of a payload; why, with line and column.
    NotPayload(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            DecodeError::NotUtf8(offset) => write!(f, "body is not UTF-8 at byte {offset}"),
            DecodeError::NotPayload(reason) => write!(f, "body is not a Faro payload: {reason}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes one payload, borrowing from `body`. `null` is the empty payload, as in Go.
///
/// Fails only when nothing of it can be trusted; items that cannot be read are left out of their
/// [`List`](crate::List), which counts them. Memory is bounded by the body's size and
/// [`limits::ITEMS`](crate::limits::ITEMS).
pub fn payload(body: &[u8]) -> Result<Payload<'_>, DecodeError> {
    value(body)
}

/// Decodes any one part of a payload.
pub fn value<'a, T: Decode<'a> + Default>(json: &'a [u8]) -> Result<T, DecodeError> {
    let text = std::str::from_utf8(json).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))?;
    let mut reader = Reader::new(text);
    let mut value = T::default();
    let read = value.decode(&mut reader).and_then(|()| reader.end());
    read.map(|()| value).map_err(|fault| DecodeError::NotPayload(fault.describe(text)))
}

/// Something that reads itself from JSON.
pub trait Decode<'a> {
    /// Reads the next value into `self`; what it does not say stays as it is.
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault>;
}

/// An object with members of known names.
trait Members<'a> {
    /// Reads the member called `key`, or says false and reads nothing.
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault>;

    /// Reads or skips a member whose name is not known.
    fn unknown(&mut self, _key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        reader.skip().map(|_| ())
    }
}

impl<'a, T: Members<'a>> Decode<'a> for T {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.null()? {
            return Ok(());
        }
        reader.object(|reader, key| {
            if self.member(&key, reader)? {
                return Ok(());
            }
            match usual_case(&key) {
                Some(usual) if self.member(&usual, reader)? => Ok(()),
                _ => self.unknown(key, reader),
            }
        })
    }
}

impl<'a, T: Decode<'a> + Default> Decode<'a> for Option<T> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.null()? {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().decode(reader)
    }
}

impl<'a, T: Decode<'a> + Default> Decode<'a> for List<T> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        *self = List::default();
        if reader.null()? {
            return Ok(());
        }
        reader.list(|reader| {
            if self.items.len() + self.invalid as usize >= limits::ITEMS {
                self.over_limit = self.over_limit.saturating_add(1);
                return reader.skip().map(|_| ());
            }
            let mark = reader.mark();
            let mut item = T::default();
            match item.decode(reader) {
                Ok(()) => self.items.push(item),
                Err(fault) if fault.is_syntax() => return Err(fault),
                Err(fault) => {
                    reader.back_to(mark);
                    reader.skip()?;
                    self.invalid += 1;
                    self.reason.get_or_insert_with(|| fault.describe(reader.text()));
                }
            }
            Ok(())
        })
    }
}

/// The names that are not all lower case.
const MIXED: [&str; 29] = [
    "arrayValue",
    "boolValue",
    "bundleId",
    "bytesValue",
    "doubleValue",
    "endTimeUnixNano",
    "fullName",
    "geoLocationTrackingEnabled",
    "gitHash",
    "installationId",
    "intValue",
    "isK6Browser",
    "kvlistValue",
    "parentId",
    "parentSpanId",
    "resourceSpans",
    "scopeSpans",
    "sentAt",
    "serviceName",
    "spanId",
    "startTimeUnixNano",
    "stringValue",
    "testRunId",
    "timeUnixNano",
    "traceId",
    "traceState",
    "userAgent",
    "viewportHeight",
    "viewportWidth",
];

/// How a known name is usually written that `key` is in another case; `None` when it is so already.
fn usual_case(key: &str) -> Option<Cow<'static, str>> {
    if let Some(name) = MIXED.iter().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(Cow::Borrowed(name));
    }
    key.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| Cow::Owned(key.to_ascii_lowercase()))
}
