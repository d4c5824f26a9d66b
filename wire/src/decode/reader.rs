//! The JSON reader: one pass over the text, nothing built that is not asked for, and able to go back.
//!
//! It takes RFC 8259 and nothing more, but for one thing that Go's decoder does too: an escape of half a
//! surrogate pair, which a page makes by cutting an emoji in two, reads as U+FFFD. A member that is well formed but
//! not what was expected is a [`Fault`] to recover from: the caller goes back to a [`Mark`] and skips.

use std::borrow::Cow;

/// Reads values one behind the other from a text.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A place to go back to.
#[derive(Clone, Copy)]
pub struct Mark(usize);

/// Why something could not be read, and the byte where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub(super) what: What,
    /// Offset into the text.
    pub(super) at: usize,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It is not JSON: nothing behind it can be trusted.
    Syntax(&'static str),
    /// It is JSON of another kind.
    Kind { found: &'static str, expected: &'static str },
    /// It is of the right kind and has no meaning.
    Value(&'static str),
}

impl Fault {
    /// Whether reading can go on behind the value.
    pub fn is_syntax(&self) -> bool {
        matches!(self.what, What::Syntax(_))
    }

    /// In words, with line and column in `text`, both from 1.
    pub fn describe(&self, text: &str) -> String {
        let before = text.as_bytes().get(..self.at).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        let place = format_args!("at line {line} column {column}");
        match self.what {
            What::Syntax(what) | What::Value(what) => format!("{what} {place}"),
            What::Kind { found, expected } => format!("invalid type: {found}, expected {expected} {place}"),
        }
    }
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// The text that is read.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Where the next value starts.
    pub fn mark(&mut self) -> Mark {
        self.blank();
        Mark(self.at)
    }

    /// Goes back.
    pub fn back_to(&mut self, mark: Mark) {
        self.at = mark.0;
    }

    /// The first byte of the next value; 0 at the end.
    pub fn peek(&mut self) -> u8 {
        self.blank();
        self.byte()
    }

    /// Fails unless only blanks are left.
    pub fn end(&mut self) -> Result<(), Fault> {
        self.blank();
        if self.at < self.text.len() { Err(self.syntax("trailing characters")) } else { Ok(()) }
    }

    /// Takes `null` if that is next.
    pub fn null(&mut self) -> Result<bool, Fault> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.word("null").map(|_| true)
    }

    /// `true` or `false`, as written.
    pub fn boolean(&mut self) -> Result<&'a str, Fault> {
        if self.peek() == b't' { self.word("true") } else { self.word("false") }
    }

    /// Reads an object; `member` is given each key and has to read or skip its value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek() != b'{' {
            return Err(self.unexpected("an object"));
        }
        self.at += 1;
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != b'"' {
                return Err(self.syntax("a key must be a string"));
            }
            let key = self.string()?;
            if self.peek() != b':' {
                return Err(self.syntax("expected `:`"));
            }
            self.at += 1;
            member(self, key)?;
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break self.at += 1,
                _ => return Err(self.syntax("expected `,` or `}`")),
            }
        }
        Ok(())
    }

    /// Reads a list; `item` has to read or skip each.
    pub fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.peek() != b'[' {
            return Err(self.unexpected("a list"));
        }
        self.at += 1;
        if self.peek() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                b',' => self.at += 1,
                b']' => break self.at += 1,
                _ => return Err(self.syntax("expected `,` or `]`")),
            }
        }
        Ok(())
    }

    /// A string; borrowed unless it has escapes.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek() != b'"' {
            return Err(self.unexpected("a string"));
        }
        self.at += 1;
        let start = self.at;
        if self.plain()? == b'"' {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(2 * (self.at - start) + 32);
        let mut from = start;
        loop {
            out.push_str(&self.text[from..self.at]);
            if self.byte() == b'"' {
                self.at += 1;
                return Ok(Cow::Owned(out));
            }
            out.push(self.escape()?);
            from = self.at;
            self.plain()?;
        }
    }

    /// A number, as written.
    pub fn number(&mut self) -> Result<&'a str, Fault> {
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            return Err(self.unexpected("a number"));
        }
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        match self.byte() {
            b'0' => self.at += 1,
            _ => self.some_digits()?,
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// Passes over the next value, whatever and however deep it is, and gives its text.
    pub fn skip(&mut self) -> Result<&'a str, Fault> {
        self.blank();
        let start = self.at;
        let mut open = Levels::default();
        loop {
            match self.peek() {
                b'{' => {
                    self.at += 1;
                    if self.peek() != b'}' {
                        open.push(true);
                        self.skip_key()?;
                        continue;
                    }
                    self.at += 1;
                }
                b'[' => {
                    self.at += 1;
                    if self.peek() != b']' {
                        open.push(false);
                        continue;
                    }
                    self.at += 1;
                }
                b'"' => self.skip_string()?,
                b'n' => drop(self.word("null")?),
                b't' | b'f' => drop(self.boolean()?),
                _ => drop(self.number()?),
            }
            // A value ended: it may be the last of one level or more.
            loop {
                let Some(in_object) = open.last() else { return Ok(&self.text[start..self.at]) };
                match (self.peek(), in_object) {
                    (b',', true) => {
                        self.at += 1;
                        break self.skip_key()?;
                    }
                    (b',', false) => break self.at += 1,
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return Err(self.syntax("expected `,` or the end of a list or object")),
                }
            }
        }
    }

    /// The next value is not what was expected.
    pub fn unexpected(&mut self, expected: &'static str) -> Fault {
        let found = match self.peek() {
            b'{' => "map",
            b'[' => "list",
            b'"' => "string",
            b't' | b'f' => "boolean",
            b'n' => "null",
            b'-' | b'0'..=b'9' => "number",
            _ if self.at >= self.text.len() => return self.syntax("unexpected end"),
            _ => return self.syntax("expected a value"),
        };
        // What looks like another kind must be well formed to be one.
        let mark = Mark(self.at);
        let at = self.at;
        match found {
            "map" | "list" | "string" => {}
            _ => {
                if let Err(fault) = self.skip() {
                    return fault;
                }
                self.back_to(mark);
            }
        }
        Fault { what: What::Kind { found, expected }, at }
    }

    /// The value that starts at `mark` has no meaning.
    pub fn meaningless(&self, mark: Mark, what: &'static str) -> Fault {
        Fault { what: What::Value(what), at: mark.0 }
    }

    fn syntax(&self, what: &'static str) -> Fault {
        Fault { what: What::Syntax(what), at: self.at }
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn blank(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &'static str) -> Result<&'a str, Fault> {
        self.blank();
        let start = self.at;
        if !self.text.as_bytes()[start..].starts_with(word.as_bytes()) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) {
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(self.syntax("invalid number")) } else { Ok(()) }
    }

    fn skip_key(&mut self) -> Result<(), Fault> {
        if self.peek() != b'"' {
            return Err(self.syntax("a key must be a string"));
        }
        self.skip_string()?;
        if self.peek() != b':' {
            return Err(self.syntax("expected `:`"));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        while self.plain()? != b'"' {
            self.escape()?;
        }
        self.at += 1;
        Ok(())
    }

    /// Goes on to the next quote or backslash of a string, eight bytes at a time, and says which it is.
    fn plain(&mut self) -> Result<u8, Fault> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        let bytes = self.text.as_bytes();
        while let Some(eight) = bytes[self.at..].first_chunk::<8>() {
            let eight = u64::from_le_bytes(*eight);
            // The lowest high bit that is set marks the first such byte; borrows disturb only those above it.
            let zero = |x: u64| x.wrapping_sub(ONES) & !x;
            let control = eight.wrapping_sub(ONES * 0x20) & !eight;
            let found =
                (zero(eight ^ (ONES * u64::from(b'"'))) | zero(eight ^ (ONES * u64::from(b'\\'))) | control) & HIGHS;
            if found != 0 {
                self.at += found.trailing_zeros() as usize / 8;
                break;
            }
            self.at += 8;
        }
        loop {
            match bytes.get(self.at) {
                Some(byte @ (b'"' | b'\\')) => return Ok(*byte),
                Some(0..=0x1f) => return Err(self.syntax("control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.syntax("unexpected end")),
            }
        }
    }

    /// The character of the escape that starts here.
    fn escape(&mut self) -> Result<char, Fault> {
        let letter = self.text.as_bytes().get(self.at + 1).copied().unwrap_or(0);
        let char = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.syntax("invalid escape")),
        };
        self.at += 2;
        Ok(char)
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let Some(first) = self.unit(self.at) else { return Err(self.syntax("invalid escape")) };
        self.at += 6;
        if (0xD800..0xDC00).contains(&first)
            && let Some(second @ 0xDC00..0xE000) = self.unit(self.at)
        {
            self.at += 6;
            let char = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok(char::from_u32(char).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The UTF-16 unit of a `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.as_bytes().get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}

/// Which levels that are open are objects: a bit for each, the first 64 without an allocation.
#[derive(Default)]
struct Levels {
    bits: u64,
    count: usize,
    full: Vec<u64>,
}

impl Levels {
    fn push(&mut self, object: bool) {
        if self.count > 0 && self.count.is_multiple_of(64) {
            self.full.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.count += 1;
    }

    fn last(&self) -> Option<bool> {
        (self.count > 0).then_some(self.bits & 1 == 1)
    }

    fn pop(&mut self) {
        self.count -= 1;
        self.bits >>= 1;
        if self.count > 0 && self.count.is_multiple_of(64) {
            self.bits = self.full.pop().unwrap_or_default();
        }
    }
}
