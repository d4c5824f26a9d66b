// Bytes as ASCII text that compresses nearly as well as the bytes do; base64 would cost a fifth more after brotli,
// because it breaks repeats apart. src/wasm.ts reads it back.

/** What the text is made of: printable ASCII without the two characters that a string literal would escape. */
const DIGITS = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter((c) => c !== '"' && c !== '\\');

/** How many digits begin a pair; the others stand for one byte each. */
const ESCAPES = 2;

/**
 * The most frequent bytes become one character, the rest a pair. The first 64 characters are the set of the
 * frequent ones, four to a hexadecimal digit, lowest first.
 * @param {Uint8Array} bytes
 */
export function pack(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte] += 1;
  const order = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
  const frequent = new Set(order.slice(0, DIGITS.length - ESCAPES));
  const codes = [];
  let single = ESCAPES;
  let pair = 0;
  let set = '';
  for (let byte = 0; byte < 256; byte += 1) {
    if (byte % 4 === 0) set += [0, 1, 2, 3].reduce((sum, i) => sum + (frequent.has(byte + i) ? 1 << i : 0), 0).toString(16);
    if (frequent.has(byte)) codes.push(DIGITS[single++]);
    else {
      codes.push(DIGITS[Math.floor(pair / DIGITS.length)] + DIGITS[pair % DIGITS.length]);
      pair += 1;
    }
  }
  return set + Array.from(bytes, (byte) => codes[byte]).join('');
}
