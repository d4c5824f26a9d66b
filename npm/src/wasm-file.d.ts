// How the build hands over a .wasm file.

declare module '*.wasm' {
  const text: string;
  export default text;
}
