//! Texts, numbers, flags, ids, and maps of them.

use super::Decode;
use super::reader::{Fault, Mark, Reader};
use crate::trace::Nanos;
use crate::{Numbers, Pairs, Text, limits};
use std::borrow::Cow;

impl<'a> Decode<'a> for Text<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        self.0 = match reader.peek() {
            b'"' => reader.string()?,
            b'-' | b'0'..=b'9' => Cow::Borrowed(reader.number()?),
            b't' | b'f' => Cow::Borrowed(reader.boolean()?),
            b'n' if reader.null()? => Cow::Borrowed(""),
            _ => return Err(reader.unexpected("a string, a number or a boolean")),
        };
        Ok(())
    }
}

impl<'a> Decode<'a> for Pairs<'a> {
    /// A list or an object under a key is kept as its JSON.
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.null()? {
            return Ok(());
        }
        reader.object(|reader, key| {
            let mut value = Text::default();
            match reader.peek() {
                b'{' | b'[' => value.0 = Cow::Borrowed(reader.skip()?),
                _ => value.decode(reader)?,
            }
            self.0.push((Text(key), value));
            Ok(())
        })
    }
}

impl<'a> Decode<'a> for Numbers<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        if reader.null()? {
            return Ok(());
        }
        reader.object(|reader, key| {
            let value = number(reader)?;
            self.0.push((Text(key), value));
            Ok(())
        })
    }
}

impl<'a> Decode<'a> for Nanos {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        let (mark, text) = text(reader)?;
        let nanos = text.parse().or_else(|_| text.parse::<f64>().map(|nanos| nanos as u64));
        *self = nanos.map(Nanos).map_err(|_| reader.meaningless(mark, "a time is not nanoseconds since the epoch"))?;
        Ok(())
    }
}

/// The next value as text, and where it starts.
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<(Mark, Text<'a>), Fault> {
    let (mark, mut text) = (reader.mark(), Text::default());
    text.decode(reader)?;
    Ok((mark, text))
}

/// A number, a numeric string, or `null`.
pub(super) fn number(reader: &mut Reader) -> Result<Option<f64>, Fault> {
    let mark = reader.mark();
    let text = match reader.peek() {
        b'"' => reader.string()?,
        b'n' if reader.null()? => return Ok(None),
        _ => Cow::Borrowed(reader.number()?),
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(reader.meaningless(mark, "not a number")),
    }
}

/// A whole number from 0 to 2^32-1; anything else, such as a negative line, reads as absent.
pub(super) fn whole(reader: &mut Reader) -> Result<Option<u32>, Fault> {
    Ok(number(reader)?.filter(|n| *n >= 0.0 && *n <= f64::from(u32::MAX)).map(|n| n as u32))
}

/// A variant of an enumeration, by number or by name; one that is not known is 0, which is always "unspecified".
pub(super) fn variant(reader: &mut Reader, names: &[&str]) -> Result<u8, Fault> {
    let text = text(reader)?.1;
    let number = text.parse().ok().filter(|number| usize::from(*number) < names.len());
    let named = || names.iter().position(|name| *name == &*text).and_then(|place| u8::try_from(place).ok());
    Ok(number.or_else(named).unwrap_or(0))
}

/// A boolean, also as text or number.
pub(super) fn flag(reader: &mut Reader) -> Result<Option<bool>, Fault> {
    let (mark, text) = text(reader)?;
    match &*text {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(reader.meaningless(mark, "not a boolean")),
    }
}

/// An id of so many hex digits, not all zero.
pub(super) fn id<'a>(reader: &mut Reader<'a>, digits: usize) -> Result<Text<'a>, Fault> {
    let (mark, text) = text(reader)?;
    if is_id(&text, digits) {
        return Ok(text);
    }
    let what = match digits {
        32 => "traceId is not 32 hex digits with one above zero",
        _ => "span id is not 16 hex digits with one above zero",
    };
    Err(reader.meaningless(mark, what))
}

/// The same, or nothing.
pub(super) fn optional_id<'a>(reader: &mut Reader<'a>, digits: usize) -> Result<Option<Text<'a>>, Fault> {
    let mark = reader.mark();
    if text(reader)?.1.is_empty() {
        return Ok(None);
    }
    reader.back_to(mark);
    id(reader, digits).map(Some)
}

pub(super) fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

/// Keeps a member that nobody knows, while there is room.
pub(super) fn keep<'a>(more: &mut Pairs<'a>, key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
    let mark = reader.mark();
    let json = reader.skip()?;
    if more.0.len() >= limits::MORE || key.len() + json.len() > limits::MORE_BYTES {
        return Ok(());
    }
    let mut value = Text(Cow::Borrowed(json));
    if matches!(json.as_bytes().first(), Some(b'"' | b'n')) {
        reader.back_to(mark);
        value.decode(reader)?;
    }
    more.0.push((Text(key), value));
    Ok(())
}
