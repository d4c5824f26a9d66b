// What custom instrumentations and transports extend, and how they get what Faro gives them.

import { InternalLoggerLevel } from './constants.js';
import type {
  API,
  Config,
  Extension,
  Faro,
  Instrumentation,
  InternalLogger,
  Metas,
  Patterns,
  Transport,
  TransportItem,
  Transports,
  UnpatchedConsole,
} from './types.js';

export const defaultUnpatchedConsole: UnpatchedConsole = { ...console };

/** Silent above `level`. */
export function createInternalLogger(
  plain: UnpatchedConsole = defaultUnpatchedConsole,
  level: InternalLoggerLevel = InternalLoggerLevel.ERROR,
): InternalLogger {
  const prefix = 'Farol:';
  const say = (method: 'error' | 'warn' | 'info' | 'debug', least: number) => (...args: unknown[]) => {
    if (level >= least) plain[method](prefix, ...args);
  };
  return { prefix, error: say('error', 1), warn: say('warn', 2), info: say('info', 3), debug: say('debug', 4) };
}

export abstract class BaseExtension implements Extension {
  abstract readonly name: string;
  abstract readonly version: string;
  unpatchedConsole: UnpatchedConsole = defaultUnpatchedConsole;
  internalLogger: InternalLogger = createInternalLogger();
  config = {} as Config;
  metas = {} as Metas;

  logDebug(...args: unknown[]): void {
    this.internalLogger.debug(`${this.name}\n`, ...args);
  }

  logInfo(...args: unknown[]): void {
    this.internalLogger.info(`${this.name}\n`, ...args);
  }

  logWarn(...args: unknown[]): void {
    this.internalLogger.warn(`${this.name}\n`, ...args);
  }

  logError(...args: unknown[]): void {
    this.internalLogger.error(`${this.name}\n`, ...args);
  }
}

export abstract class BaseInstrumentation extends BaseExtension implements Instrumentation {
  api = {} as API;
  transports = {} as Transports;
  abstract initialize(): void;
}

export abstract class BaseTransport extends BaseExtension implements Transport {
  abstract send(items: TransportItem | TransportItem[]): void | Promise<void>;

  isBatched(): boolean {
    return false;
  }

  getIgnoreUrls(): Patterns {
    return [];
  }
}

/** Gives an extension what it may use. */
export function equip(extension: Extension, { unpatchedConsole, internalLogger, config, metas, api, transports }: Faro): void {
  Object.assign(extension, { unpatchedConsole, internalLogger, config, metas });
  if ('initialize' in extension) Object.assign(extension, { api, transports });
}
