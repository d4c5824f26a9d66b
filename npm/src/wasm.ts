// The agent's module, inlined by the build as the text that pack.mjs makes of it, and put together only when it is needed.

import file from '../wasm/farol_agent_bg.wasm';
import unpacker from '../wasm/unpack.wasm';

interface Unpacker {
  memory: WebAssembly.Memory;
  /** Where the text is to be put; with its length: how long the module is that then stands 128 KiB behind it. */
  unpack(length: number): number;
}

/** The bytes of the module. Throws where the page's CSP forbids wasm. */
export function wasm(): Uint8Array<ArrayBuffer> {
  // wasm-bindgen leaves declarations of the exports beside the file; what the build hands over is text.
  const [text, base64] = [file, unpacker] as unknown as string[];
  const code = Uint8Array.from(atob(base64 as string), (char) => char.charCodeAt(0));
  const { memory, unpack } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as unknown as Unpacker;
  const start = unpack(0);
  const { written } = new TextEncoder().encodeInto(text as string, new Uint8Array(memory.buffer, start));
  return new Uint8Array(memory.buffer, start + (1 << 17), unpack(written));
}
