//! The logfmt encoding, as `go-logfmt` writes it: what Alloy's users parse.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// U+FFFD in UTF-8: Go reads it as "there was no character here".
const REPLACEMENT: [u8; 3] = [0xEF, 0xBF, 0xBD];

/// What a byte means in a value that may have to be quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// Nothing.
    Plain,
    /// The value must be quoted.
    Quote,
    /// In quotes it must be escaped, but it needs no quotes by itself.
    Escape,
    /// Both.
    QuoteAndEscape,
    /// It may begin a replacement character, which is both.
    Replacement,
}

/// One look for each byte: values are most of what this module sees.
const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Plain; 256];
    let mut at = 0;
    while at < b' ' as usize {
        bytes[at] = Byte::QuoteAndEscape;
        at += 1;
    }
    bytes[b' ' as usize] = Byte::Quote;
    bytes[b'=' as usize] = Byte::Quote;
    bytes[b'"' as usize] = Byte::QuoteAndEscape;
    bytes[0x7f] = Byte::QuoteAndEscape;
    bytes[b'\\' as usize] = Byte::Escape;
    bytes[REPLACEMENT[0] as usize] = Byte::Replacement;
    bytes
};

/// Appends `prefix` and `name` as one key, without what a key may not hold. False when nothing is
/// left, and nothing was written.
pub fn key(prefix: &str, name: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for part in [prefix, name] {
        if part.bytes().all(|byte| byte > b' ' && byte < 0x7f && byte != b'=' && byte != b'"') {
            out.extend_from_slice(part.as_bytes());
        } else {
            let kept = part.chars().filter(|c| !matches!(c, '\0'..=' ' | '=' | '"' | '\u{7f}' | '\u{fffd}'));
            let mut buffer = [0; 4];
            kept.for_each(|c| out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()));
        }
    }
    out.len() > start
}

/// Appends a value, quoted if it must be.
pub fn value(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let quote = |(at, byte): (usize, &u8)| match BYTES[usize::from(*byte)] {
        Byte::Quote | Byte::QuoteAndEscape => true,
        Byte::Replacement => bytes[at..].starts_with(&REPLACEMENT),
        Byte::Plain | Byte::Escape => false,
    };
    if text == "null" || bytes.iter().enumerate().any(quote) {
        quoted(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
}

fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match BYTES[usize::from(byte)] {
            Byte::Plain | Byte::Quote => continue,
            Byte::Replacement if !bytes[at..].starts_with(&REPLACEMENT) => continue,
            _ => {}
        }
        let escape = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'"' | b'\\' => byte,
            _ => b'u',
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(&[b'\\', escape]);
        from = at + 1;
        if byte == REPLACEMENT[0] {
            out.extend_from_slice(b"fffd");
            from = at + REPLACEMENT.len();
        } else if escape == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8 in, UTF-8 out")
    }

    /// Reads a value back, as a logfmt parser does.
    fn read(encoded: &str) -> String {
        let Some(inner) = encoded.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return encoded.to_owned();
        };
        let mut out = String::new();
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            out.push(match c {
                '\\' => match chars.next().expect("an escape has a letter") {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).expect("hex")).expect("a character")
                    }
                    other => other,
                },
                plain => plain,
            });
        }
        out
    }

    #[test]
    fn quotes_what_must_be_quoted() {
        let check = |input: &str, expected: &str| assert_eq!(text(|out| value(input, out)), expected);
        check("plain", "plain");
        check("", "");
        check("null", "\"null\"");
        check("a b", "\"a b\"");
        check("a=b", "\"a=b\"");
        check("back\\slash", "back\\slash");
        check("say \"hi\"\\", r#""say \"hi\"\\""#);
        check("a\nb\r\t", r#""a\nb\r\t""#);
        check("\u{1}\u{7f}", r#""\u0001\u007f""#);
        check("né\u{fffd}", r#""né\ufffd""#);
        check("né", "né");
        check("<a&b>", "<a&b>");
    }

    #[test]
    fn keys_lose_what_they_may_not_hold() {
        let check = |prefix: &str, name: &str, expected: &str| {
            assert_eq!(text(|out| assert_eq!(key(prefix, name, out), !expected.is_empty())), expected);
        };
        check("context_", "a b=\"c\"", "context_abc");
        check("", "é\u{fffd}\u{7f}x", "éx");
        check("", " =\"", "");
    }

    proptest! {
        #[test]
        fn values_read_back(input in any::<String>()) {
            let encoded = text(|out| value(&input, out));
            prop_assert_eq!(read(&encoded), input);
        }

        #[test]
        fn a_value_is_one_token(input in any::<String>()) {
            let encoded = text(|out| value(&input, out));
            let quoted = encoded.starts_with('"') && encoded.len() > 1;
            prop_assert!(quoted || !encoded.contains([' ', '=', '"', '\n']));
            prop_assert!(!encoded.chars().any(|c| c < ' '));
        }

        #[test]
        fn keys_are_one_token(name in any::<String>()) {
            let encoded = text(|out| { key("context_", &name, out); });
            prop_assert!(!encoded.contains(|c: char| c <= ' ' || c == '=' || c == '"'));
        }
    }
}
