import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { absolute, textMatches, urlMatcher } = await load('match');
const BASE = 'https://shop.example/cart/';

test('a string is the whole URL, a RegExp any part', () => {
  const check = (url, patterns, expected) => assert.equal(urlMatcher(patterns, BASE)(url), expected);
  check('https://api.example/a', ['https://api.example/a'], true);
  check('https://api.example/ab', ['https://api.example/a'], false);
  check('https://shop.example/collect', ['/collect'], true);
  check('https://api.example/', ['https://api.example'], true);
  check('https://api.example/a', [/example\/a$/], true);
  check('https://api.example/a', [], false);
});

test('a global RegExp answers the same each time and is left as it was', () => {
  const pattern = /api/g;
  pattern.lastIndex = 2;
  for (let round = 0; round < 3; round++) assert.equal(urlMatcher([pattern], BASE)('https://api.example/'), true);
  assert.equal(pattern.lastIndex, 2);
});

test('only http URLs are absolute', () => {
  assert.equal(absolute('x?y', BASE).href, 'https://shop.example/cart/x?y');
  for (const url of ['data:text/plain,x', 'blob:https://shop.example/1', 'http://[']) assert.equal(absolute(url, BASE), undefined);
});

test('text matches by a part', () => {
  assert.equal(textMatches('ResizeObserver loop limit Error', ['ResizeObserver']), true);
  assert.equal(textMatches('boom TypeError', [/^boom/]), true);
  assert.equal(textMatches('boom', ['bang', /bong/]), false);
});
