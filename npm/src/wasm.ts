// The agent's module, inlined by the build as base64 and decoded only when it is needed.

import file from '../wasm/farol_agent_bg.wasm';

/** The bytes of the module. */
export function wasm(): Uint8Array<ArrayBuffer> {
  // wasm-bindgen leaves declarations of the exports beside the file; what esbuild hands over is its text.
  const base64 = file as unknown as string;
  const { fromBase64 } = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (fromBase64) return fromBase64.call(Uint8Array, base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
