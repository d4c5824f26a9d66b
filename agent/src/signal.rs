//! Items as they come over the border, and the JSON that they become.
//!
//! The scratch buffer holds little-endian values one after the other: a text is its length in bytes
//! (u32) and its UTF-8, a number is an f64, a list is its length (u32) and its members. An item is the
//! fields of its kind in the order of [`Kind::shape`].

use crate::json;
use crate::stack;
use wire::{encode, time};

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

/// How a field comes, and what it becomes.
#[derive(Clone, Copy)]
enum Field {
    /// A text.
    Text,
    /// A text, left out when empty.
    Optional,
    /// A text, the configured one when empty.
    Domain,
    /// A list of keys and texts, left out when empty.
    Pairs,
    /// A list of keys and numbers.
    Numbers,
    /// 0 or 1, left out unless the flags say it was given.
    Fatal,
    /// The stack's text or frames, left out without frames.
    Stack,
}

type Shape = [(Field, &'static str)];

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// The kind that the border and hooks call `code`.
    pub fn of(code: u32) -> Option<Kind> {
        [Kind::Log, Kind::Event, Kind::Measurement, Kind::Exception, Kind::Span].get(code as usize).copied()
    }

    /// The fields of `wire::item`, in the order that the border writes them. A span comes as one text, JSON already.
    fn shape(self) -> &'static Shape {
        match self {
            Kind::Log => &[(Field::Text, "message"), (Field::Text, "level"), (Field::Pairs, "context")],
            Kind::Event => &[(Field::Text, "name"), (Field::Domain, "domain"), (Field::Pairs, "attributes")],
            Kind::Measurement => &[(Field::Text, "type"), (Field::Numbers, "values"), (Field::Pairs, "context")],
            Kind::Exception => &[
                (Field::Text, "type"),
                (Field::Text, "value"),
                (Field::Optional, "fingerprint"),
                (Field::Fatal, "fatal"),
                (Field::Stack, "stacktrace"),
                (Field::Pairs, "context"),
            ],
            Kind::Span => &[],
        }
    }
}

/// What the border says about an item in bits.
#[derive(Clone, Copy, Default)]
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
    fn has_frames(self) -> bool {
        self.0 & 4 != 0
    }
    /// `fatal` was given, true or false.
    fn has_fatal(self) -> bool {
        self.0 & 8 != 0
    }
}

/// Flags of an item of the agent's own that repeats as it likes.
pub const OWN: Flags = Flags(1);
/// The same, with the ids of a span.
pub const OWN_TRACED: Flags = Flags(3);

/// Reads values off the scratch buffer. What is missing reads as empty and leaves [`Reader::is_whole`] false.
#[derive(Clone, Copy)]
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

    /// Calls `member` for each member of a list.
    pub fn list(&mut self, member: &mut dyn FnMut(&mut Self)) {
        let mut left = self.count();
        while left > 0 && self.whole {
            member(self);
            left -= 1;
        }
    }
}

/// Writes values as the border does: for items of the agent's own, which go the same way.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// The length of a list.
    pub fn count(&mut self, count: usize) {
        json::put(&mut self.0, &(count as u32).to_le_bytes());
    }

    /// A number.
    pub fn number(&mut self, number: f64) {
        json::put(&mut self.0, &number.to_le_bytes());
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        json::put(&mut self.0, text.as_bytes());
    }

    /// Begins a list whose length is not known yet.
    pub fn begin(&mut self) -> List {
        let at = self.0.len();
        self.count(0);
        List { at, length: 0 }
    }

    /// Writes the length of a list that is whole.
    pub fn end(&mut self, list: &List) {
        if let Some(place) = self.0.get_mut(list.at..list.at + 4) {
            place.copy_from_slice(&list.length.to_le_bytes());
        }
    }

    /// A key and a text in a list, left out without a text.
    pub fn pair(&mut self, list: &mut List, key: &str, value: &str) {
        if !value.is_empty() {
            list.length += 1;
            self.text(key);
            self.text(value);
        }
    }
}

/// A list that is being written.
pub struct List {
    at: usize,
    /// Its members so far.
    pub length: u32,
}

/// What an item takes from around it.
pub struct Around<'a> {
    /// What the border says about it.
    pub flags: Flags,
    /// Client time, RFC 3339.
    pub timestamp: &'a str,
    /// The ids of a span, empty for none.
    pub trace: (&'a str, &'a str),
    /// The domain of events that name none.
    pub domain: &'a str,
    /// The page's address, for frames whose script has none.
    pub page: &'a str,
}

/// Reads an item and writes its JSON. False when it did not come whole; what was written is then of no use.
pub fn transcribe(kind: Kind, mut reader: Reader, around: &Around, out: &mut Vec<u8>) -> bool {
    let reader = &mut reader;
    if kind == Kind::Span {
        json::put(out, reader.text().as_bytes());
        return reader.is_whole();
    }
    json::put(out, b"{");
    for (field, name) in kind.shape() {
        match field {
            Field::Text => json::text(out, name, reader.text()),
            Field::Optional => json::optional(out, name, reader.text()),
            Field::Domain => {
                let domain = reader.text();
                json::text(out, name, if domain.is_empty() { around.domain } else { domain });
            }
            Field::Pairs | Field::Numbers => {
                let numbers = matches!(field, Field::Numbers);
                let before = out.len();
                json::key(out, name);
                json::put(out, b"{");
                let opened = out.len();
                reader.list(&mut |reader| {
                    json::key(out, reader.text());
                    if numbers {
                        encode::number(reader.number(), out);
                    } else {
                        encode::string(reader.text(), out);
                    }
                });
                if out.len() == opened && !numbers {
                    out.truncate(before);
                } else {
                    json::put(out, b"}");
                }
            }
            Field::Fatal => {
                let fatal = reader.number() != 0.0;
                if around.flags.has_fatal() {
                    json::flag(out, name, fatal);
                }
            }
            Field::Stack => {
                let before = out.len();
                json::key(out, name);
                json::put(out, b"{\"frames\":[");
                let opened = out.len();
                if around.flags.has_frames() {
                    reader.list(&mut |reader| {
                        let (filename, function) = (reader.text().as_bytes(), reader.text().as_bytes());
                        let place = |number: f64| (number >= 1.0).then_some(number as u32);
                        let (line, column) = (place(reader.number()), place(reader.number()));
                        frame(&stack::Frame { filename, function, line, column }, out);
                    });
                } else {
                    let (text, page) = (reader.text().as_bytes(), around.page.as_bytes());
                    stack::parse(text, page, &mut |found| frame(&found, out));
                }
                if out.len() == opened {
                    out.truncate(before);
                } else {
                    json::put(out, b"]}");
                }
            }
        }
    }
    json::text(out, "timestamp", around.timestamp);
    let (trace_id, span_id) = around.trace;
    if !trace_id.is_empty() {
        json::put(out, b",\"trace\":{");
        json::text(out, "trace_id", trace_id);
        json::text(out, "span_id", span_id);
        json::put(out, b"}");
    }
    json::put(out, b"}");
    reader.is_whole()
}

fn frame(frame: &stack::Frame, out: &mut Vec<u8>) {
    json::next(out);
    json::put(out, b"{");
    json::text(out, "filename", json::as_text(frame.filename));
    json::text(out, "function", json::as_text(frame.function));
    let mut place = |name: &str, place: Option<u32>| {
        if let Some(place) = place {
            json::number(out, name, f64::from(place));
        }
    };
    place("lineno", frame.line);
    place("colno", frame.column);
    json::put(out, b"}");
}

/// Whether an error's type, value or stack holds one of the texts that the page wants ignored.
pub fn is_ignored(mut error: Reader, flags: Flags, ignored: &[String]) -> bool {
    let (kind, value) = (error.text(), error.text());
    let _ = (error.text(), error.number());
    let stack = if flags.has_frames() { "" } else { error.text() };
    ignored.iter().any(|text| {
        let holds = |place: &&str| json::position(place.as_bytes(), text.as_bytes()).is_some();
        [kind, value, stack].iter().any(holds)
    })
}

/// Writes client times, and keeps the last second: most items share it.
#[derive(Default)]
pub struct Stamp {
    second: u64,
    text: Vec<u8>,
}

impl Stamp {
    /// The RFC 3339 text of milliseconds since the epoch.
    pub fn text(&mut self, millis: f64) -> &str {
        let (second, mut fraction) = (millis as u64 / 1_000, millis as u64 % 1_000);
        if self.second != second || self.text.is_empty() {
            self.text.clear();
            time::write_millis(millis, &mut self.text);
            self.second = second;
        } else if let Some(digits) = self.text.get_mut(20..23) {
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + (fraction % 10) as u8;
                fraction /= 10;
            }
        }
        json::as_text(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::{Event, Exception, Frame, Log, Measurement, Numbers, Pairs, Stacktrace, TraceContext};

    const AROUND: Around = Around { flags: OWN, timestamp: "t", trace: ("", ""), domain: "browser", page: "http://p/" };

    /// What was written reads as `expected`, and says nothing that wire's own type does not say.
    fn check<T: serde::Serialize>(kind: Kind, item: &Writer, around: &Around, expected: &T) {
        let mut written = Vec::new();
        assert!(transcribe(kind, Reader::new(&item.0), around, &mut written));
        let mut by_wire = Vec::new();
        encode::json(expected, &mut by_wire);
        let read = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
        assert_eq!(read(&written), read(&by_wire));
        for cut in 0..item.0.len() {
            let mut out = Vec::new();
            assert!(!transcribe(kind, Reader::new(&item.0[..cut]), around, &mut out), "{cut} bytes passed for an item");
        }
    }

    fn pairs(item: &mut Writer, pairs: &[(&str, &str)]) {
        let mut list = item.begin();
        pairs.iter().for_each(|(key, value)| item.pair(&mut list, key, value));
        item.end(&list);
    }

    #[test]
    fn a_span_is_json_already() {
        let mut item = Writer::default();
        item.text(r#"{"name":"checkout"}"#);
        let around = Around { flags: OWN, timestamp: "", trace: ("", ""), domain: "", page: "" };
        let mut json = Vec::new();
        assert!(transcribe(Kind::Span, Reader::new(&item.0), &around, &mut json));
        assert_eq!(json, br#"{"name":"checkout"}"#);
    }

    #[test]
    fn a_log_line_is_wires() {
        let mut item = Writer::default();
        item.text("ü\0\"");
        item.text("warn");
        pairs(&mut item, &[("a", "1"), ("b", "")]);
        let context = Pairs(vec![("a".into(), "1".into())]);
        let log =
            Log { message: "ü\0\"".into(), level: "warn".into(), context, timestamp: "t".into(), ..Log::default() };
        check(Kind::Log, &item, &AROUND, &log);
    }

    #[test]
    fn an_event_is_wires() {
        let mut item = Writer::default();
        item.text("buy");
        item.text("");
        pairs(&mut item, &[]);
        let trace = Some(TraceContext { trace_id: "ab".into(), span_id: "cd".into() });
        let domain = Some("browser".into());
        let event = Event { name: "buy".into(), domain, timestamp: "t".into(), trace, ..Event::default() };
        check(Kind::Event, &item, &Around { trace: ("ab", "cd"), ..AROUND }, &event);
    }

    #[test]
    fn a_measurement_is_wires() {
        let mut item = Writer::default();
        item.text("custom");
        item.count(2);
        item.text("v");
        item.number(1.5);
        item.text("nan");
        item.number(f64::NAN);
        pairs(&mut item, &[("k", "v")]);
        let values = Numbers(vec![("v".into(), Some(1.5)), ("nan".into(), None)]);
        let context = Pairs(vec![("k".into(), "v".into())]);
        let measurement =
            Measurement { kind: "custom".into(), values, context, timestamp: "t".into(), ..Measurement::default() };
        check(Kind::Measurement, &item, &AROUND, &measurement);
    }

    fn error(stack: impl Fn(&mut Writer)) -> Writer {
        let mut item = Writer::default();
        item.text("TypeError");
        item.text("boom");
        item.text("fp");
        item.number(1.0);
        stack(&mut item);
        pairs(&mut item, &[("cause", "x")]);
        item
    }

    #[test]
    fn an_error_is_wires_with_frames_or_a_stack() {
        let frame = |filename: &'static str, function: &'static str, lineno, colno| Frame {
            filename: filename.into(),
            function: function.into(),
            lineno,
            colno,
            module: None,
        };
        let expected = |frames: Vec<Frame<'static>>| Exception {
            kind: "TypeError".into(),
            value: "boom".into(),
            timestamp: "t".into(),
            fingerprint: Some("fp".into()),
            fatal: Some(true),
            context: Pairs(vec![("cause".into(), "x".into())]),
            stacktrace: (!frames.is_empty()).then(|| Stacktrace { frames: frames.into() }),
            ..Exception::default()
        };
        let given = error(|item| {
            item.count(1);
            item.text("a.js");
            item.text("fn");
            item.number(3.0);
            item.number(0.0);
        });
        let around = |flags| Around { flags: Flags(flags), ..AROUND };
        check(Kind::Exception, &given, &around(4 | 8), &expected(vec![frame("a.js", "fn", Some(3), None)]));
        let parsed = error(|item| {
            item.text("TypeError: boom\n    at go (http://a/f.js:1:2)\n    at eval (eval at x (:3:4), <anonymous>:1:1)")
        });
        let frames = vec![frame("http://a/f.js", "go", Some(1), Some(2)), frame("http://p/", "eval", Some(3), Some(4))];
        check(Kind::Exception, &parsed, &around(8), &expected(frames));
        let bare = error(|item| item.text(""));
        check(Kind::Exception, &bare, &around(0), &Exception { fatal: None, ..expected(vec![]) });
    }

    #[test]
    fn an_ignored_text_is_found_in_type_value_and_stack() {
        let item = error(|item| item.text("at go (http://extension/f.js:1:2)"));
        let check = |text: &str, ignored| {
            let list = [String::from(text)];
            assert_eq!(is_ignored(Reader::new(&item.0), Flags(0), &list), ignored, "{text}");
        };
        check("TypeErr", true);
        check("oom", true);
        check("http://extension", true);
        check("fp", false);
        check("cause", false);
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
            for kind in [Kind::Log, Kind::Event, Kind::Measurement, Kind::Exception] {
                let mut out = Vec::new();
                transcribe(kind, Reader::new(&bytes), &Around { flags: Flags(flags), ..AROUND }, &mut out);
                prop_assert!(out.len() < 4_000);
            }
            is_ignored(Reader::new(&bytes), Flags(flags), &[String::from("x")]);
        }
    }
}
