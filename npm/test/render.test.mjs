import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { load } from './load.mjs';

const { render } = await load('render');

const check = (args, expected) => assert.equal(render(args), expected);

test('shows plain objects as JSON and strings as they are', () => {
  check(['a', 1, true, null, undefined], 'a 1 true null undefined');
  check([{ a: 'x', b: { c: [1, '2'] } }], '{"a":"x","b":{"c":[1,"2"]}}');
  check([[]], '[]');
  check([Symbol('s'), 10n, -0], 'Symbol(s) 10n 0');
});

test('names classes, functions and built-ins', () => {
  class Cart { total = 3; }
  check([new Cart()], 'Cart {"total":3}');
  check([function buy() {}, () => {}], '[Function buy] [Function anonymous]');
  check([new Map([['k', { v: 1 }]]), new Set([1])], 'Map {"k": {"v":1}} Set {1}');
  check([new Date(0), new Date(NaN), /x/g, new URL('http://a/b')], '1970-01-01T00:00:00.000Z Invalid Date /x/g http://a/b');
  check([new Uint8Array([1, 2])], 'Uint8Array [1,2]');
  check([Object.create(null)], '{}');
});

test('marks cycles but not repetition', () => {
  const knot = { name: 'k' };
  knot.self = knot;
  check([knot], '{"name":"k","self":[Circular]}');
  const shared = { s: 1 };
  check([[shared, shared]], '[{"s":1},{"s":1}]');
});

test('is bounded in depth, breadth and length', () => {
  check([{ a: { b: { c: { d: { e: 1 } } } } }], '{"a":{"b":{"c":{"d":[Object]}}}}');
  const wide = render([Array.from({ length: 1_000 }, (_, index) => index)]);
  assert.match(wide, /,49,… 950 more\]$/);
  const deep = (levels) => (levels ? Array.from({ length: 60 }, () => deep(levels - 1)) : 'leaf'.repeat(100));
  assert.ok(render([deep(3)]).length <= 16_001);
  assert.ok(render(['x'.repeat(1e6)]).length <= 16_001);
  assert.ok(render(Array.from({ length: 1e5 }, () => 'xx')).length <= 16_001);
});

test('shows errors by their stack, in any realm', () => {
  const error = new TypeError('boom');
  assert.ok(render(['saw', error]).startsWith('saw TypeError: boom\n    at '));
  const foreign = vm.runInNewContext("new RangeError('far')");
  assert.ok(render([foreign]).startsWith('RangeError: far\n'));
  const stackless = Object.assign(new Error('bare'), { stack: undefined });
  check([stackless], 'Error: bare');
  // Firefox and Safari leave the message out of the stack.
  check([Object.assign(new Error('m'), { stack: 'f@http://a/b.js:1:2' })], 'Error: m\nf@http://a/b.js:1:2');
});

test('applies printf directives', () => {
  check(['%s is %d years', 'Ada', '36'], 'Ada is 36 years');
  check(['%cred%c plain', 'color:red', ''], 'red plain');
  check(['%o and %i %f', { a: 1 }, 4.9, 1.5], '{"a":1} and 4 1.5');
  check(['100%% of %s', 'it', 'rest'], '100% of it rest');
  check(['%s'], '%s');
  check(['%s %s', 1], '1 %s');
});

test('calls no accessor, toJSON or toString of the page', () => {
  let calls = 0;
  const count = () => { calls += 1; return 'called'; };
  check([{ get lazy() { return count(); }, toJSON: count, toString: count }], '{"lazy":[Getter],"toJSON":[Function count],"toString":[Function count]}');
  assert.equal(calls, 0);
});

test('survives what throws when looked at', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  check([proxy, 'after'], '[unreadable] after');
  check([{ inner: proxy }], '{"inner":[unreadable]}');
});
