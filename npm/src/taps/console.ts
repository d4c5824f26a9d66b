// Console calls as logs, and console.error as an exception, as in Faro.

import { LogLevel } from '../config.js';
import { tap } from '../guard.js';
import type { Reach } from '../instrumentations.js';
import { pass, patch, type Undo } from '../patch.js';
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
      patch(console, level, function around(call) {
        tap(() => {
          if (level === LogLevel.ERROR && !consoleErrorAsLog) fail(reach, call.args, serialize, around);
          else agent.log(level, serialize(call.args), undefined);
        });
        return pass(call);
      }),
    );
  return () => stops.forEach((stop) => stop());
}

/** The first Error among the arguments lends type and frames; without one the caller's stack does. */
function fail(reach: Reach, args: unknown[], serialize: (args: unknown[]) => string, around: object): void {
  const error = args.find(isError);
  const text = error
    ? args.length === 1 ? error.message : serialize(args.map((arg) => (isError(arg) ? errorHead(arg) : arg)))
    : serialize(args);
  const found = error ? thrown(error) : { type: 'Error', stack: callerStack(around) };
  reach.report({ ...found, value: 'console.error: ' + text });
}

/** The stack above the patched console method. */
function callerStack(around: object): string {
  const holder: { stack?: string } = {};
  const { captureStackTrace } = Error as { captureStackTrace?: (holder: object, above: object) => void };
  if (captureStackTrace) captureStackTrace(holder, around);
  return holder.stack ?? '';
}
