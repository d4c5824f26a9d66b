// Flat records from OTLP JSON, for reading what a server stored.

/** The spans of OTLP trace data; ids are lower-case hex whether they came as hex or as base64, no parent is ''. */
export function flatSpans({ resourceSpans = [] }) {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope = {}, spans = [] }) =>
      spans.map((span) => ({
        ...span,
        traceId: hexId(span.traceId, 16),
        spanId: hexId(span.spanId, 8),
        parentSpanId: hexId(span.parentSpanId, 8),
        status: span.status ?? {},
        attributes: attributes(span.attributes),
        events: (span.events ?? []).map((event) => ({ ...event, attributes: attributes(event.attributes) })),
        links: (span.links ?? []).map((link) => ({
          ...link,
          traceId: hexId(link.traceId, 16),
          spanId: hexId(link.spanId, 8),
          attributes: attributes(link.attributes),
        })),
        resource: attributes(resource?.attributes),
        scope,
      })),
    ),
  );
}

/** The log records of OTLP log data, with their body as a plain value. */
export function flatLogs({ resourceLogs = [] }) {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope = {}, logRecords = [] }) =>
      logRecords.map((record) => ({
        ...record,
        traceId: hexId(record.traceId, 16),
        spanId: hexId(record.spanId, 8),
        body: plain(record.body),
        attributes: attributes(record.attributes),
        resource: attributes(resource?.attributes),
        scope,
      })),
    ),
  );
}

function attributes(list = []) {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

/** Integers travel as strings in OTLP JSON; they become numbers here, which is exact up to 2^53. */
function plain(value = {}) {
  if ('intValue' in value) return Number(value.intValue);
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(plain);
  if ('kvlistValue' in value) return attributes(value.kvlistValue.values);
  return Object.values(value)[0] ?? null;
}

// Hex of n bytes has 2n digits, base64 of 8 or 16 bytes has 12 or 24 characters with its padding: no length is both.
function hexId(id = '', bytes) {
  if (id === '') return '';
  return id.length === 2 * bytes ? id.toLowerCase() : Buffer.from(id, 'base64').toString('hex');
}
