// How the build hands over a .wasm file.

declare module '*.wasm' {
  const base64: string;
  export default base64;
}
