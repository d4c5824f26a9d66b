// The agent's module, inlined by the build as the text that pack.mjs writes and decoded only when it is needed.

import file from '../wasm/farol_agent_bg.wasm';

/** The bytes of the module. */
export function wasm(): Uint8Array<ArrayBuffer> {
  // wasm-bindgen leaves declarations of the exports beside the file; what the build hands over is its text.
  return unpack(file as unknown as string);
}

/** The bytes behind a packed text. */
export function unpack(text: string): Uint8Array<ArrayBuffer> {
  // From a digit's code to its byte: those that stand for themselves, then the others in order.
  const singles: (number | undefined)[] = [];
  const others: number[] = [];
  const pairs: number[] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (!(parseInt(text.charAt(byte >> 2), 16) >> (byte & 3) & 1)) pairs.push(byte);
    else if (byte > 33 && byte < 127 && byte !== 34 && byte !== 92) singles[byte] = byte;
    else others.push(byte);
  }
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let code = 35; code < 127; code++) if (code !== 92) singles[code] ??= others.shift();
  for (let at = 64; at < text.length; at++) {
    const code = text.charCodeAt(at);
    let byte = singles[code];
    if (code < 34) {
      const next = text.charCodeAt(++at);
      // A digit's place: the two characters that are left out are not counted.
      byte = pairs[(code - 32) * 93 + next - 32 - +(next > 34) - +(next > 92)];
    }
    bytes[length++] = byte as number;
  }
  return bytes.slice(0, length);
}
