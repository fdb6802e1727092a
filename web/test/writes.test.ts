import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage, type SetNews } from '../src/link/speak';
import { GIVE_UP_MS, Writes } from '../src/link/writes';
import { golden } from './golden';

const news = (name: string, id = 1): SetNews => ({ ...(parseMessage(golden(`set-${name}.json`)) as SetNews), id });

function setUp(connected = true) {
  const sent: unknown[] = [];
  const w = new Writes((id, tag, value) => {
    if (connected) sent.push([id, tag, value]);
    return connected;
  });
  return { w, sent, o: (tag: string) => w.of(tag).peek() };
}

test('sent, then confirmed; what comes after the final state changes nothing', () => {
  const { w, sent, o } = setUp();
  w.set('gate', 12.5, 100);
  assert.deepEqual(sent, [[1, 'gate', 12.5]]);
  assert.equal(o('gate')?.state, 'sending');
  w.news(news('sent'), 200);
  assert.equal(o('gate')?.state, 'sent');
  assert.ok(w.pending);
  w.news(news('confirmed'), 300);
  assert.deepEqual([o('gate')?.state, o('gate')?.at], ['confirmed', 300]);
  assert.ok(!w.pending);
  w.news(news('refused'), 400);
  assert.equal(o('gate')?.state, 'confirmed');
});

test('each final state keeps its reason or value', () => {
  for (const state of ['confirmed', 'stored', 'refused', 'mismatch', 'expired'] as const) {
    const { w, o } = setUp();
    w.set('gate', 12.5, 0);
    w.news(news(state), 1);
    assert.equal(o('gate')?.state, state);
    if (state === 'refused') assert.equal(o('gate')?.why, 'over max 10.0');
    if (state === 'mismatch') assert.equal(o('gate')?.has, 11.9);
  }
});

test('the line breaks: open writes are unknown, finished ones stay', () => {
  const { w, o } = setUp();
  w.set('a', 1, 0);
  w.set('b', 2, 0);
  w.news(news('confirmed', 1), 1);
  w.lost(5);
  assert.equal(o('a')?.state, 'confirmed');
  assert.deepEqual([o('b')?.state, o('b')?.why], ['unknown', 'connection lost']);
  w.news(news('confirmed', 2), 6);
  assert.equal(o('b')?.state, 'unknown', 'ids of a lost connection mean nothing');
});

test('without a link nothing is sent, and it says so', () => {
  const { w, sent, o } = setUp(false);
  w.set('gate', 1, 0);
  assert.equal(sent.length, 0);
  assert.equal(o('gate')?.state, 'refused');
  assert.match(o('gate')?.why ?? '', /nothing was sent/);
  assert.ok(!w.pending);
});

test('two writes of one tag: the row follows the newer, the older’s answer does not touch it', () => {
  const { w, o } = setUp();
  w.set('gate', 1, 0);
  w.set('gate', 2, 1);
  w.news(news('refused', 1), 2);
  assert.equal(o('gate')?.state, 'sending');
  assert.equal(o('gate')?.asked, 2);
  w.news(news('confirmed', 2), 3);
  assert.equal(o('gate')?.state, 'confirmed');
  assert.ok(!w.pending);
});

test('no answer for long: unknown, not for ever waiting', () => {
  const { w, o } = setUp();
  w.set('gate', 1, 0);
  w.tick(GIVE_UP_MS);
  assert.equal(o('gate')?.state, 'sending');
  w.tick(GIVE_UP_MS + 1);
  assert.equal(o('gate')?.state, 'unknown');
});

test('dismissing hides an ended write, never an open one', () => {
  const { w, o } = setUp();
  w.set('gate', 1, 0);
  w.dismiss('gate', 1);
  assert.equal(o('gate')?.state, 'sending');
  w.news(news('expired'), 1);
  w.dismiss('gate', 7);
  assert.equal(o('gate')?.state, 'expired', 'another write is not this one');
  w.dismiss('gate', 1);
  assert.equal(o('gate'), null);
  w.set('gate', 2, 2);
  w.news(news('confirmed', 2), 3);
  w.dismiss('gate', 1);
  assert.equal(o('gate')?.state, 'confirmed', 'answered before the sheet had closed: still told');
});
