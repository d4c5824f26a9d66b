// A tracer small enough to read: continues the caller's W3C trace with one server span, sent as OTLP/JSON in a Faro payload.

import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const nanos = () => (BigInt(Date.now()) * 1_000_000n).toString();
const text = (key, value) => ({ key, value: { stringValue: value } });

/**
 * Starts the span of one request; `end(statusCode)` sends it.
 * @param {{ service: string, collectUrl: string, method: string, route: string, traceparent?: string }} request
 */
export function serverSpan({ service, collectUrl, method, route, traceparent = '' }) {
  const [, traceId = randomBytes(16).toString('hex'), parentSpanId] = TRACEPARENT.exec(traceparent) ?? [];
  const spanId = randomBytes(8).toString('hex');
  const startTimeUnixNano = nanos();
  return {
    traceId,
    async end(statusCode) {
      const span = {
        traceId, spanId, parentSpanId, name: `${method} ${route}`, kind: 2, startTimeUnixNano, endTimeUnixNano: nanos(),
        attributes: [text('http.request.method', method), text('http.route', route),
          { key: 'http.response.status_code', value: { intValue: statusCode } }],
        status: { code: statusCode >= 500 ? 2 : 0 },
      };
      const resource = { attributes: [text('service.name', service)] };
      const body = {
        meta: { app: { name: service } },
        traces: { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'roastery' }, spans: [span] }] }] },
      };
      await fetch(collectUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
        .catch((error) => console.error(`the span was not sent: ${error.message}`));
    },
  };
}
