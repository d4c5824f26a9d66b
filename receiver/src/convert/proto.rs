//! Protobuf, written straight into one buffer: the little that conversion needs of it. Field numbers are under 16.

/// Appends a number in base 128.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that [`varint`] takes.
pub fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes of a field of `len` bytes, with its tag.
pub fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Opens a field of `len` bytes.
pub fn open(number: u8, len: usize, out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(len as u64, out);
}

/// Appends a field of bytes.
pub fn bytes(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    open(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends a text, unless it is empty, which is the same as absent.
pub fn text(number: u8, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        bytes(number, text.as_bytes(), out);
    }
}

/// Appends a number, unless it is 0.
pub fn uint(number: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(number << 3);
        varint(value, out);
    }
}

/// Appends a number of eight bytes, unless it is 0.
pub fn fixed64(number: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(number << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a field that `write` fills.
pub fn message(number: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    /// Most messages take from 128 to 16,383 bytes: for these nothing is moved.
    const GUESS: usize = 2;
    out.push(number << 3 | 2);
    let start = out.len();
    out.extend_from_slice(&[0; GUESS]);
    write(out);
    let len = out.len() - start - GUESS;
    let width = varint_len(len as u64);
    if width > GUESS {
        out.resize(out.len() + width - GUESS, 0);
    }
    if width != GUESS {
        out.copy_within(start + GUESS..start + GUESS + len, start + width);
    }
    out.truncate(start + width + len);
    for (place, byte) in out[start..start + width].iter_mut().enumerate() {
        let more = if place + 1 < width { 0x80 } else { 0 };
        *byte = (len >> (7 * place)) as u8 & 0x7f | more;
    }
}

/// Appends an id of `N` bytes from its hex, or nothing when it is no such id or all zero.
pub fn id<const N: usize>(number: u8, hex: &str, out: &mut Vec<u8>) {
    let mut id = [0; N];
    if hex.len() != 2 * N {
        return;
    }
    for (byte, digits) in id.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        match (digit(digits[0]), digit(digits[1])) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return,
        }
    }
    if id.iter().any(|byte| *byte != 0) {
        bytes(number, &id, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_messages_are_right_at_every_width() {
        for len in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = vec![9];
            message(3, &mut out, |out| out.extend((0..len).map(|n| n as u8)));
            let mut expected = vec![9];
            let content: Vec<u8> = (0..len).map(|n| n as u8).collect();
            bytes(3, &content, &mut expected);
            assert!(out == expected, "{len}");
            assert_eq!(out.len() - 1, field_len(len));
        }
    }

    #[test]
    fn varints_are_as_long_as_they_say() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value));
            assert_eq!(prost::encoding::decode_varint(&mut &*out), Ok(value));
        }
    }

    #[test]
    fn ids_are_whole_and_not_zero() {
        let check = |hex: &str, expected: &[u8]| {
            let mut out = Vec::new();
            id::<8>(1, hex, &mut out);
            assert_eq!(out.get(2..).unwrap_or_default(), expected, "{hex}");
        };
        check("00f067aa0ba902B7", &[0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        for bad in
            ["", "0000000000000000", "00f067aa0ba902b", "00f067aa0ba902b70", "00f067aa0ba902bg", "+0f067aa0ba902b7"]
        {
            check(bad, &[]);
        }
    }
}
