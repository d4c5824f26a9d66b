// The built script in Chromium: what it captures, when it sends, and that a page under it behaves as without it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { behaviour } from './harness/behaviour.mjs';
import { eventually, launch, startCollector, startSite } from './harness/browser.mjs';

let browser, site, collector, context;

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
});
afterEach(async () => {
  await context.close();
  await collector.stop();
});

const html = (head, body = '') => `<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">${head}</head><body>${body}</body></html>`;
const LIBRARY = '<script src="/farol.iife.js"></script>';

/** A script tag that starts the agent by itself. */
const tag = (attributes = '') =>
  `<script src="/farol.iife.js" data-url="${collector.url}" data-app-name="shop" data-app-version="1.2.3" data-app-environment="test" ${attributes}></script>`;

/** A call of `initializeFaro`; `config` is the source of an object that goes over the defaults. */
const init = (config = '{}') => `${LIBRARY}<script>
  Farol.initializeFaro({ url: '${collector.url}', app: { name: 'shop' }, ...${config} });</script>`;

async function open(head, body, headers) {
  const page = await context.newPage();
  await page.goto(site.add(html(head, body), headers));
  return page;
}

/** The items of a kind, once `count` of those that `wanted` picks are accepted. */
function arrive(kind, count = 1, wanted = () => true) {
  return eventually(() => {
    const found = collector.items(kind).filter(wanted);
    return found.length >= count && found;
  }, `${count} ${kind}`).catch((error) => {
    error.message += `; there are ${JSON.stringify(collector.requests.map(({ status, body }) => [status, body]), null, 1).slice(0, 4_000)}`;
    throw error;
  });
}

describe('errors', () => {
  test('uncaught errors arrive with parsed frames', async () => {
    const page = await open(tag(), `<script>
function inner() { throw new TypeError('boom'); }
function outer() { inner(); }
setTimeout(outer);</script>`);
    const [error] = await arrive('exceptions');
    assert.equal(error.type, 'TypeError');
    assert.equal(error.value, 'boom');
    const [first, second] = error.stacktrace.frames;
    assert.deepEqual([first.function, first.filename, first.lineno, second.function, second.lineno], ['inner', page.url(), 2, 'outer', 3]);
    assert.ok(first.colno > 0);
  });

  test('every kind that can be thrown or rejected arrives', async () => {
    const page = await open(tag());
    await page.evaluate(async () => {
      const frame = document.body.appendChild(document.createElement('iframe'));
      const foreign = new frame.contentWindow.RangeError('far');
      const thrown = ['text', 5, null, { a: 1, b: 2 }, new DOMException('gone', 'AbortError'), foreign, new Error('outer', { cause: new Error('inner') })];
      for (const value of thrown) {
        setTimeout(() => { throw value; });
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      for (const value of [undefined, 'text', { code: 42 }, new TypeError('async'), new AggregateError([new Error('x'), 'y'], 'all')]) {
        Promise.reject(value);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    const errors = await arrive('exceptions', 12);
    assert.deepEqual(errors.map(({ type, value }) => [type, value]), [
      ['Error', 'text'],
      ['Error', '5'],
      ['Error', 'null'],
      ['Error', 'Non-Error exception captured with keys: a,b'],
      ['AbortError', 'AbortError: gone'],
      ['RangeError', 'far'],
      ['Error', 'outer'],
      ['UnhandledRejection', 'Non-Error promise rejection captured with value: undefined'],
      ['UnhandledRejection', 'Non-Error promise rejection captured with value: text'],
      ['Error', 'Non-Error exception captured with keys: code'],
      ['TypeError', 'async'],
      ['AggregateError', 'all'],
    ]);
    assert.equal(errors[6].context.cause, 'Error: inner');
    assert.equal(errors[9].context.thrown, '{"code":42}');
    assert.equal(errors[11].context.errors, 'Error: x; y');
    assert.ok(errors[10].stacktrace.frames.length > 0);
  });

  test('ignoreErrors leaves out what it names', async () => {
    const page = await open(init('{ ignoreErrors: ["ResizeObserver", /^Script/] }'));
    await page.evaluate(() => {
      for (const message of ['ResizeObserver loop', 'Script error', 'kept']) faro.api.pushError(new Error(message));
    });
    await arrive('exceptions');
    assert.deepEqual(collector.items('exceptions').map(({ value }) => value), ['kept']);
  });
});

describe('console', () => {
  const everyLevel = (page) => page.evaluate(() => {
    for (const level of ['trace', 'debug', 'info', 'log', 'warn', 'error']) console[level](level, { deep: { list: [1, 'two'] } }, null);
  });

  test('info, warn and error arrive by default, objects legible', async () => {
    const page = await open(tag());
    await everyLevel(page);
    const [error] = await arrive('exceptions');
    assert.equal(error.type, 'Error');
    assert.equal(error.value, 'console.error: error {"deep":{"list":[1,"two"]}} null');
    assert.ok(!JSON.stringify(error.stacktrace ?? {}).includes('farol.iife.js'), 'none of our own frames');
    assert.deepEqual((await arrive('logs', 2)).map(({ level, message }) => [level, message]), [
      ['info', 'info {"deep":{"list":[1,"two"]}} null'],
      ['warn', 'warn {"deep":{"list":[1,"two"]}} null'],
    ]);
  });

  test('all six levels arrive when asked for', async () => {
    const page = await open(tag('data-console-levels="trace debug info log warn error"'));
    await everyLevel(page);
    const logs = await arrive('logs', 5);
    assert.deepEqual(logs.map(({ level }) => level), ['trace', 'debug', 'info', 'log', 'warn']);
    await arrive('exceptions');
  });

  test('console.error of an Error keeps its type and frames; as a log when configured', async () => {
    const page = await open(init());
    await page.evaluate(() => {
      console.error(new RangeError('alone'));
      console.error('with', new RangeError('text'));
    });
    const errors = await arrive('exceptions', 2);
    assert.deepEqual(errors.map(({ type, value }) => [type, value]), [
      ['RangeError', 'console.error: alone'],
      ['RangeError', 'console.error: with RangeError: text'],
    ]);
    assert.ok(errors.every(({ stacktrace }) => stacktrace.frames.length > 0));

    const other = await open(init('{ consoleInstrumentation: { consoleErrorAsLog: true } }'));
    await other.evaluate(() => console.error('as a log', 1));
    const [log] = await arrive('logs');
    assert.deepEqual([log.level, log.message], ['error', 'as a log 1']);
  });
});

test('all five web vitals arrive', async () => {
  const page = await open(tag(), `<h1 id="title">A headline that is large enough</h1><div id="room"></div><p id="below">below</p>
    <button id="slow">slow</button><script>
    document.getElementById('slow').addEventListener('click', () => { const end = performance.now() + 120; while (performance.now() < end); });
    requestAnimationFrame(() => setTimeout(() => { document.getElementById('room').style.height = '300px'; }, 50));</script>`);
  await page.waitForTimeout(900);
  await page.click('#slow');
  await page.waitForTimeout(300);
  await page.goto('about:blank');
  const vitals = await arrive('measurements', 5, ({ type }) => type === 'web-vitals');
  const by = Object.fromEntries(vitals.map(({ values, context: about }) => {
    const name = ['lcp', 'cls', 'inp', 'fcp', 'ttfb'].find((one) => one in values);
    return [name, { value: values[name], about }];
  }));
  assert.deepEqual(Object.keys(by).sort(), ['cls', 'fcp', 'inp', 'lcp', 'ttfb']);
  assert.ok(by.inp.value >= 120, `inp ${by.inp.value}`);
  assert.ok(by.cls.value > 0 && by.cls.value < 1, `cls ${by.cls.value}`);
  assert.ok(by.ttfb.value > 0 && by.ttfb.value <= by.fcp.value, `ttfb ${by.ttfb.value}, fcp ${by.fcp.value}`);
  assert.ok(by.lcp.value >= by.fcp.value);
  assert.equal(by.inp.about.interaction_target, '#slow');
  assert.equal(by.lcp.about.element, '#title');
  assert.ok(by.cls.about.largest_shift_target);
});

describe('requests', () => {
  const HEADER = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/;
  const sent = (what) => site.seen.filter(({ url }) => url.includes(what)).map(({ headers }) => headers.traceparent);

  test('fetch: a span each, traceparent on same-origin and allow-listed requests only', async () => {
    const page = await open(tag(`data-trace-origins="${site.cross}"`));
    await page.evaluate(async (cross) => {
      await fetch('/api/echo?same');
      await fetch(`${cross}/api/echo?allowed`);
      await fetch('/api/status/500?failed');
      await fetch('/api/cut?network').catch(() => {});
      await fetch('/api/echo?kept', { headers: { traceparent: 'mine' } });
    }, site.cross);
    const spans = await eventually(() => collector.spans().length >= 5 && collector.spans(), 'five spans');
    const attribute = (span, key) => Object.values(span.attributes.find((one) => one.key === key)?.value ?? {})[0];
    const span = (what) => spans.find((one) => attribute(one, 'url.full')?.endsWith(what));

    for (const what of ['same', 'allowed', 'failed']) {
      const [, trace, id] = HEADER.exec(sent(what).at(-1));
      assert.deepEqual([span(what).traceId, span(what).spanId], [trace, id], what);
    }
    assert.deepEqual(sent('kept'), ['mine']);
    assert.equal(span('same').name, 'GET');
    assert.equal(span('same').kind, 3);
    assert.equal(Number(attribute(span('same'), 'http.response.status_code')), 200);
    assert.equal(span('same').status?.code ?? 0, 0);
    assert.equal(span('failed').status.code, 2);
    assert.equal(span('network').status.code, 2);
    assert.equal(attribute(span('network'), 'error.type'), 'TypeError');
    const took = Number(BigInt(span('same').endTimeUnixNano) - BigInt(span('same').startTimeUnixNano)) / 1e6;
    assert.ok(took > 0 && took < 5_000, `${took} ms`);
    await arrive('events', 5, ({ name }) => name === 'faro.tracing.fetch');
  });

  test('a cross-origin request that is not allow-listed has a span and no header', async () => {
    const page = await open(init('{ instrumentations: [new Farol.TracingInstrumentation()] }'));
    await page.evaluate((cross) => fetch(`${cross}/api/echo?foreign`), site.cross);
    await eventually(() => collector.spans().length, 'a span');
    assert.deepEqual(sent('foreign'), [undefined]);
  });

  test('XMLHttpRequest: a span with the same rules', async () => {
    const page = await open(tag());
    await page.evaluate((cross) => {
      const send = (url) => new Promise((resolve) => {
        const xhr = new XMLHttpRequest();
        xhr.onloadend = resolve;
        xhr.open('GET', url);
        xhr.send();
      });
      return Promise.all([send(new URL('/api/echo?xsame', location.href)), send(`${cross}/api/echo?xforeign`), send('/api/cut?xcut')]);
    }, site.cross);
    await eventually(() => collector.spans().length >= 3, 'three spans');
    assert.match(sent('xsame')[0], HEADER);
    assert.deepEqual(sent('xforeign'), [undefined]);
    await arrive('events', 3, ({ name }) => name === 'faro.tracing.xml-http-request');
  });

  test('without tracing, for ignored URLs and for uploads there is neither span nor header', async () => {
    const page = await open(init());
    await page.evaluate(() => fetch('/api/echo?untraced'));
    const other = await open(init('{ instrumentations: [new Farol.TracingInstrumentation()], ignoreUrls: [/ignored/] }'));
    await other.evaluate(async (upload) => {
      await fetch('/api/echo?ignored');
      await fetch(upload, { method: 'POST', body: '{}' });
      faro.api.pushEvent('last');
      faro.flush();
    }, collector.url);
    await arrive('events', 1, ({ name }) => name === 'last');
    await other.waitForTimeout(400);
    assert.deepEqual([...sent('untraced'), ...sent('ignored')], [undefined, undefined]);
    assert.deepEqual(collector.spans(), []);
  });
});

describe('api', () => {
  test('pushes arrive as Faro writes them, with meta and headers', async () => {
    const page = await open(init(`{ apiKey: 'k1', app: { name: 'shop', version: '2' }, user: { id: 'u1', attributes: { role: 'r' } },
      view: { name: 'home' }, sessionTracking: { session: { attributes: { plan: 'pro' } } } }`));
    await page.evaluate(() => {
      faro.api.pushEvent('bought', { item: 'tea', count: 2, list: [1] }, 'cart');
      faro.api.pushLog(['total', { eur: 3 }], { level: 'warn', context: { step: 1 } });
      faro.api.pushMeasurement({ type: 'timing', values: { ms: 12.5 } }, { context: { a: 'b' } });
      faro.api.pushError(new TypeError('by hand'), { fingerprint: 'fp', context: { c: 1 } });
    });
    const [event] = await arrive('events', 1, ({ name }) => name === 'bought');
    assert.deepEqual([event.domain, event.attributes], ['cart', { item: 'tea', count: '2', list: '[1]' }]);
    assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const [log] = await arrive('logs');
    assert.deepEqual([log.level, log.message, log.context], ['warn', 'total {"eur":3}', { step: '1' }]);
    const [measurement] = await arrive('measurements', 1, ({ type }) => type === 'timing');
    assert.deepEqual([measurement.values, measurement.context], [{ ms: 12.5 }, { a: 'b' }]);
    const [error] = await arrive('exceptions');
    assert.deepEqual([error.type, error.value, error.fingerprint, error.context.c], ['TypeError', 'by hand', 'fp', '1']);

    const { body: { meta }, headers } = collector.accepted().at(-1);
    assert.equal(headers['x-api-key'], 'k1');
    assert.equal(headers['x-faro-session-id'], meta.session.id);
    assert.ok(headers['idempotency-key']);
    assert.deepEqual([meta.app.name, meta.app.version, meta.user.id, meta.user.attributes.role, meta.view.name], ['shop', '2', 'u1', 'r', 'home']);
    assert.equal(meta.page.url, page.url());
    assert.equal(meta.session.attributes.plan, 'pro');
    assert.match(meta.browser.userAgent, /Chrome/);
    assert.equal(meta.browser.language, 'en-US');
    assert.deepEqual(await page.evaluate(() => faro.metas.value.user), { id: 'u1', attributes: { role: 'r' } });
    assert.equal(await page.evaluate(() => faro.api.getSession().id), meta.session.id);
  });

  test('odd arguments cost at most their own item', async () => {
    const page = await open(init());
    await page.evaluate(() => {
      const bad = { get value() { throw new Error('getter'); } };
      const worse = new Proxy({}, { ownKeys() { throw new Error('trap'); } });
      for (const odd of [bad, worse, { value: { toJSON() { throw new Error('json'); } } }, { value: { toString() { throw 1; } } }, null, 5, 'text']) {
        faro.api.pushEvent('odd', odd);
        faro.api.pushLog([odd], { context: odd });
        faro.api.pushMeasurement({ type: 'odd', values: odd }, { context: odd });
        faro.api.pushError(odd, { context: odd });
        faro.api.pushError(new Error('odd'), { stackFrames: odd });
        faro.api.setUser(odd);
        faro.api.setPage(odd);
        console.warn(odd);
      }
      for (const call of Object.values(faro.api)) for (const odd of [undefined, null, Symbol('s'), 1n]) call(odd, odd, odd, odd);
      faro.api.pushEvent('after');
    });
    await arrive('events', 1, ({ name }) => name === 'after');
  });

  test('user, view, page and session can be changed', async () => {
    const page = await open(init("{ view: { name: 'home' } }"));
    const first = await page.evaluate(() => faro.api.getSession().id);
    await page.evaluate(() => {
      faro.api.setUser({ id: 'u2' });
      faro.api.setView({ name: 'cart' });
      faro.api.setView({ name: 'cart' });
      faro.api.setPage('checkout');
      history.pushState(null, '', '/moved');
      faro.api.pushEvent('changed');
    });
    await arrive('events', 1, ({ name }) => name === 'changed');
    const views = collector.items('events').filter(({ name }) => name === 'view_changed');
    assert.deepEqual(views.map(({ attributes }) => attributes), [{ fromView: 'home', toView: 'cart' }]);
    const { meta } = collector.accepted().find(({ body }) => body.events?.some(({ name }) => name === 'changed')).body;
    assert.deepEqual([meta.user.id, meta.view.name, meta.page.id, new URL(meta.page.url).pathname], ['u2', 'cart', 'checkout', '/moved']);
    assert.deepEqual(await page.evaluate(() => [faro.api.getView(), faro.api.getPage().id]), [{ name: 'cart' }, 'checkout']);

    await page.evaluate(() => {
      faro.api.resetSession();
      faro.api.resetUser();
      faro.api.pushEvent('anew');
    });
    await arrive('events', 1, ({ name }) => name === 'anew');
    const last = collector.accepted().find(({ body }) => body.events?.some(({ name }) => name === 'anew')).body.meta;
    assert.notEqual(last.session.id, first);
    assert.equal(last.user, undefined);
  });

  test('the session goes on after a reload', async () => {
    const page = await open(tag());
    const id = await page.evaluate(() => faro.api.getSession().id);
    await page.reload();
    assert.equal(await page.evaluate(() => faro.api.getSession().id), id);
  });

  test('beforeSend changes and drops items, and may use the api and the console', async () => {
    const page = await open(init(`{ beforeSend(item) {
      console.warn('inside');
      if (item.payload.name === 'secret') return null;
      if (item.payload.name === 'broken') throw new Error('hook');
      if (item.type === 'event') item.payload.attributes = { ...item.payload.attributes, hooked: 'yes' };
      return item;
    } }`));
    await page.evaluate(() => ['secret', 'broken', 'open'].forEach((name) => faro.api.pushEvent(name)));
    const [event] = await arrive('events', 1, ({ name }) => name === 'open');
    assert.equal(event.attributes.hooked, 'yes');
    await page.waitForTimeout(400);
    assert.deepEqual(collector.items('events').filter(({ name }) => name === 'secret' || name === 'broken'), []);
    assert.deepEqual(collector.items('logs'), [], 'what the hook writes is not captured');
  });

  test('hooks get what goes on the wire, as plain objects', async () => {
    const page = await open(init(`{ batching: { itemLimit: 1 }, beforeSend(item) {
      (window.seen ??= []).push(structuredClone(item));
      return item;
    } }`));
    const odd = 'quote " backslash \\ both \\" end \\\\ line\nnull \0 emoji 😀';
    await page.evaluate((odd) => {
      faro.api.setUser({ id: odd, attributes: { [odd]: 'x' } });
      faro.api.pushLog([odd], { context: { empty: '', [odd]: odd } });
      faro.api.pushMeasurement({ type: 'm', values: { whole: 3, part: -0.125, tiny: 1e-9, none: Infinity } });
      faro.api.pushError(new TypeError(odd), { fatal: true });
    }, odd);
    const sent = await Promise.all(['logs', 'measurements', 'exceptions'].map((kind) => arrive(kind, 1, (item) => item.value !== undefined || item.message || item.type === 'm')));
    const seen = (await page.evaluate(() => window.seen)).filter(({ type, payload }) => type !== 'event' && payload.type !== 'web-vitals');
    const payloads = ['log', 'measurement', 'exception'].map((type) => seen.filter((item) => item.type === type).map(({ payload }) => payload));
    assert.deepEqual(payloads, sent.map((items) => items.filter(({ type }) => type !== 'web-vitals')));
    const { farol, ...meta } = collector.accepted().at(-1).body.meta;
    assert.deepEqual(seen.at(-1).meta, meta);
    assert.equal(seen.at(-1).meta.user.attributes[odd], 'x');
  });

  test('a second start returns the first instance, from another copy too', async () => {
    const page = await open(tag());
    const messages = [];
    page.on('console', (message) => messages.push(message.text()));
    const same = await page.evaluate(async () => {
      const again = Farol.initializeFaro({ app: { name: 'other' } }) === faro;
      const { Farol: first } = window;
      delete window.Farol;
      await new Promise((resolve) => {
        const script = Object.assign(document.createElement('script'), { src: '/farol.iife.js', onload: resolve });
        document.head.append(script);
      });
      return [again, window.Farol !== first, window.Farol.initializeFaro({ app: { name: 'copy' } }) === faro, window.Farol.faro === faro];
    });
    assert.deepEqual(same, [true, true, true, true]);
    assert.equal(messages.filter((text) => text.includes('already initialised')).length, 2);
  });

  test('pause drops, unpause resumes', async () => {
    const page = await open(tag());
    await page.evaluate(() => {
      faro.pause();
      faro.api.pushEvent('unheard');
      faro.unpause();
      faro.api.pushEvent('heard');
    });
    await arrive('events', 1, ({ name }) => name === 'heard');
    assert.deepEqual(collector.items('events').filter(({ name }) => name === 'unheard'), []);
  });

  test('shutdown puts everything back, sends the rest, and a new start works', async () => {
    const page = await open(LIBRARY);
    const back = await page.evaluate((url) => {
      const kept = [window.fetch, console.warn, console.error, XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.send];
      const now = () => [window.fetch, console.warn, console.error, XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.send];
      const config = { url, app: { name: 'shop' }, instrumentations: [...Farol.getWebInstrumentations(), new Farol.TracingInstrumentation()] };
      const first = Farol.initializeFaro(config);
      const patched = now().every((one, at) => one !== kept[at]);
      first.api.pushEvent('last words');
      first.shutdown();
      const restored = now().every((one, at) => one === kept[at]) && !('faro' in window);
      first.api.pushEvent('too late');
      const second = Farol.initializeFaro(config);
      second.api.pushEvent('second life');
      return [patched, restored, second !== first, window.faro === second];
    }, collector.url);
    assert.deepEqual(back, [true, true, true, true]);
    await arrive('events', 1, ({ name }) => name === 'last words');
    await arrive('events', 1, ({ name }) => name === 'second life');
    assert.deepEqual(collector.items('events').filter(({ name }) => name === 'too late'), []);
  });
});

describe('sending', () => {
  test('twenty pushes right before leaving all arrive', async () => {
    const page = await open(tag());
    await page.evaluate(() => {
      for (let number = 0; number < 20; number++) faro.api.pushEvent('leaving', { number });
      location.href = 'about:blank';
    });
    const events = await arrive('events', 20, ({ name }) => name === 'leaving');
    assert.deepEqual(events.map(({ attributes }) => Number(attributes.number)).sort((a, b) => a - b), [...Array(20).keys()]);
  });

  test('more than one keepalive budget at exit is split, and all of it arrives', async () => {
    const page = await open(tag());
    await page.evaluate(() => {
      for (let number = 0; number < 40; number++) faro.api.pushEvent('heavy', { number, text: `${number} `.padEnd(1_000, 'x') });
      location.href = 'about:blank';
    });
    await arrive('events', 40, ({ name }) => name === 'heavy');
  });

  for (const [what, start, answer] of [
    ['a receiver that says it is ours', () => tag(), { 'x-faro-session-status': 'valid' }],
    ['requestCompression', () => init('{ requestCompression: true }'), {}],
  ]) {
    test(`2,000 events right before leaving all arrive as gzip: ${what}`, async () => {
      collector.answer = { status: 202, headers: answer };
      const page = await open(start());
      await arrive('events', 1, ({ name }) => name === 'session_start');
      await page.waitForTimeout(300);
      const before = collector.requests.length;
      await page.evaluate(() => {
        for (let number = 0; number < 2_000; number++) {
          faro.api.pushEvent('leaving', { number, product: 'Sidamo', page: '/products/coffee', seconds: number % 60 });
        }
        location.href = 'about:blank';
      });
      await arrive('events', 2_000, ({ name }) => name === 'leaving');
      const last = collector.requests.slice(before);
      const packed = last.filter(({ headers }) => headers['content-encoding'] === 'gzip');
      assert.ok(packed.length > 0 && last.length < 16, `${packed.length} of ${last.length} packed`);
      assert.ok(packed.reduce((sum, { bytes }) => sum + bytes, 0) <= 60_000);
      const numbers = new Set(collector.items('events').filter(({ name }) => name === 'leaving').map(({ attributes }) => attributes.number));
      assert.equal(numbers.size, 2_000);
    });
  }

  test('a batch carries many items, and an idle page sends nothing', async () => {
    const page = await open(tag());
    await page.evaluate(() => { for (let number = 0; number < 120; number++) faro.api.pushEvent('many', { number }); });
    await arrive('events', 120, ({ name }) => name === 'many');
    assert.ok(collector.requests.length <= 8, `${collector.requests.length} requests`);
    await page.waitForTimeout(500);
    const { length } = collector.requests;
    await page.waitForTimeout(1_000);
    assert.equal(collector.requests.length, length);
  });

  test('Retry-After is honoured on 429, and the batch arrives once', async () => {
    collector.answer = { status: 429, headers: { 'retry-after': '2' } };
    const page = await open(tag());
    await page.evaluate(() => faro.api.pushEvent('patient'));
    await eventually(() => collector.requests.length, 'a first try');
    const [{ at }] = collector.requests;
    await page.waitForTimeout(1_500);
    const early = collector.requests.filter((request) => request.at > at + 300).length;
    collector.answer = { status: 202 };
    await arrive('events', 1, ({ name }) => name === 'patient');
    assert.equal(early, 0, 'nothing is sent before the time that was asked for');
    assert.ok(collector.accepted()[0].at - at >= 1_900, `${collector.accepted()[0].at - at} ms`);
    await page.waitForTimeout(500);
    assert.equal(collector.items('events').filter(({ name }) => name === 'patient').length, 1);
  });

  test('500 is retried with growing pauses', async () => {
    collector.answer = { status: 500 };
    const page = await open(tag());
    await page.evaluate(() => faro.api.pushEvent('again'));
    await page.waitForTimeout(2_500);
    const { length } = collector.requests;
    assert.ok(length >= 2 && length <= 8, `${length} tries in 2.5 s`);
    collector.answer = { status: 202 };
    await arrive('events', 1, ({ name }) => name === 'again');
  });

  test('a dead receiver: the queue is bounded and every item is accounted for', async () => {
    const page = await open(init(`{ url: 'http://127.0.0.1:9/collect', dedupe: false }`));
    const stats = await page.evaluate(async () => {
      const before = performance.memory.usedJSHeapSize;
      for (let number = 0; number < 10_000; number++) faro.api.pushEvent('flood', { number, text: 'x'.repeat(100) });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return { ...faro.stats(), grown: performance.memory.usedJSHeapSize - before };
    });
    const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
    assert.ok(stats.queued < 5_000, JSON.stringify(stats));
    assert.ok(dropped > 5_000, JSON.stringify(stats));
    assert.ok(stats.queued + dropped >= 10_000, JSON.stringify(stats));
    assert.ok(stats.grown < 30e6, JSON.stringify(stats));
  });
});

describe('the page behaves as without the agent', () => {
  /** What the page did, what it wrote, and which errors escaped it. */
  async function observe(head, headers = {}) {
    const page = await context.newPage();
    const seen = { console: [], uncaught: [] };
    // What the browser itself writes about the uploads of the agent is not the page's.
    page.on('console', (message) => {
      if (!message.location().url.includes('/collect') && !/wasm|WebAssembly/i.test(message.text())) seen.console.push([message.type(), message.text()]);
    });
    page.on('pageerror', (error) => seen.uncaught.push(String(error)));
    const cancelled = site.cancelled;
    const url = site.add(html(head, `<script>${behaviour(site)}</script>`), headers);
    await page.goto(url);
    await page.waitForFunction(() => window.done, undefined, { timeout: 20_000 });
    await eventually(() => site.cancelled > cancelled, 'the server sees that the stream was given up');
    const outcome = await page.evaluate(() => window.outcome);
    await page.close();
    return JSON.parse(JSON.stringify({ outcome, ...seen }).replaceAll(new URL(url).pathname, '/PAGE'));
  }

  const TRACED = 'data-console-levels="trace debug info log warn error" data-trace-origins="';
  const bare = () => observe('');

  test('when the receiver answers 202', async () => {
    const watched = await observe(tag(`${TRACED}${site.cross}"`));
    assert.deepEqual(watched, await bare());
    assert.ok(collector.items('exceptions').length > 5, 'the agent did watch');
  });

  for (const status of [500, 429]) {
    test(`when the receiver answers ${status}`, async () => {
      collector.answer = { status, headers: { 'retry-after': '1' } };
      assert.deepEqual(await observe(tag(`${TRACED}${site.cross}"`)), await bare());
    });
  }

  test('when the receiver never answers', async () => {
    collector.answer = 'hang';
    assert.deepEqual(await observe(tag(`${TRACED}${site.cross}"`)), await bare());
  });

  test('when every upload fails', async () => {
    const head = `<script>{ const real = fetch; window.uploads = 0; const fetchOf = (input, init) => real(input, init);
      Object.defineProperty(window, 'upload', { value: () => { window.uploads++; return Promise.reject(new TypeError('no network')); } });
      window.realFetch = real; window.fetch = window.upload; }</script>${tag()}`;
    const page = await open(`${head}`);
    const uncaught = [];
    page.on('pageerror', (error) => uncaught.push(String(error)));
    const answer = await page.evaluate(async () => {
      faro.api.pushEvent('lost');
      const mine = await fetch('/x').catch((error) => error.message);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      return [mine, window.uploads > 1 && window.uploads < 10];
    });
    assert.deepEqual([answer, uncaught], [['no network', true], []]);
  });

  test('when storage throws', async () => {
    const broken = `<script>for (const name of ['sessionStorage', 'localStorage']) Object.defineProperty(window, name, {
      configurable: true, get() { throw new DOMException('denied', 'SecurityError'); } });</script>`;
    assert.deepEqual(await observe(broken + tag(`${TRACED}${site.cross}"`)), await observe(broken));
    assert.ok(collector.items('exceptions').length > 5, 'the agent works without storage');
  });

  test('when the CSP forbids wasm: nothing is patched, one message, a faro that does nothing', async () => {
    const csp = { 'content-security-policy': "script-src 'self' 'unsafe-inline'" };
    assert.deepEqual(await observe(tag(`${TRACED}${site.cross}"`), csp), await observe('', csp));
    const page = await context.newPage();
    const said = [];
    page.on('console', (message) => said.push(message.text()));
    await page.goto(site.add(html(`<script>window.kept = [fetch, console.error, XMLHttpRequest.prototype.send]</script>${tag()}`), csp));
    const untouched = await page.evaluate(() => {
      faro.api.pushEvent('nothing');
      faro.api.pushError(new Error('nothing'));
      faro.api.setUser({ id: 'x' });
      faro.flush();
      faro.pause();
      faro.unpause();
      return [window.kept[0] === fetch, window.kept[1] === console.error, window.kept[2] === XMLHttpRequest.prototype.send, faro.api.getSession() ?? null];
    });
    assert.deepEqual(untouched, [true, true, true, null]);
    assert.equal(said.filter((text) => text.startsWith('Farol:')).length, 1);
    assert.equal(collector.requests.length, 0);
  });
});
