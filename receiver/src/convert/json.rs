//! JSON strings as Go's `encoding/json` writes them: safe inside HTML.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `parts` as one JSON string.
pub fn string(parts: [&str; 2], out: &mut Vec<u8>) {
    out.push(b'"');
    parts.into_iter().for_each(|part| escaped(part.as_bytes(), out));
    out.push(b'"');
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..=0x1f | b'<' | b'>' | b'&' => b'u',
            // U+2028 and U+2029 end a line in JavaScript.
            0xE2 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) => b'u',
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(&[b'\\', escape]);
        from = at + 1;
        if byte == 0xE2 {
            out.extend_from_slice(&[b'2', b'0', b'2', HEX[usize::from(bytes[at + 2] & 15)]]);
            from = at + 3;
        } else if escape == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(input: &str) -> String {
        let mut out = Vec::new();
        string([input, ""], &mut out);
        String::from_utf8(out).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn escapes_as_go_does() {
        let check = |input: &str, expected: &str| assert_eq!(text(input), expected);
        check("<a href=\"x\">&</a>", r#""\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e""#);
        check("\u{8}\u{c}\n\r\t\u{1}\u{7f}", "\"\\b\\f\\n\\r\\t\\u0001\u{7f}\"");
        check("a\u{2028}b\u{2029}â€", "\"a\\u2028b\\u2029â€\"");
    }

    proptest! {
        #[test]
        fn strings_read_back(input in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&text(&input)).expect("JSON"), input);
        }
    }
}
