import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { selector } = await load('selector');

const DOCUMENT = { nodeType: 9, parentNode: null };
const element = (localName, attributes = {}, parentNode = DOCUMENT) =>
  ({ nodeType: 1, localName, parentNode, getAttribute: (name) => attributes[name] ?? null });

test('goes up to the nearest id', () => {
  const list = element('ul', { id: 'list' }, element('body'));
  assert.equal(selector(element('li', { class: ' row  hot ' }, list)), '#list>li.row.hot');
});

test('goes up to the root without one, and starts at the element of a text', () => {
  const main = element('main', {}, element('body', {}, element('html')));
  assert.equal(selector({ nodeType: 3, parentNode: main }), 'html>body>main');
});

test('keeps the nearest steps within 100 characters', () => {
  const outer = element('div', { class: 'o'.repeat(60) });
  assert.equal(selector(element('p', { class: 'i'.repeat(60) }, outer)), `p.${'i'.repeat(60)}`);
  assert.equal(selector(element('p', { class: 'i'.repeat(200) })).length, 100);
});

test('is empty without an element', () => {
  assert.equal(selector(null), '');
  assert.equal(selector(undefined), '');
});
