//! Puts the agent's module together from the text that a script carries: the inverse of `npm/pack.mjs`, which says
//! what the text is.
//!
//! A module of its own, because a page runs this once: in JavaScript, which no compiler has seen by then, it takes
//! a third of the agent's start.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use wasm_bindgen::prelude::wasm_bindgen;

/// All memory there is, from its start: the text, the parts that it stands for, the module.
const SIZE: usize = 1 << 18;
static MEMORY: [AtomicU8; SIZE] = [const { AtomicU8::new(0) }; SIZE];
const PARTS: usize = 1 << 16;
const MODULE: usize = 1 << 17;

/// The parts begin with a table of what each opcode has beside it, and with the length of each stream.
const LENGTHS: usize = PARTS + 256;
const STREAMS: usize = 12;
const LABELS: usize = 1;
const REST: usize = 4;
const OFFSETS: usize = 5;
const FLOATS: usize = 8;
const SLOTS: usize = 9;
const HEAD: usize = 10;
const TAIL: usize = 11;

fn get(at: usize) -> u8 {
    MEMORY[at % SIZE].load(Relaxed)
}

fn set(at: usize, byte: u8) {
    MEMORY[at % SIZE].store(byte, Relaxed);
}

/// Without a length: where the text is to be put. With the text's length: puts the module together, 128 KiB behind
/// that, and says how long it is.
#[wasm_bindgen]
pub fn unpack(length: usize) -> usize {
    if length == 0 {
        return MEMORY.as_ptr() as usize;
    }
    let (mut at, mut to) = (0, PARTS);
    let digit = |at: usize| {
        let code = usize::from(get(at));
        code - 32 - usize::from(code > 34) - usize::from(code > 92)
    };
    while at < length {
        let mut byte = digit(at);
        if byte < 2 {
            at += 1;
            byte = byte * 93 + digit(at);
            byte += if byte < 38 { 67 } else { 91 };
        } else {
            byte += if byte < 69 { 0 } else { 38 };
            byte -= 2;
        }
        set(to, byte as u8);
        at += 1;
        to += 1;
    }
    Join::new().run()
}

struct Join {
    /// Where each stream is read next, and where the last one ends.
    places: [usize; 16],
    to: usize,
}

impl Join {
    fn new() -> Self {
        let mut places = [LENGTHS + 2 * STREAMS; 16];
        for part in 0..STREAMS {
            let length = LENGTHS + 2 * part;
            places[part + 1] = places[part] + usize::from(get(length)) + usize::from(get(length + 1)) * 256;
        }
        Join { places, to: MODULE }
    }

    fn put(&mut self, byte: u8) {
        set(self.to, byte);
        self.to += 1;
    }

    /// Copies a byte of a stream.
    #[inline(never)]
    fn one(&mut self, stream: usize) -> u8 {
        let place = &mut self.places[stream % 16];
        let byte = get(*place);
        *place += 1;
        self.put(byte);
        byte
    }

    /// Copies a number of a stream; the last byte is the number where it has but one.
    #[inline(never)]
    fn take(&mut self, stream: usize) -> u8 {
        loop {
            let byte = self.one(stream);
            if byte < 128 {
                return byte;
            }
        }
    }

    #[inline(never)]
    fn whole(&mut self, stream: usize, end: usize) {
        while self.places[stream % 16] < end {
            self.one(stream);
        }
    }

    fn run(mut self) -> usize {
        let [.., head, tail, end, _, _, _] = self.places;
        self.whole(HEAD, tail);
        // Every function begins with its declarations, so their stream ends with the last function.
        while self.places[SLOTS] < head {
            self.function();
        }
        self.whole(TAIL, end);
        self.to - MODULE
    }

    fn function(&mut self) {
        let start = self.to;
        self.to += 3;
        for _ in 0..self.take(SLOTS) * 2 {
            self.take(SLOTS);
        }
        let mut depth = 1;
        while depth > 0 {
            let opcode = self.one(0);
            match get(PARTS + usize::from(opcode)) {
                stream @ 1..=9 => _ = self.take(stream.into()),
                10 => depth -= 1,
                11 => {
                    depth += 1;
                    self.take(LABELS);
                }
                alignment @ 12..=15 => {
                    self.put(alignment - 12);
                    self.take(OFFSETS);
                }
                16 => {
                    self.to -= 1;
                    self.put(opcode - 184);
                    self.take(REST);
                    self.take(OFFSETS);
                }
                17 => {
                    for _ in 0..8 {
                        self.one(FLOATS);
                    }
                }
                18 => {
                    // How many there are stands before them.
                    let count = self.one(REST);
                    self.to -= 1;
                    for _ in 0..count {
                        self.take(REST);
                    }
                }
                _ => {}
            }
        }
        // The length of the body goes before it, and the body moves up to that.
        let end = self.to;
        let mut length = end - start - 3;
        self.to = start;
        while length > 127 {
            self.put(length as u8 | 128);
            length /= 128;
        }
        self.put(length as u8);
        for at in start + 3..end {
            self.put(get(at));
        }
    }
}
