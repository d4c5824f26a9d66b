// Stack texts as frames, for code that asks for them itself; the agent parses those of what it captures on its own.

import type { ExceptionStackFrame, ExtendedError, Stacktrace } from './types.js';

/** A line longer than this is data, not a frame. */
const LONGEST = 1024;

/** Absent parts become what Faro writes for them. */
export function buildStackFrame(
  filename: string | undefined,
  func: string | undefined,
  lineno: number | undefined,
  colno: number | undefined,
): ExceptionStackFrame {
  const frame: ExceptionStackFrame = { filename: filename || document.location.href, function: func || '?' };
  if (lineno !== undefined) frame.lineno = lineno;
  if (colno !== undefined) frame.colno = colno;
  return frame;
}

/** Names the extension's scheme as the file where Safari writes it into the function. */
export function getDataFromSafariExtensions(
  func: string | undefined,
  filename: string | undefined,
): [func: string | undefined, filename: string | undefined] {
  const scheme = ['safari-extension', 'safari-web-extension'].find((one) => func?.includes(one));
  if (!scheme) return [func, filename];
  return [func?.includes('@') ? func.split('@')[0] : func, `${scheme}:${filename}`];
}

/** The frames of an error, innermost first; empty where its stack has none. */
export function getStackFramesFromError(error: ExtendedError): ExceptionStackFrame[] {
  const lines = String(error.stacktrace ?? error.stack ?? '').split('\n');
  return lines.filter((line) => line.length <= LONGEST).flatMap((line) => frame(line.trim()) ?? []);
}

export function parseStacktrace(error: ExtendedError): Stacktrace {
  return { frames: getStackFramesFromError(error) };
}

function frame(line: string): ExceptionStackFrame | undefined {
  return line.startsWith('at ') ? chromium(line.slice(3)) : line.includes('@') ? gecko(line) : undefined;
}

/** `fn (file:1:2)`, `file:1:2`, `fn (eval at outer (file:1:2), <anonymous>:3:4)`: the last one is of the outermost file. */
function chromium(text: string): ExceptionStackFrame | undefined {
  const open = text.indexOf(' (');
  const named = open >= 0 && text.endsWith(')');
  const func = named ? text.slice(0, open) : undefined;
  let place = named ? text.slice(open + 2, -1) : text.replace(/^(?:async|address at) /, '');
  if (place.startsWith('eval at ')) place = place.slice(place.lastIndexOf('(') + 1).replace(/\).*$/, '');
  const [file, line, column] = split(place);
  if (line === undefined && file !== 'native' && file !== '<anonymous>') return undefined;
  return build(func, file, line, column);
}

/** `fn@file:1:2`; with `file line 3 > eval:4:5` the line is that of the file. */
function gecko(text: string): ExceptionStackFrame | undefined {
  const scheme = text.search(/@(?:[\w-]+:\/\/|blob:|\/|\[native code\])/);
  const at = scheme >= 0 ? scheme : text.lastIndexOf('@');
  const [place, evaluated] = text.slice(at + 1).split(' line ');
  let [file, line, column] = split(place ?? '');
  if (evaluated) {
    line = Number.parseInt(evaluated, 10);
    [, , column] = split(text);
  }
  if (line === undefined && file !== '[native code]') return undefined;
  return build(text.slice(0, at), file, line, column);
}

function build(func: string | undefined, file: string, line: number | undefined, column: number | undefined): ExceptionStackFrame {
  const [name, filename] = getDataFromSafariExtensions(func, file);
  return buildStackFrame(filename, name, line, column);
}

/** A place and the one or two numbers at its end. */
function split(place: string): [file: string, line: number | undefined, column: number | undefined] {
  const [, file, line, column] = /^(.*?)(?::(\d+))?(?::(\d+))?$/.exec(place) ?? [];
  const number = (digits: string | undefined) => (digits === undefined ? undefined : Number(digits));
  return [file ?? place, number(line), number(column)];
}
