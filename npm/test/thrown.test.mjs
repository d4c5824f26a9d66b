import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { load } from './load.mjs';

const { fromMessage, rejected, thrown } = await load('thrown');

test('takes type, message and stack of an error', () => {
  const error = new TypeError('boom');
  assert.deepEqual(thrown(error), { type: 'TypeError', value: 'boom', stack: error.stack, context: undefined });
});

test('keeps every kind of thrown value', () => {
  const check = (reason, type, value) => {
    const found = thrown(reason);
    assert.deepEqual([found.type, found.value], [type, value]);
  };
  check('text', 'Error', 'text');
  check(5, 'Error', '5');
  check(0, 'Error', '0');
  check(undefined, 'Error', 'undefined');
  check(Symbol('s'), 'Error', 'Symbol(s)');
  check({ a: 1, b: 2 }, 'Error', 'Non-Error exception captured with keys: a,b');
  check(new DOMException('gone', 'AbortError'), 'AbortError', 'AbortError: gone');
  check(vm.runInNewContext("new RangeError('far')"), 'RangeError', 'far');
  check(Object.assign(new Error('m'), { name: '' }), 'Error', 'm');
});

test('keeps every kind of rejection', () => {
  const check = (reason, type, value) => {
    const found = rejected(reason);
    assert.deepEqual([found.type, found.value], [type, value]);
  };
  const text = 'Non-Error promise rejection captured with value: ';
  for (const reason of [undefined, null, 0, '', false, 'x', 10n]) {
    check(reason, 'UnhandledRejection', text + (typeof reason === 'bigint' ? '10n' : String(reason)));
  }
  check(new TypeError('async'), 'TypeError', 'async');
  check({ code: 42 }, 'Error', 'Non-Error exception captured with keys: code');
  assert.deepEqual(rejected({ code: 42 }).context, { thrown: '{"code":42}' });
});

test('tells causes and children', () => {
  const inner = new RangeError('inner', { cause: 'disk' });
  assert.deepEqual(thrown(new Error('outer', { cause: inner })).context, { cause: 'RangeError: inner <- disk' });
  assert.deepEqual(thrown(new Error('outer', { cause: { a: 'b' } })).context, { cause: '{"a":"b"}' });
  assert.deepEqual(thrown(new AggregateError([new Error('x'), 'y'], 'all')).context, { errors: 'Error: x; y' });
  const loop = new Error('loop');
  loop.cause = loop;
  assert.equal(thrown(loop).context.cause.split(' <- ').length, 5);
});

test('reads a message where there is no error', () => {
  const check = (message, type, value) => assert.deepEqual(fromMessage(message), { type, value, stack: '' });
  check('Uncaught TypeError: x is not a function', 'TypeError', 'x is not a function');
  check('Uncaught null', 'Error', 'null');
  check('uncaught exception: text', 'Error', 'text');
  check('Script error.', 'Error', 'Script error.');
  check('Error: a: b\nc', 'Error', 'a: b\nc');
});
