//! gzip in one go, for what must leave before the page does: LZ77 with one candidate for each hash, and the fixed codes
//! of RFC 1951, 3.2.6. Telemetry shrinks to a sixth, in half a kilobyte of code.

use crate::json;

/// Bits of the hash of three bytes.
const HASH_BITS: u32 = 12;
/// How far back a match may be, and how long; 258 would have a code of its own.
const WINDOW: usize = 1 << 15;
const LONGEST: usize = 257;
const SHORTEST: usize = 3;
const END: u32 = 256;

/// Bits on their way into bytes, the lowest first.
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.held |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            json::put(&mut self.out, &[self.held as u8]);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A code: of these the highest bit comes first.
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    /// A literal byte, the end, or the start of a match.
    fn symbol(&mut self, symbol: u32) {
        let (base, count) = match symbol {
            0..=143 => (0x30, 8),
            144..=255 => (0x190 - 144, 9),
            256..=279 => (0_u32.wrapping_sub(256), 7),
            _ => (0xc0_u32.wrapping_sub(280), 8),
        };
        self.code(symbol.wrapping_add(base), count);
    }

    /// A match: its length and how far back it is, each as a code for its size and the bits below that.
    fn copy(&mut self, length: usize, back: usize) {
        let sizes = |value: usize, free: u32| {
            let extra = (usize::BITS - value.leading_zeros()).saturating_sub(free);
            (extra, (value >> extra) as u32, (value & ((1 << extra) - 1)) as u32)
        };
        let (extra, top, rest) = sizes(length - SHORTEST, 3);
        self.symbol(END + 1 + 4 * extra + top);
        self.put(rest, extra);
        let (extra, top, rest) = sizes(back - 1, 2);
        self.code(2 * extra + top, 5);
        self.put(rest, extra);
    }
}

/// The gzip file of `bytes`.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // No name, no time, no system: ten bytes (RFC 1952, 2.3).
    let mut bits = Bits { out: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], held: 0, count: 0 };
    // The last block, and its codes are the fixed ones.
    bits.put(3, 3);
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    // Where each hash was seen last, counted from 1.
    let mut seen = [0; 1 << HASH_BITS];
    let mut crc = u32::MAX;
    // Three bytes, the last of them two ahead.
    let mut three = u32::from(byte(0)) << 8 | u32::from(byte(1));
    // What is before this was copied already.
    let mut copied = 0;
    for at in 0..bytes.len() {
        crc ^= u32::from(byte(at));
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
        three = three << 8 | u32::from(byte(at + 2));
        let hash = (three << 8).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS);
        let before = seen.get_mut(hash as usize).map_or(0, |place| std::mem::replace(place, at + 1));
        if at < copied {
            continue;
        }
        let back = at + 1 - before;
        let mut length = 0;
        if before > 0 && back <= WINDOW {
            while length < LONGEST && at + length < bytes.len() && byte(at + length) == byte(before - 1 + length) {
                length += 1;
            }
        }
        if length < SHORTEST {
            bits.symbol(u32::from(byte(at)));
        } else {
            bits.copy(length, back);
            copied = at + length;
        }
    }
    bits.symbol(END);
    // Fills the last byte.
    bits.put(0, 7);
    json::put(&mut bits.out, &(!crc).to_le_bytes());
    json::put(&mut bits.out, &(bytes.len() as u32).to_le_bytes());
    bits.out
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use std::io::Read;

    fn check(bytes: &[u8]) -> usize {
        let packed = gzip(bytes);
        let mut read = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut read).expect("gzip");
        assert_eq!(read, bytes);
        packed.len()
    }

    #[test]
    fn a_batch_shrinks_to_a_sixth() {
        let event = |i: u32| {
            format!(
                r#"{{"name":"order_placed","domain":"browser","attributes":{{"product":"p{i}","seconds":"{}"}},"timestamp":"2026-11-21T01:13:{:02}.{:03}Z"}},"#,
                i * 37 % 91,
                i % 60,
                i * 7 % 1000
            )
        };
        let batch: String = (0..300).map(event).collect();
        let packed = check(batch.as_bytes());
        assert!(packed * 6 < batch.len(), "{packed} of {}", batch.len());
    }

    #[test]
    fn the_longest_and_the_farthest_match() {
        check(b"");
        check(b"a");
        check(&[b'x'; 1_000]);
        for length in [3, 4, 10, 11, 12, 18, 19, 130, 131, 257, 258, 259] {
            let unit: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            check(&[&unit[..], &[0xff; 5], &unit[..]].concat());
        }
        let noise =
            |length: usize| (0..length).map(|i| ((i * i) >> 7) as u8 ^ (i as u8).rotate_left(3)).collect::<Vec<u8>>();
        for back in [1, 4, 5, 8, 9, 32_767, 32_768, 32_769, 40_000] {
            check(&[b"needle in it", &noise(back)[..], b"needle in it"].concat());
        }
        check(&(0..=255).collect::<Vec<u8>>());
    }

    proptest! {
        #[test]
        fn everything_comes_back(parts in proptest::collection::vec((any::<u8>(), 1_usize..400), 0..40), bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let runs: Vec<u8> = parts.iter().flat_map(|(byte, times)| std::iter::repeat_n(*byte, *times)).collect();
            check(&[&runs[..], &bytes, &runs, &bytes].concat());
        }
    }
}
