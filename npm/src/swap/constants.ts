// Faro's constants, under its names and with its values.

export { InternalLoggerLevel, LogLevel, TransportItemType } from '../index.js';
import { InternalLoggerLevel, LogLevel, TransportItemType } from '../index.js';

export const EVENT_CLICK = 'click';
export const EVENT_NAVIGATION = 'navigation';
export const EVENT_VIEW_CHANGED = 'view_changed';
export const EVENT_SESSION_START = 'session_start';
export const EVENT_SESSION_RESUME = 'session_resume';
export const EVENT_SESSION_EXTEND = 'session_extend';
export const EVENT_OVERRIDES_SERVICE_NAME = 'service_name_override';
export const EVENT_ROUTE_CHANGE = 'route_change';

export const STORAGE_KEY = 'com.grafana.faro.session';
/** Milliseconds. */
export const SESSION_EXPIRATION_TIME = 4 * 60 * 60 * 1000;
/** Milliseconds. */
export const SESSION_INACTIVITY_TIME = 15 * 60 * 1000;
/** Milliseconds. */
export const MAX_SESSION_PERSISTENCE_TIME = SESSION_INACTIVITY_TIME;

export const defaultEventDomain = 'browser';
export const defaultExceptionType = 'Error';
export const defaultGlobalObjectKey = 'faro';
/** Where the Faro SDK itself leaves its instance. */
export const internalGlobalObjectKey = '_faroInternal';
export const defaultInternalLoggerLevel = InternalLoggerLevel.ERROR;
export const defaultLogLevel = LogLevel.LOG;
export const defaultBatchingConfig = { enabled: true, sendTimeout: 250, itemLimit: 50 };
export const allLogLevels: LogLevel[] = ['trace', 'debug', 'info', 'log', 'warn', 'error'];
export const unknownString = 'unknown';
export const userActionDataAttribute = 'data-faro-user-action-name';
export const userActionTimeoutDataAttribute = 'data-faro-user-action-timeout';

/** The member of a body that holds the items of a type. */
export const transportItemTypeToBodyKey = {
  [TransportItemType.EXCEPTION]: 'exceptions',
  [TransportItemType.LOG]: 'logs',
  [TransportItemType.MEASUREMENT]: 'measurements',
  [TransportItemType.TRACE]: 'traces',
  [TransportItemType.EVENT]: 'events',
} as const;

/** States of a user action. */
export const UserActionState = { Started: 0, Halted: 1, Cancelled: 2, Ended: 3 } as const;
export type UserActionState = (typeof UserActionState)[keyof typeof UserActionState];

/** How much a user action matters. */
export const UserActionImportance = { Normal: 'normal', Critical: 'critical' } as const;
export type UserActionImportance = (typeof UserActionImportance)[keyof typeof UserActionImportance];
