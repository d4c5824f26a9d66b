//! Frames out of the text of `Error.stack`, for Chromium, Firefox and Safari. Written by hand: a regex engine is too large.
//!
//! Chromium writes `    at name (url:line:column)`, the others `name@url:line:column`. Code from
//! `eval` is placed where `eval` was called. Lines that are no frames, such as the message, are passed over.

use crate::client::position;
use crate::json::cut;
use crate::policy;

/// One call. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The script's address.
    pub filename: &'a str,
    /// The function's name, `?` when unknown.
    pub function: &'a str,
    /// The line.
    pub line: Option<u32>,
    /// The column.
    pub column: Option<u32>,
}

/// Hands out the frames of `stack`, the throwing one first, at most [`policy::STACK_FRAMES`]. A frame without the
/// address of its script gets `page`.
pub fn parse<'a>(stack: &'a str, page: &'a str, out: &mut dyn FnMut(Frame<'a>)) {
    let mut rest = Some(stack);
    let mut left = policy::STACK_FRAMES;
    while let Some(text) = rest
        && left > 0
    {
        let (line, after) = cut(text, b'\n');
        rest = after;
        if line.len() > policy::STACK_LINE {
            continue;
        }
        let line = line.trim_ascii();
        let Some(mut frame) = chromium(line).or_else(|| gecko(line)) else { continue };
        if frame.filename.is_empty() {
            frame.filename = page;
        }
        if frame.function.is_empty() {
            frame.function = "?";
        }
        out(frame);
        left -= 1;
    }
}

/// `at name (place)` or `at place`.
fn chromium(line: &str) -> Option<Frame<'_>> {
    let rest = line.strip_prefix("at ")?.trim_ascii();
    let (name, place) = match rest.strip_suffix(')') {
        // The place begins at the first bracket after a space: addresses and `[as name]` may hold others.
        Some(inner) => match position(inner.as_bytes(), b" (") {
            Some(at) => (inner.get(..at)?, inner.get(at + 2..)?),
            None => ("", rest),
        },
        None => ("", rest),
    };
    // `eval at speak (http://x/a.js:21:17), <anonymous>:1:30`: the innermost brackets hold the real file.
    let place = match place.strip_prefix("eval at ") {
        Some(evaluated) => {
            let end = evaluated.bytes().position(|b| b == b')')?;
            let inner = evaluated.get(..end)?;
            inner.get(inner.bytes().rposition(|b| b == b'(')? + 1..)?
        }
        None => place,
    };
    let bare = |text: &'_ str| -> usize { if text.starts_with("async ") { 6 } else { 0 } };
    let (name, place) = (name.get(bare(name)..)?, place.get(bare(place)..)?);
    (!name.is_empty() || is_place(place)).then(|| frame(name, place))
}

/// `name@place`, `@place` or, in Safari, a bare `[native code]`.
fn gecko(line: &str) -> Option<Frame<'_>> {
    if line == "[native code]" {
        return Some(frame("", line));
    }
    let bytes = line.as_bytes();
    // A name and an address may both hold an `@`: the right one is followed by something that looks like a place.
    let at = (0..bytes.len()).find(|at| bytes.get(*at) == Some(&b'@') && line.get(at + 1..).is_some_and(is_place))?;
    let name = line.get(..at)?;
    let place = line.get(at + 1..)?;
    // `http://x/a.js line 26 > eval line 2 > eval:1:30`: the line of the call, the column of the tail.
    if let Some(line_mark) = position(place.as_bytes(), b" line ")
        && position(place.as_bytes(), b" > ").is_some()
    {
        let number = leading(place.get(line_mark + 6..)?);
        let (_, _, column) = split_place(place);
        let mut frame = frame(name, "");
        frame.filename = place.get(..line_mark)?;
        (frame.line, frame.column) = (number, column);
        return Some(frame);
    }
    Some(frame(name, place))
}

/// Whether `text` can be where a script lies: an address with a line behind it, or the engine's own code.
fn is_place(text: &str) -> bool {
    if text == "[native code]" || text == "<anonymous>" {
        return true;
    }
    let scheme = text.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'-' && b != b'+' && b != b'.');
    let starts = match scheme {
        Some(0) => text.starts_with(['/', '<', ':']),
        Some(at) => text.as_bytes().get(at) == Some(&b':'),
        None => false,
    };
    starts && (split_place(text).1.is_some() || text.starts_with("wasm:"))
}

fn frame<'a>(name: &'a str, place: &'a str) -> Frame<'a> {
    let (filename, line, column) = split_place(place);
    Frame { filename, function: name.trim_ascii(), line, column }
}

/// Parts `url:line:column` or `url:line`.
fn split_place(place: &str) -> (&str, Option<u32>, Option<u32>) {
    let Some((rest, last)) = split_number(place) else { return (place, None, None) };
    match split_number(rest) {
        Some((file, line)) => (file, Some(line), Some(last)),
        None => (rest, Some(last), None),
    }
}

/// Cuts `:number` off the end.
fn split_number(text: &str) -> Option<(&str, u32)> {
    let at = text.bytes().rposition(|b| b == b':')?;
    let digits = text.get(at + 1..)?;
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((text.get(..at)?, leading(digits)?))
}

/// The number that `text` begins with, of at most nine digits.
fn leading(text: &str) -> Option<u32> {
    let digits = text.bytes().take(9).take_while(u8::is_ascii_digit);
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
