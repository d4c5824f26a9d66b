// Spans of the page's own in Chromium: by our calls, by Faro's getOTEL, and by code written against @opentelemetry/api.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { build } from 'esbuild';
import { eventually, launch, startCollector, startSite } from './harness/browser.mjs';

let browser, site, collector, context, page;

before(async () => {
  [browser, site] = await Promise.all([launch(), startSite()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});
beforeEach(async () => {
  collector = await startCollector();
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(site.add(`<!doctype html><link rel="icon" href="data:,"><script src="/farol.iife.js" data-url="${collector.url}" data-app-name="shop"></script>`));
});
afterEach(async () => {
  await context.close();
  await collector.stop();
});

const named = (name) => eventually(() => collector.spans().find((span) => span.name === name), `the span ${name}`);
const attribute = (span, key) => Object.values(span.attributes.find((one) => one.key === key)?.value ?? {})[0];
const headers = (what) => site.seen.filter(({ url }) => url.includes(what)).map(({ headers }) => headers.traceparent);
const millis = (nanos) => Number(BigInt(nanos) / 1_000_000n);

test('an action span holds what happens in it, and its failure', async () => {
  const from = Date.now();
  const ctx = await page.evaluate(() => {
    const span = faro.api.startActionSpan('chat.send', { 'chat.room': 'main', length: 12, share: 0.5, urgent: true, tags: ['a', 'b'], none: undefined }, { kind: 3 });
    span.event('typed', { keys: 4 });
    span.run(() => {
      faro.api.pushEvent('inside');
      fetch('/api/echo?inside');
      faro.api.startActionSpan('chat.inner').end();
    });
    faro.api.pushEvent('outside');
    span.end(new TypeError('no room'));
    span.end();
    return span.ctx;
  });
  assert.equal(ctx.traceparent, `00-${ctx.traceId}-${ctx.spanId}-01`);
  const span = await named('chat.send');
  assert.deepEqual([span.traceId, span.spanId, span.parentSpanId, span.kind], [ctx.traceId, ctx.spanId, undefined, 4]);
  const values = Object.fromEntries(span.attributes.map(({ key, value }) => [key, value]));
  assert.deepEqual(values['chat.room'], { stringValue: 'main' });
  assert.deepEqual([values.length, values.share, values.urgent], [{ intValue: 12 }, { doubleValue: 0.5 }, { boolValue: true }]);
  assert.deepEqual(values.tags, { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } });
  assert.equal('none' in values, false);
  assert.equal(attribute(span, 'error.type'), 'TypeError');
  assert.equal(attribute(span, 'session.id'), await page.evaluate(() => faro.api.getSession().id));
  assert.deepEqual(span.status, { code: 2, message: 'no room' });
  assert.deepEqual(span.events.map(({ name }) => name), ['typed', 'exception']);
  assert.equal(attribute(span.events[1], 'exception.message'), 'no room');
  assert.match(attribute(span.events[1], 'exception.stacktrace'), /no room/);
  assert.ok(millis(span.startTimeUnixNano) >= from - 5 && millis(span.endTimeUnixNano) <= Date.now() + 5);
  assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));

  const request = await named('GET');
  assert.deepEqual([request.traceId, request.parentSpanId], [ctx.traceId, ctx.spanId]);
  const inner = await named('chat.inner');
  assert.deepEqual([inner.traceId, inner.parentSpanId], [ctx.traceId, ctx.spanId]);
  await eventually(() => headers('inside').length, 'the request');
  assert.equal(headers('inside').at(-1), `00-${ctx.traceId}-${request.spanId}-01`);
  const events = await eventually(() => collector.items('events').length > 3 && collector.items('events'), 'events');
  assert.deepEqual(events.find(({ name }) => name === 'inside').trace, { trace_id: ctx.traceId, span_id: ctx.spanId });
  assert.equal(events.find(({ name }) => name === 'outside').trace, undefined);
  assert.equal(collector.spans().filter(({ name }) => name === 'chat.send').length, 1, 'ended once');
});

test('context travels in plain objects, Headers and anything with set, and back', async () => {
  const found = await page.evaluate(() => {
    const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
    const { ctx, end } = faro.api.startActionSpan('child', {}, { parent });
    end();
    const headers = faro.api.inject(new Headers({ traceparent: 'old' }), ctx);
    const odd = ['', 'x', `00-${'0'.repeat(32)}-${ctx.spanId}-01`, `ff-${ctx.traceId}-${ctx.spanId}-01`, `00-${ctx.traceId}-${ctx.spanId}`];
    return {
      ctx,
      plain: faro.api.inject({ a: 1 }, ctx),
      headers: [...headers],
      map: [...faro.api.inject(new Map(), ctx)],
      nothing: faro.api.inject({}),
      back: [faro.api.extract({ traceparent: ctx.traceparent }), faro.api.extract(headers), faro.api.extract(new Map([['traceparent', ctx.traceparent]]))],
      odd: odd.map((traceparent) => faro.api.extract({ traceparent }) ?? null),
      null: faro.api.extract(null) ?? null,
    };
  });
  const { ctx } = found;
  const child = await named('child');
  assert.deepEqual([child.traceId, child.parentSpanId], ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']);
  assert.deepEqual(found.plain, { a: 1, traceparent: ctx.traceparent });
  assert.deepEqual([found.headers, found.map], [[['traceparent', ctx.traceparent]], [['traceparent', ctx.traceparent]]]);
  assert.deepEqual(found.nothing, {});
  assert.deepEqual(found.back, Array(3).fill({ traceId: ctx.traceId, spanId: ctx.spanId }));
  assert.deepEqual(found.odd, [null, null, null, null, null]);
  assert.equal(found.null, null);
});

test('what a driver sets is the parent of what starts while it stands', async () => {
  const driver = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
  const told = await page.evaluate(async (driver) => {
    const before = faro.api.getTraceContext() ?? null;
    window.__TRACE_CONTEXT__ = driver;
    faro.api.pushEvent('driven');
    faro.api.startActionSpan('driven').end();
    await fetch('/api/echo?driven');
    const during = faro.api.getTraceContext();
    delete window.__TRACE_CONTEXT__;
    faro.api.startActionSpan('free').end();
    return { before, during };
  }, driver);
  const header = `00-${driver.traceId}-${driver.spanId}-01`;
  assert.deepEqual(told, { before: null, during: { trace_id: driver.traceId, span_id: driver.spanId, traceparent: header } });
  const [driven, free] = await Promise.all(['driven', 'free'].map(named));
  assert.deepEqual([driven.traceId, driven.parentSpanId], [driver.traceId, driver.spanId]);
  assert.notEqual(free.traceId, driver.traceId);
  assert.equal(free.parentSpanId, undefined);
  assert.ok(headers('driven').at(-1).startsWith(`00-${driver.traceId}-`));
  const event = await eventually(() => collector.items('events').find(({ name }) => name === 'driven'), 'the event');
  assert.deepEqual(event.trace, { trace_id: driver.traceId, span_id: driver.spanId });
});

test('getOTEL serves code from the documentation of Faro', async () => {
  await page.evaluate(() => {
    const { trace, context } = faro.api.getOTEL();
    const span = trace.getTracer('default').startSpan('click');
    context.with(trace.setSpan(context.active(), span), () => {
      fetch('/api/echo?otel');
      faro.api.pushLog(['within']);
      span.end();
    });
  });
  const [span, request] = await Promise.all(['click', 'GET'].map(named));
  assert.deepEqual([request.traceId, request.parentSpanId], [span.traceId, span.spanId]);
  const log = await eventually(() => collector.items('logs').find(({ message }) => message === 'within'), 'the log');
  assert.deepEqual(log.trace, { trace_id: span.traceId, span_id: span.spanId });
});

test('code written against @opentelemetry/api finds our tracer', async () => {
  const { outputFiles: [{ text }] } = await build({
    stdin: { contents: "export * from '@opentelemetry/api'", resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true, write: false, format: 'iife', globalName: 'otel',
  });
  await page.evaluate(`${text}; window.otel = otel`);
  const carrier = await page.evaluate(() => {
    const { context, propagation, SpanKind, SpanStatusCode, trace } = window.otel;
    const tracer = trace.getTracer('app', '1.0');
    return tracer.startActiveSpan('outer', { kind: SpanKind.PRODUCER, attributes: { a: 1 } }, (outer) => {
      const inner = tracer.startSpan('inner', { startTime: [1_700_000_000, 5_000_000] });
      inner.setAttributes({ b: 'two' }).addEvent('noted', { c: 3 }, new Date(1_700_000_000_500)).setStatus({ code: SpanStatusCode.OK });
      inner.recordException(new RangeError('far'));
      inner.updateName('renamed').end(new Date(1_700_000_001_000));
      inner.setAttribute('late', 'no');
      const carrier = {};
      propagation.inject(context.active(), carrier);
      const remote = propagation.extract(context.active(), { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
      tracer.startSpan('remote', {}, remote).end();
      tracer.startSpan('alone', { root: true }).end();
      outer.end();
      return { ...carrier, active: trace.getActiveSpan() === outer, recording: outer.isRecording() };
    });
  });
  const [outer, inner, remote, alone] = await Promise.all(['outer', 'renamed', 'remote', 'alone'].map(named));
  assert.deepEqual(carrier, { traceparent: `00-${outer.traceId}-${outer.spanId}-01`, active: true, recording: false });
  assert.deepEqual([outer.kind, attribute(outer, 'a'), attribute(outer, 'otel.scope.name')], [4, 1, 'app']);
  assert.deepEqual([inner.traceId, inner.parentSpanId, inner.kind], [outer.traceId, outer.spanId, 1]);
  assert.deepEqual([inner.startTimeUnixNano, inner.endTimeUnixNano], ['1700000000005000000', '1700000001000000000']);
  assert.deepEqual([attribute(inner, 'b'), attribute(inner, 'late'), inner.status], ['two', undefined, { code: 1 }]);
  assert.deepEqual(inner.events.map(({ name }) => name), ['noted', 'exception']);
  assert.equal(inner.events[0].timeUnixNano, '1700000000500000000');
  assert.deepEqual([remote.traceId, remote.parentSpanId], ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']);
  assert.ok(alone.parentSpanId === undefined && alone.traceId !== outer.traceId);
  await page.evaluate(() => faro.shutdown());
  assert.equal(await page.evaluate(() => window.otel.trace.getTracer('x').startSpan('y').isRecording()), false, 'shutdown takes the tracer back');
});
