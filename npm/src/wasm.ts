// The agent's module, inlined by the build as the text that pack.mjs writes and decoded only when it is needed.

import file from '../wasm/farol_agent_bg.wasm';

/** Digits that begin a pair, as in pack.mjs. */
const ESCAPES = 2;

/** The bytes of the module. */
export function wasm(): Uint8Array<ArrayBuffer> {
  // wasm-bindgen leaves declarations of the exports beside the file; what the build hands over is its text.
  return unpack(file as unknown as string);
}

/** The bytes behind a packed text. */
export function unpack(text: string): Uint8Array<ArrayBuffer> {
  const sets: [number[], number[]] = [[], []];
  for (let byte = 0; byte < 256; byte++) sets[(parseInt(text.charAt(byte >> 2), 16) >> (byte & 3) & 1) as 0 | 1].push(byte);
  const [pairs, singles] = sets;
  const bytes = new Uint8Array(text.length);
  let at = 64;
  let length = 0;
  const digit = () => {
    const code = text.charCodeAt(at++);
    // The two characters that are left out.
    return code - 32 - +(code > 34) - +(code > 92);
  };
  while (at < text.length) {
    const first = digit();
    bytes[length++] = (first < ESCAPES ? pairs[first * 93 + digit()] : singles[first - ESCAPES]) as number;
  }
  return bytes.slice(0, length);
}
