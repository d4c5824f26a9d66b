//! Frames out of the text of `Error.stack`, for Chromium, Firefox and Safari. Written by hand: a regex engine is too large.
//!
//! Chromium writes `    at name (url:line:column)`, the others `name@url:line:column`. Code from
//! `eval` is placed where `eval` was called. Lines that are no frames, such as the message, are passed over.

use crate::json::{cut, position};
use crate::policy;

/// One call. Lines and columns count from 1. The texts are parts of the stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The script's address.
    pub filename: &'a [u8],
    /// The function's name, `?` when unknown.
    pub function: &'a [u8],
    /// The line.
    pub line: Option<u32>,
    /// The column.
    pub column: Option<u32>,
}

/// Hands out the frames of `stack`, the throwing one first, at most [`policy::STACK_FRAMES`]. A frame without the
/// address of its script gets `page`.
pub fn parse<'a>(stack: &'a [u8], page: &'a [u8], out: &mut dyn FnMut(Frame<'a>)) {
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
        let found = match line.strip_prefix(b"at ") {
            Some(call) => chromium(call),
            None => gecko(line),
        };
        let Some(mut frame) = found else { continue };
        if frame.filename.is_empty() {
            frame.filename = page;
        }
        if frame.function.is_empty() {
            frame.function = b"?";
        }
        out(frame);
        left -= 1;
    }
}

/// `name (place)` or `place`.
fn chromium(call: &[u8]) -> Option<Frame<'_>> {
    let (mut name, mut place): (&[u8], &[u8]) = (b"", call);
    if let Some(inner) = call.strip_suffix(b")")
        // The place begins at the first bracket after a space: addresses and `[as name]` may hold others.
        && let Some(at) = position(inner, b" (")
    {
        (name, place) = (inner.get(..at)?, inner.get(at + 2..)?);
    }
    // `eval at speak (http://x/a.js:21:17), <anonymous>:1:30`: the innermost brackets hold the real file.
    if let Some(evaluated) = place.strip_prefix(b"eval at ") {
        let inner = cut(evaluated, b')').0;
        place = inner.get(inner.iter().rposition(|b| *b == b'(')? + 1..)?;
    }
    for text in [&mut name, &mut place] {
        *text = text.strip_prefix(b"async ").unwrap_or(text);
    }
    (!name.is_empty() || is_place(place)).then(|| frame(name, place))
}

/// `name@place`, `@place` or, in Safari, a bare `[native code]`.
fn gecko(line: &[u8]) -> Option<Frame<'_>> {
    if line == NATIVE {
        return Some(frame(b"", line));
    }
    // A name and an address may both hold an `@`: the right one is followed by something that looks like a place.
    let mut at = 0;
    let place = loop {
        at += line.get(at..)?.iter().position(|b| *b == b'@')? + 1;
        let place = line.get(at..)?;
        if is_place(place) {
            break place;
        }
    };
    let mut found = frame(line.get(..at - 1)?, place);
    // `http://x/a.js line 26 > eval line 2 > eval:1:30`: the line of the call, the column of the tail.
    if let Some(mark) = position(found.filename, b" line ") {
        found.line = leading(place.get(mark + 6..)?);
        found.filename = place.get(..mark)?;
    }
    Some(found)
}

const NATIVE: &[u8] = b"[native code]";

/// Whether `text` can be where a script lies: an address with a line behind it, or the engine's own code.
fn is_place(text: &[u8]) -> bool {
    if text == NATIVE || text == b"<anonymous>" {
        return true;
    }
    let scheme = text.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')));
    let starts = match (scheme, scheme.and_then(|at| text.get(at))) {
        (Some(0), Some(mark)) => matches!(mark, b'/' | b'<' | b':'),
        (_, mark) => mark == Some(&b':'),
    };
    starts && (frame(b"", text).line.is_some() || text.starts_with(b"wasm:"))
}

/// A call at `url:line:column` or `url:line`.
fn frame<'a>(name: &'a [u8], place: &'a [u8]) -> Frame<'a> {
    let function = name.trim_ascii();
    let (rest, last) = split_number(place);
    let (filename, before) = split_number(rest);
    let (line, column) = if before.is_some() { (before, last) } else { (last, None) };
    Frame { filename, function, line, column }
}

/// Cuts `:number` off the end.
fn split_number(text: &[u8]) -> (&[u8], Option<u32>) {
    let parts = text.iter().rposition(|b| *b == b':').and_then(|at| text.split_at_checked(at));
    match parts {
        Some((rest, [_, digits @ ..])) if digits.len() < 10 && digits.iter().all(u8::is_ascii_digit) => {
            let number = leading(digits);
            (if number.is_some() { rest } else { text }, number)
        }
        _ => (text, None),
    }
}

/// The number that `text` begins with, of at most nine digits.
fn leading(text: &[u8]) -> Option<u32> {
    let mut number = None;
    for digit in text.iter().take(9) {
        if !digit.is_ascii_digit() {
            break;
        }
        number = Some(number.unwrap_or(0) * 10 + u32::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests;
