// What the agent says about itself, on the console as it was before any patch.

import { InternalLoggerLevel } from './config.js';

export interface InternalLogger {
  readonly prefix: string;
  error(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  info(...args: unknown[]): void;
  debug(...args: unknown[]): void;
}

/** Silent above `level`; only errors are said by default. */
export function internalLogger(plain: Console, level: InternalLoggerLevel = InternalLoggerLevel.ERROR): InternalLogger {
  const prefix = 'Farol:';
  const say = (method: 'error' | 'warn' | 'info' | 'debug', least: number) => (...args: unknown[]): void => {
    if (level >= least) plain[method](prefix, ...args);
  };
  return { prefix, error: say('error', 1), warn: say('warn', 2), info: say('info', 3), debug: say('debug', 4) };
}
