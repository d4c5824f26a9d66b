// The agent's module as ASCII text that compresses better than the module does. agent/unpack puts it together again.
//
// First the code is taken apart: opcodes and each kind of operand get a stream of their own, so that alike stands beside
// alike and brotli finds a tenth more to share. Then each byte becomes a character, or two if it is rare; base64 would
// cost a fifth after brotli, because it breaks repeats apart.

/** The streams, in their order. What is before and after the code are the last two. */
const [OPCODES, LABELS, CALLS, LOCALS, REST, OFFSETS, INTS, LONGS, FLOATS, SLOTS] = Array(10).keys();

/** What an opcode has beside it, where it is not the stream of its one operand or nothing. */
const END = 10;
const BLOCK = 11;
const ALIGNED = 12;
const UNALIGNED = 16;
const FLOAT = 17;
const COUNTED = 18;

/** Loads and stores are the opcodes from here on. These are their alignments, unless they say otherwise. */
const LOAD = 40;
const NATURAL = [2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2];
/** One that says otherwise is moved up by this. */
const MOVED = 184;

/** The table that goes before the streams: by opcode. */
const KINDS = new Uint8Array(256);
NATURAL.forEach((alignment, i) => {
  KINDS[LOAD + i] = ALIGNED + alignment;
  KINDS[LOAD + i + MOVED] = UNALIGNED;
});
[2, 3, 4].forEach((block) => (KINDS[block] = BLOCK));
[12, 13].forEach((branch) => (KINDS[branch] = LABELS));
[32, 33, 34].forEach((local) => (KINDS[local] = LOCALS));
[35, 36, 37, 38, 63, 64, 208].forEach((rare) => (KINDS[rare] = REST));
[14, 17, 252].forEach((several) => (KINDS[several] = COUNTED));
KINDS.set([END], 11);
KINDS.set([CALLS], 16);
KINDS.set([INTS, LONGS], 65);
KINDS.set([FLOAT], 68);

/** Opcodes without any operand. */
const isPlain = (opcode) => (opcode > 68 && opcode < 197) || [0, 1, 5, 15, 26, 27].includes(opcode);

/**
 * @param {Uint8Array} bytes a module as wasm-opt writes it: every length in as few bytes as can be
 * @returns {string}
 */
export function pack(bytes) {
  return text(split(bytes));
}

/** The table, the lengths of the streams, and the streams. */
function split(bytes) {
  let at = 8;
  const one = () => bytes[at++];
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = one();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  // The code section has the number 10.
  while (one() !== 10) {
    const length = number();
    at += length;
  }
  const end = number() + at;
  const bodies = number();
  const head = bytes.subarray(0, at);
  const streams = Array.from({ length: 10 }, () => []);
  const take = (stream, read = number) => {
    const from = at;
    const value = read();
    streams[stream].push(...bytes.subarray(from, at));
    return value;
  };
  /** Operands of any number: that is put before them. */
  const counted = (opcode) => {
    const before = streams[REST].push(0) - 1;
    let count = 2;
    if (opcode === 14) for (let labels = (count += take(REST)) - 1; labels > 0; labels--) take(REST);
    else if (opcode === 17) [REST, REST].forEach((rest) => take(rest));
    else {
      // Conversions have no operand; of memory and tables init and copy have two, the others one.
      const code = take(REST);
      count = 1 + (code > 7) + (code > 7 && code < 15 && code % 2 === 0);
      for (let operands = 1; operands < count; operands++) take(REST);
    }
    streams[REST][before] = count;
  };
  for (let body = 0; body < bodies; body++) {
    const until = number() + at;
    for (let groups = take(SLOTS); groups > 0; groups--) [SLOTS, SLOTS].forEach((slots) => take(slots));
    while (at < until) {
      const opcode = take(OPCODES, one);
      const kind = KINDS[opcode];
      if (opcode >= LOAD && opcode < LOAD + NATURAL.length) {
        if (bytes[at] === NATURAL[opcode - LOAD]) at += 1;
        else {
          streams[OPCODES].push(streams[OPCODES].pop() + MOVED);
          take(REST);
        }
        take(OFFSETS);
      } else if (kind === BLOCK) take(LABELS);
      else if (kind === FLOAT) take(FLOATS, () => (at += 8));
      else if (kind === COUNTED) counted(opcode);
      else if (kind && kind < END) take(kind);
      else if (kind !== END && !isPlain(opcode)) throw new Error(`opcode ${opcode} is not known here`);
    }
    if (at !== until) throw new Error(`function ${body} does not end where it says`);
  }
  if (at !== end) throw new Error('the code does not end where it says');
  const parts = [...streams, head, bytes.subarray(end)];
  const lengths = parts.flatMap(({ length }) => [length % 256, length >> 8]);
  return Uint8Array.from([KINDS, lengths, ...parts].flatMap((part) => [...part]));
}

/** Printable ASCII without the two characters that a string literal would escape. */
const DIGITS = Array.from({ length: 95 }, (_, i) => 32 + i).filter((code) => code !== 34 && code !== 92);

/** Bytes below LOW and those behind the GAP are one character, which is nine in ten; the rest are two, led by one of ESCAPES. */
const ESCAPES = 2;
const LOW = 67;
const GAP = 38;

/** Bytes as characters. */
function text(bytes) {
  const pairs = DIGITS.length - ESCAPES;
  const digits = (...places) => String.fromCharCode(...places.map((place) => DIGITS[place]));
  const codes = Array.from({ length: 256 }, (_, byte) => {
    const place = byte < LOW ? byte : byte - GAP;
    const isRare = place < LOW ? byte >= LOW : place >= pairs;
    const rank = byte < LOW + GAP ? byte - LOW : byte - pairs;
    return isRare ? digits(Math.floor(rank / DIGITS.length), rank % DIGITS.length) : digits(place + ESCAPES);
  });
  const packed = Array.from(bytes, (byte) => codes[byte]).join('');
  if (packed.length >= 1 << 16) throw new Error('the text is longer than the 64 KiB that agent/unpack has for it');
  return packed;
}
