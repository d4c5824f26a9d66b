// Bytes as ASCII text that compresses nearly as well as the bytes do; base64 would cost a fifth more after brotli,
// because it breaks repeats apart. src/wasm.ts reads it back.

/** What the text is made of: printable ASCII without the two characters that a string literal would escape. */
const DIGITS = Array.from({ length: 95 }, (_, i) => 32 + i).filter((code) => code !== 34 && code !== 92);

/** How many of the digits, from the first, begin a pair; the others stand for one byte each. */
const ESCAPES = 2;

/**
 * The most frequent bytes become one digit, the rest a pair. Among the frequent ones a byte that is a digit stands for
 * itself, so that text stays text; the others take what is left, in order. The first 64 characters are the set of the
 * frequent ones, four to a hexadecimal digit, lowest first.
 * @param {Uint8Array} bytes
 */
export function pack(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte] += 1;
  const all = [...counts.keys()];
  const frequent = new Set([...all].sort((a, b) => counts[b] - counts[a]).slice(0, DIGITS.length - ESCAPES));
  const singles = DIGITS.slice(ESCAPES);
  const free = singles.filter((digit) => !frequent.has(digit));
  let pairs = 0;
  const codes = all.map((byte) => {
    if (!frequent.has(byte)) {
      const pair = pairs++;
      return String.fromCharCode(DIGITS[Math.floor(pair / DIGITS.length)], DIGITS[pair % DIGITS.length]);
    }
    return String.fromCharCode(singles.includes(byte) ? byte : free.shift());
  });
  const nibble = (at) => [0, 1, 2, 3].reduce((sum, i) => sum + (frequent.has(at + i) ? 1 << i : 0), 0).toString(16);
  const set = Array.from({ length: 64 }, (_, i) => nibble(i * 4)).join('');
  return set + Array.from(bytes, (byte) => codes[byte]).join('');
}
