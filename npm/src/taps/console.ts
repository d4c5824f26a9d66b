// Console calls as logs, and console.error as an exception, as in Faro.

import { LogLevel } from '../config.js';
import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { pass, patch, type Call, type Undo } from '../patch.js';
import { errorHead, isError, render } from '../render.js';
import { thrown } from '../thrown.js';

/** Levels that are left alone unless asked for. */
const QUIET: readonly LogLevel[] = [LogLevel.DEBUG, LogLevel.TRACE, LogLevel.LOG];

export function start(reach: Reach): Undo {
  const { agent, config } = reach;
  const { disabledLevels = QUIET, consoleErrorAsLog } = config.consoleInstrumentation ?? {};
  const serialize = config.logArgsSerializer ?? render;
  // Only captured levels are patched: on the others devtools keeps pointing at the page's own line.
  const stops = Object.values(LogLevel)
    .filter((level) => !disabledLevels.includes(level))
    .map((level) =>
      patch(console, level, (call) => {
        tap(() => {
          if (level === LogLevel.ERROR && !consoleErrorAsLog) fail(reach, call, serialize);
          else agent.log(level, serialize(call.args), undefined);
        });
        return pass(call);
      }),
    );
  return () => stops.forEach((stop) => stop());
}

/** The first Error among the arguments lends type and frames; without one the caller's stack does. */
function fail(reach: Reach, { args, entry }: Call, serialize: (args: unknown[]) => string): void {
  const error = args.find(isError);
  const found = error ? thrown(error) : { type: 'Error', value: '', stack: callerStack(entry) };
  const alone = error && args.length === 1;
  const text = alone ? found.value : serialize(error ? args.map((arg) => (isError(arg) ? errorHead(arg) : arg)) : args);
  reach.report({ ...found, value: 'console.error: ' + text });
}

/** The page's part of the stack; '' in engines that cannot cut off ours. */
function callerStack(entry: object): string {
  const holder: { stack?: string } = {};
  const { captureStackTrace } = Error as { captureStackTrace?: (holder: object, above: object) => void };
  captureStackTrace?.(holder, entry);
  return holder.stack ?? '';
}
