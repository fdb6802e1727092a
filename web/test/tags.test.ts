import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage, type Hello, type Tags } from '../src/link/speak';
import { TagStore } from '../src/link/tags';
import { NO_LINK, WAITING } from '../src/link/words';
import { golden } from './golden';

const hello = () => parseMessage(golden('hello.json')) as Hello;
const tags = () => parseMessage(golden('tags.json')) as Tags;

function setUp(watch: string[]) {
  let now = 1000;
  const store = new TagStore(() => now);
  store.hello(hello().tags, now);
  const stop = store.watch(watch);
  store.flush();
  return { store, stop, at: (t: number) => (now = t), q: (n: string) => store.get(n)?.reading.peek() };
}

test('a watched tag becomes good by the gateway’s word only; an unwatched one never', () => {
  const { store, q } = setUp(['level']);
  assert.equal(q('level')?.quality, 'missing');
  store.update(tags());
  assert.equal(q('level')?.quality, 'good');
  assert.equal(q('shift')?.quality, 'missing', 'nobody watches it');
});

test('link lost: every good value is held from that moment, with the number it had', () => {
  const { store, q } = setUp(['level', 'mode', 'rounds', 'energy']);
  store.update(tags());
  store.holdAll(5000);
  assert.deepEqual(q('level'), { quality: 'held', at: 1700000000040, value: 123.45, why: NO_LINK, since: 5000 });
  assert.deepEqual(q('mode'), { quality: 'held', at: 1699999990000, value: 2, why: 'timed out', since: 1700000000000 }, 'the plant’s own reason stays');
  assert.equal(q('rounds')?.quality, 'missing');
  const e = q('energy');
  assert.ok(e?.quality === 'held' && e.value === 9223372036854775807n);
});

test('reconnected with other numbers: names keep their signals, values wait for the gateway', () => {
  const { store, q } = setUp(['level']);
  store.update(tags());
  const signal = store.get('level')?.reading;
  store.holdAll(5000);
  store.hello([...hello().tags].reverse(), 6000);
  store.flush();
  assert.equal(store.get('level')?.reading, signal);
  assert.deepEqual(store.watched(), [7]);
  assert.equal(q('level')?.quality, 'held');
  store.update({ t: 'tags', now: 7000, readings: [{ tag: 7, reading: { quality: 'good', at: 7000, value: 1.5 } }] });
  assert.deepEqual(q('level'), { quality: 'good', at: 7000, value: 1.5 });
});

test('leaving a page and coming back: held until the gateway has said it again', () => {
  const { store, stop, q } = setUp(['level']);
  store.update(tags());
  stop();
  store.flush();
  const r = q('level');
  assert.ok(r?.quality === 'held' && r.why === WAITING);
  store.watch(['level']);
  store.flush();
  assert.equal(q('level')?.quality, 'held');
  store.update(tags());
  assert.equal(q('level')?.quality, 'good');
});

test('a tag on both the old and the new page stays live through the change: one list, no flicker', () => {
  const { store, stop, q } = setUp(['level', 'shift']);
  const lists: number[][] = [];
  store.onWatch = () => lists.push(store.watched());
  store.update(tags());
  stop();
  store.watch(['level', 'mode']);
  store.flush();
  assert.equal(q('level')?.quality, 'good');
  assert.deepEqual(lists, [[0, 1]]);
});

test('two views of one tag: it is watched until the last one goes', () => {
  const { store, stop } = setUp(['level']);
  const sheet = store.watch(['level']);
  store.flush();
  sheet();
  sheet();
  store.flush();
  assert.deepEqual(store.watched(), [0]);
  stop();
  store.flush();
  assert.deepEqual(store.watched(), []);
});

test('readings with numbers nobody gave are passed over', () => {
  const { store } = setUp(['level']);
  store.update({ t: 'tags', now: 1, readings: [{ tag: 999, reading: { quality: 'good', at: 1, value: 1 } }, { tag: -1, reading: { quality: 'good', at: 1, value: 1 } }] });
});
