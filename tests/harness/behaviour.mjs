// What a page does and sees by itself: run once without the agent and once with it, the two must be equal.

/**
 * A page script that tries what an agent could break and leaves what it saw in `window.outcome`.
 * `origin` and `cross` are the site's two origins.
 */
export function behaviour({ origin, cross }) {
  return `
    window.outcome = [];
    window.seenErrors = [];
    window.finished = (${run})(${JSON.stringify({ origin, cross })}, (...entry) => { window.outcome.push(entry); })
      .catch((error) => { window.outcome.push(['the probe failed', String(error)]); })
      .then(() => { window.done = true; });`;
}

/* Runs in the page. */
async function run({ origin, cross }, note) {
  const outcome = async (name, promise) => {
    try {
      const value = await promise;
      note(name, 'value', value instanceof Response ? [value.status, value.url, value.type] : value);
    } catch (error) {
      note(name, 'error', error instanceof Object ? [error.constructor.name, error.name, error.message] : error);
    }
  };
  const thrown = (name, action) => {
    try {
      note(name, 'value', String(action()));
    } catch (error) {
      note(name, 'error', error.constructor.name, error.name, error.message);
    }
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  // The looks of what may be patched.
  for (const [name, owner, key] of [
    ['fetch', window, 'fetch'], ['console.error', console, 'error'], ['console.info', console, 'info'],
    ['open', XMLHttpRequest.prototype, 'open'], ['send', XMLHttpRequest.prototype, 'send'],
  ]) {
    const { configurable, enumerable, writable } = Object.getOwnPropertyDescriptor(owner, key);
    note(name, owner[key].name, owner[key].length, String(owner[key]), 'prototype' in owner[key], configurable, enumerable, writable,
      /\[native code\]/.test(Function.prototype.toString.call(owner[key])), Object.keys(owner[key]).length);
  }

  // Requests: values, failures and misuse.
  const json = (response) => response.json();
  await outcome('same origin', fetch('/api/echo').then(json));
  await outcome('URL object', fetch(new URL('/api/echo', origin)).then(json));
  await outcome('stringified', fetch({ toString: () => '/api/echo' }).then(json));
  await outcome('post', fetch('/api/echo', { method: 'post', body: 'hello', headers: { 'x-own': '1' } }).then(json));
  await outcome('status', fetch('/api/status/503'));
  await outcome('cross', fetch(cross + '/api/echo', { headers: [['x-own', '2']] }).then(json));
  await outcome('network', fetch('/api/cut'));
  await outcome('bad url', fetch('http://['));
  await outcome('no argument', fetch());
  await outcome('null init', fetch('/api/echo', null).then(json));
  await outcome('bad init', fetch('/api/echo', 5));
  await outcome('null headers', fetch('/api/echo', { headers: null }));
  await outcome('bad headers', fetch('/api/echo', { headers: { 'bad name': '1' } }));
  await outcome('iterator', fetch('/api/echo', { headers: new Map([['x-own', '3']]).entries() }).then(json));
  await outcome('wrong this', fetch.call({}, '/api/echo'));
  thrown('new', () => new fetch('/api/echo'));
  note('promise', fetch('/api/echo') instanceof Promise);

  // The caller's objects stay as they were.
  const headers = new Headers({ 'x-own': '4' });
  const init = { headers, method: 'POST', body: 'x' };
  await outcome('init', fetch('/api/echo', init).then(json));
  note('init kept', init.headers === headers, [...headers], Object.keys(init));
  const record = Object.freeze({ 'x-own': '5' });
  await outcome('frozen', fetch('/api/echo', Object.freeze({ headers: record })).then(json));
  class Init { get headers() { return record; } get method() { return 'PUT'; } }
  await outcome('inherited', fetch('/api/echo', new Init()).then(json));
  const request = new Request('/api/echo', { method: 'POST', body: 'y', headers: { 'x-own': '6' }, referrer: '/elsewhere' });
  await outcome('request', fetch(request).then(json));
  note('request kept', [...request.headers], request.bodyUsed, request.referrer);
  await outcome('request and init', fetch(new Request('/api/echo', { headers: { 'x-own': '7' } }), { method: 'POST' }).then(json));
  await outcome('used request', fetch(request));
  await outcome('own traceparent', fetch('/api/echo', { headers: { traceparent: 'mine' } }).then(json));

  // Giving up.
  const soon = new AbortController();
  const given = fetch('/api/hang', { signal: soon.signal });
  setTimeout(() => soon.abort(), 20);
  await outcome('abort', given);
  const reasoned = new AbortController();
  reasoned.abort('because');
  await outcome('abort reason', fetch('/api/echo', { signal: reasoned.signal }));
  await outcome('timeout', fetch('/api/hang', { signal: AbortSignal.timeout(20) }));
  const reader = (await fetch('/api/stream')).body.getReader();
  note('stream', (await reader.read()).done);
  await reader.cancel();

  // XMLHttpRequest.
  const xhr = (prepare) => new Promise((resolve) => {
    const events = [];
    const own = new XMLHttpRequest();
    for (const type of ['loadstart', 'load', 'error', 'abort', 'timeout', 'loadend']) own.addEventListener(type, () => events.push(type));
    own.onreadystatechange = () => events.push(own.readyState);
    own.addEventListener('loadend', () => resolve([events.filter((event, at) => event !== events[at - 1]), own.status, own.responseText]));
    prepare(own);
  });
  const open = (method, url) => (own) => { own.open(method, url); own.send(); };
  await outcome('xhr', xhr(open('GET', '/api/echo')));
  await outcome('xhr URL', xhr(open('GET', new URL('/api/echo', origin))));
  await outcome('xhr cross', xhr(open('GET', cross + '/api/echo')));
  await outcome('xhr header', xhr((own) => { own.open('POST', '/api/echo'); own.setRequestHeader('x-own', '8'); own.send('z'); }));
  await outcome('xhr cut', xhr(open('GET', '/api/cut')));
  await outcome('xhr abort', xhr((own) => { open('GET', '/api/hang')(own); setTimeout(() => own.abort(), 20); }));
  await outcome('xhr timeout', xhr((own) => { own.timeout = 30; open('GET', '/api/hang')(own); }));
  await outcome('xhr reused', xhr((own) => { open('GET', '/api/hang')(own); open('GET', '/api/echo')(own); }));
  thrown('xhr bad url', () => new XMLHttpRequest().open('GET', 'http://['));
  thrown('xhr bad method', () => new XMLHttpRequest().open('BAD METHOD', '/'));
  thrown('xhr not open', () => new XMLHttpRequest().send());
  thrown('xhr wrong this', () => XMLHttpRequest.prototype.send.call({}));
  thrown('xhr sync', () => { const own = new XMLHttpRequest(); own.open('GET', '/api/echo', false); own.send(); return own.status; });
  thrown('xhr sync cut', () => { const own = new XMLHttpRequest(); own.open('GET', '/api/cut', false); own.send(); return own.status; });

  // The console: what it returns, what it is given, who is called.
  note('console', console.info('info', { a: 1 }), console.error('error %s', 'x'), console.warn(new Error('w').message));
  const log = console.warn;
  thrown('detached console', () => log('detached'));
  const own = [];
  const before = console.info;
  console.info = (...args) => { own.push(args.length); };
  console.info('for the page alone', 1);
  console.info = before;
  note('wrapped console', own);

  // Errors: each is heard once, with what was thrown.
  const heard = (event) => note('heard', event.type, event.message ?? null, String(event.error ?? event.reason), event.defaultPrevented);
  window.addEventListener('error', heard);
  window.addEventListener('unhandledrejection', heard);
  window.onerror = (message, source, line, column, error) => { note('onerror', message, line > 0, String(error)); };
  for (const value of [new TypeError('uncaught'), 'text', null, undefined, { code: 7 }]) {
    setTimeout(() => { throw value; });
    await pause(5);
  }
  for (const value of [new Error('rejected'), undefined, { code: 8 }]) {
    Promise.reject(value);
    await pause(5);
  }
  let rejections = 0;
  window.addEventListener('unhandledrejection', () => { rejections += 1; });
  fetch('/api/cut');
  fetch('http://[');
  // As long as it takes: the network's answers have an order of their own on a busy machine.
  while (rejections < 2) await pause(10);
  const image = new Image();
  const missed = new Promise((resolve) => { image.onerror = resolve; });
  image.src = '/missing.png';
  document.body.append(image);
  await missed;
  await pause(50);
}
