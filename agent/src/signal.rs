//! Items as they come over the border, and the wire items that they become.
//!
//! The scratch buffer holds little-endian values one after the other: a text is its length in bytes
//! (u32) and its UTF-8, a number is an f64, a list is its length (u32) and its members.

use crate::stack;
use wire::{Event, Exception, Frame, Log, Measurement, Numbers, Pairs, Stacktrace, Text, TraceContext, time};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A log line.
    Log,
    /// A named event.
    Event,
    /// Numbers under a type.
    Measurement,
    /// An error.
    Exception,
    /// A span.
    Span,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// The kind that the border and hooks call `code`.
    pub fn of(code: u32) -> Option<Kind> {
        [Kind::Log, Kind::Event, Kind::Measurement, Kind::Exception, Kind::Span].get(code as usize).copied()
    }
}

/// What the border says about an item in bits.
#[derive(Clone, Copy)]
pub struct Flags(pub u32);

impl Flags {
    /// Send it though it equals the last one.
    pub fn skip_dedupe(self) -> bool {
        self.0 & 1 != 0
    }
    /// The ids of a span come first.
    pub fn has_trace(self) -> bool {
        self.0 & 2 != 0
    }
    /// Frames stand in place of the stack's text.
    pub fn has_frames(self) -> bool {
        self.0 & 4 != 0
    }
    /// `fatal` was given, true or false.
    pub fn has_fatal(self) -> bool {
        self.0 & 8 != 0
    }
}

/// Reads values off the scratch buffer. What is missing reads as empty and leaves [`Reader::is_whole`] false.
pub struct Reader<'a> {
    rest: &'a [u8],
    whole: bool,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, whole: true }
    }

    /// True when everything asked for was there and nothing is left.
    pub fn is_whole(&self) -> bool {
        self.whole && self.rest.is_empty()
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                taken
            }
            None => {
                self.whole = false;
                self.rest = &[];
                &[]
            }
        }
    }

    fn count(&mut self) -> usize {
        <[u8; 4]>::try_from(self.take(4)).map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
    }

    /// A number.
    pub fn number(&mut self) -> f64 {
        <[u8; 8]>::try_from(self.take(8)).map_or(0.0, f64::from_le_bytes)
    }

    /// A text.
    pub fn text(&mut self) -> &'a str {
        let length = self.count();
        match std::str::from_utf8(self.take(length)) {
            Ok(text) => text,
            Err(_) => {
                self.whole = false;
                ""
            }
        }
    }

    /// A text that is absent when empty.
    pub fn optional(&mut self) -> Option<Text<'a>> {
        Some(self.text()).filter(|text| !text.is_empty()).map(Text::from)
    }

    fn list<T>(&mut self, mut member: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.count();
        // No member is shorter than a length, so a garbled count can't ask for more memory than came.
        let mut list = Vec::with_capacity(count.min(self.rest.len() / 4));
        while list.len() < count && self.whole {
            list.push(member(self));
        }
        list
    }

    /// Keys and texts.
    pub fn pairs(&mut self) -> Pairs<'a> {
        Pairs(self.list(|reader| (reader.text().into(), reader.text().into())))
    }

    fn numbers(&mut self) -> Numbers<'a> {
        Numbers(self.list(|reader| (reader.text().into(), Some(reader.number()))))
    }

    fn frames(&mut self) -> Vec<Frame<'a>> {
        let place = |number: f64| (number >= 1.0).then_some(number as u32);
        self.list(|reader| Frame {
            filename: reader.text().into(),
            function: reader.text().into(),
            lineno: place(reader.number()),
            colno: place(reader.number()),
            module: None,
        })
    }
}

/// When an item happened, and in which span.
#[derive(Clone, Default)]
pub struct When<'a> {
    /// Client time, RFC 3339.
    pub timestamp: Text<'a>,
    /// The span, if any.
    pub trace: Option<TraceContext<'a>>,
}

/// Reads a log line: level, message, context.
pub fn log<'a>(reader: &mut Reader<'a>, when: When<'a>) -> Log<'a> {
    let (level, message, context) = (reader.text().into(), reader.text().into(), reader.pairs());
    Log { message, level, context, timestamp: when.timestamp, trace: when.trace, action: None }
}

/// Reads an event: name, domain or the empty text for `domain`, attributes.
pub fn event<'a>(reader: &mut Reader<'a>, when: When<'a>, domain: &'a str) -> Event<'a> {
    let name = reader.text().into();
    let domain = Some(reader.optional().unwrap_or_else(|| domain.into()));
    let attributes = reader.pairs();
    Event { name, domain, attributes, timestamp: when.timestamp, trace: when.trace, action: None }
}

/// Reads a measurement: type, values, context.
pub fn measurement<'a>(reader: &mut Reader<'a>, when: When<'a>) -> Measurement<'a> {
    let (kind, values, context) = (reader.text().into(), reader.numbers(), reader.pairs());
    Measurement { kind, values, timestamp: when.timestamp, context, trace: when.trace, action: None }
}

/// Reads an error: type, value, fingerprint, fatal as a number, stack or frames, context. A frame whose
/// script has no address gets `page`, the page's own. The stack's text comes back with it, empty when frames were given.
pub fn exception<'a>(reader: &mut Reader<'a>, when: When<'a>, flags: Flags, page: &'a str) -> (Exception<'a>, &'a str) {
    let (kind, value, fingerprint) = (reader.text().into(), reader.text().into(), reader.optional());
    let fatal = reader.number() != 0.0;
    let (frames, stack) = if flags.has_frames() {
        (reader.frames(), "")
    } else {
        let stack = reader.text();
        (stack::parse(stack, page), stack)
    };
    let exception = Exception {
        kind,
        value,
        timestamp: when.timestamp,
        trace: when.trace,
        context: reader.pairs(),
        fingerprint,
        fatal: flags.has_fatal().then_some(fatal),
        stacktrace: (!frames.is_empty()).then(|| Stacktrace { frames: frames.into() }),
        action: None,
    };
    (exception, stack)
}

/// Writes client times, and keeps the last second: most items share it.
#[derive(Default)]
pub struct Stamp {
    second: u64,
    text: String,
}

impl Stamp {
    /// The RFC 3339 text of milliseconds since the epoch.
    pub fn text(&mut self, millis: f64) -> &str {
        let second = millis as u64 / 1_000;
        if self.second != second || self.text.is_empty() {
            let mut text = Vec::with_capacity(24);
            time::write_millis(millis, &mut text);
            self.text = String::from_utf8(text).unwrap_or_default();
            self.second = second;
            return &self.text;
        }
        // `2026-11-21T01:13:57.` stays.
        self.text.truncate(20);
        let fraction = millis as u64 % 1_000;
        for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] {
            self.text.push(char::from(b'0' + digit as u8));
        }
        self.text.push('Z');
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(value.as_bytes());
    }

    #[test]
    fn an_event_reads_as_it_was_written() {
        let mut bytes = Vec::new();
        text("buy", &mut bytes);
        text("", &mut bytes);
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        text("sku", &mut bytes);
        text("ü\0", &mut bytes);
        let mut reader = Reader::new(&bytes);
        let event = event(&mut reader, When::default(), "browser");
        assert!(reader.is_whole());
        assert_eq!((&*event.name, event.domain.as_deref()), ("buy", Some("browser")));
        assert_eq!(event.attributes.get("sku"), Some("ü\0"));
        for cut in 0..bytes.len() {
            let mut reader = Reader::new(bytes.get(..cut).expect("inside"));
            let _ = super::event(&mut reader, When::default(), "browser");
            assert!(!reader.is_whole(), "{cut} bytes passed for an event");
        }
    }

    #[test]
    fn given_frames_replace_the_stack() {
        let mut bytes = Vec::new();
        text("T", &mut bytes);
        text("boom", &mut bytes);
        text("", &mut bytes);
        bytes.extend_from_slice(&1_f64.to_le_bytes());
        bytes.extend_from_slice(&1_u32.to_le_bytes());
        text("a.js", &mut bytes);
        text("fn", &mut bytes);
        bytes.extend_from_slice(&3_f64.to_le_bytes());
        bytes.extend_from_slice(&0_f64.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        let mut reader = Reader::new(&bytes);
        let (error, _) = exception(&mut reader, When::default(), Flags(4 | 8), "");
        assert!(reader.is_whole());
        assert_eq!((error.fatal, error.fingerprint), (Some(true), None));
        let frames = error.stacktrace.expect("frames").frames;
        assert_eq!((frames.len(), frames.items.first().map(|f| (f.lineno, f.colno))), (1, Some((Some(3), None))));
    }

    #[test]
    fn the_stamp_is_the_time_across_seconds() {
        let mut stamp = Stamp::default();
        for millis in [0.0, 999.0, 1_795_223_637_017.0, 1_795_223_637_999.0, 1_795_223_638_000.0, 1_795_223_637_005.0] {
            let mut text = Vec::new();
            time::write_millis(millis, &mut text);
            assert_eq!(stamp.text(millis).as_bytes(), text);
        }
    }

    proptest! {
        #[test]
        fn garbled_bytes_never_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), flags in 0_u32..16) {
            let when = When::default;
            let _ = log(&mut Reader::new(&bytes), when());
            let _ = event(&mut Reader::new(&bytes), when(), "d");
            let _ = measurement(&mut Reader::new(&bytes), when());
            let _ = exception(&mut Reader::new(&bytes), when(), Flags(flags), "p");
        }
    }
}
