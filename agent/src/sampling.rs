//! Chance: the generator behind ids, jitter and the sampling of sessions. Not for secrets.

use crate::json;

/// xoroshiro128++, seeded from the browser's own generator: 2^128 states, so that two pages never share ids.
pub struct Chance {
    low: u64,
    high: u64,
}

impl Chance {
    /// A generator that starts from `seed`. Any seed will do, all zero too.
    pub fn new(seed: [u64; 2]) -> Self {
        let [low, high] = seed;
        // The all-zero state is the only one that never changes.
        Chance { low: low | u64::from(low | high == 0), high }
    }

    fn next(&mut self) -> u64 {
        let (low, high) = (self.low, self.high ^ self.low);
        let result = low.wrapping_add(self.high).rotate_left(17).wrapping_add(low);
        self.low = low.rotate_left(49) ^ high ^ (high << 21);
        self.high = high.rotate_left(28);
        result
    }

    /// From 0 to 1, 1 left out.
    pub fn roll(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something sampled at `rate` is kept. What is not a number keeps nothing, as in Faro.
    pub fn keeps(&mut self, rate: f64) -> bool {
        self.roll() < rate
    }

    /// An id of `length` letters and digits without the three that are easily misread; Faro's alphabet.
    pub fn short_id(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 59] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
        self.id(length, LETTERS)
    }

    /// An id of 16 or 32 lower-case hex digits, never all zero.
    pub fn hex_id(&mut self, digits: usize) -> String {
        // The first digit is never 0, which costs nothing that matters.
        let mut id = self.id(digits, b"0123456789abcdef").into_bytes();
        if let Some(first @ b'0') = id.first_mut() {
            *first = b'1';
        }
        json::into_text(id)
    }

    fn id(&mut self, length: usize, letters: &[u8]) -> String {
        let mut id = Vec::with_capacity(length);
        for _ in 0..length {
            let at = (self.next() >> 32) as usize % letters.len().max(1);
            id.push(letters.get(at).copied().unwrap_or(b'a'));
        }
        json::into_text(id)
    }

    /// The id of a page view's web vitals: a time and twelve digits of chance behind it. With one digit more it is as
    /// web-vitals makes them.
    pub fn vital_id(&mut self, now: f64) -> String {
        let mut id = b"v6-".to_vec();
        json::put(&mut id, json::decimal(now as u64).as_bytes());
        json::put(&mut id, b"-");
        json::put(&mut id, json::decimal((self.roll() * 9e11 + 1e11) as u64).as_bytes());
        json::into_text(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_have_their_length_and_alphabet_and_do_not_repeat() {
        let mut chance = Chance::new([0, 0]);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let id = chance.hex_id(32);
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
            assert!(seen.insert(id));
            let id = chance.short_id(10);
            assert!(id.len() == 10 && !id.contains(['l', 'I', 'O']), "{id}");
            assert!(seen.insert(id));
        }
        assert_eq!(chance.hex_id(16).len(), 16);
        assert!(chance.vital_id(1_795_223_618_015.0).starts_with("v6-1795223618015-"));
    }

    #[test]
    fn keeps_the_share_it_is_told() {
        let mut chance = Chance::new([7, 9]);
        let mut kept = |rate: f64| (0..10_000).filter(|_| chance.keeps(rate)).count();
        assert_eq!((kept(0.0), kept(1.0), kept(f64::NAN)), (0, 10_000, 0));
        assert!((2_300..2_700).contains(&kept(0.25)));
    }
}
