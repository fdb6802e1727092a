import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage, sayPing, saySet, sayWatch, typed, Unspoken, type Hello, type Tags } from '../src/link/speak';
import { findingPlace, mistakesTitle } from '../src/mistakes';
import { golden, goldenNames } from './golden';

test('every golden message of the gateway is understood, and says its own kind', () => {
  const from = goldenNames().filter((n) => n.endsWith('.json') && !/^(page|history|source)\b/.test(n));
  assert.ok(from.length >= 11, `only ${from.length} golden messages`);
  for (const n of from) assert.equal(parseMessage(golden(n))?.t, n.replace(/[-.].*/, ''), n);
});

test('hello: definitions, pages in order, what is absent is null', () => {
  const h = parseMessage(golden('hello.json')) as Hello;
  assert.equal(h.boot, '5f3a');
  assert.deepEqual(h.pages.map((p) => [p.id, p.parent]), [['station', null], ['levels', 'Trends']]);
  assert.equal(h.pages[0]?.items[1]?.['tagname'], 'level');
  const level = h.tags[0];
  assert.deepEqual([level?.min, level?.max, level?.dp, level?.deadband, level?.set], [0, 10, 2, 0.01, false]);
  assert.deepEqual(h.tags[1]?.multi, ['Off', 'Manual', 'Auto']);
  assert.equal(h.tags[2]?.format, 'datetime');
  assert.equal(h.tags[3]?.min, null);
});

test('an item that is not drawn is a placeholder with its kind and the reason', () => {
  const h = parseMessage(golden('hello.json')) as Hello;
  assert.deepEqual(h.pages[1]?.items[1], { type: 'placeholder', kind: 'opnotes', why: 'not built yet', at: 'wwwserver.yaml:34' });
});

test('mistakes of the site: what runs, and each with its place; a good site has none', () => {
  assert.equal((parseMessage(golden('hello.json')) as Hello).mistakes, null);
  const last = parseMessage(golden('hello-last-site.json')) as Hello;
  assert.equal(last.pages.length, 2);
  assert.ok(last.mistakes);
  assert.equal(mistakesTitle(last.mistakes), 'The site on this box has a mistake; the last good one is running');
  const full = { severity: 'error', file: 'data partition', line: 0, column: 0, text: 'The data partition is full.' } as const;
  assert.equal(mistakesTitle({ runs: 'last', findings: [full] }), 'This box has a fault; its site is running');
  assert.deepEqual(last.mistakes.findings.map(findingPlace), ['modbusclient.yaml:14:9', 'site']);
  assert.match(last.mistakes.findings[0]?.text ?? '', /did you mean "cdab"/);
  const none = parseMessage(golden('hello-no-site.json')) as Hello;
  assert.deepEqual([none.pages, none.tags, none.mistakes?.runs], [[], [], 'none']);
  assert.ok(none.mistakes && mistakesTitle(none.mistakes).startsWith('There is no good site'));
});

test('tags: the three qualities; a good one has no reason, a missing one no value', () => {
  const m = parseMessage(golden('tags.json')) as Tags;
  const r = m.readings.map((x) => x.reading);
  assert.deepEqual(r[0], { quality: 'good', at: 1700000000040, value: 123.45 });
  assert.deepEqual(r[1], { quality: 'held', at: 1699999990000, value: 2, why: 'timed out', since: 1700000000000 });
  assert.deepEqual(r[7], { quality: 'missing', why: 'never set', since: 0 });
  assert.equal(r[6]?.quality === 'good' && r[6].value, null, 'bytes come as null');
});

test('digits beyond 2^53 lose nothing, there and back; the same digits in a text stay text', () => {
  const m = parseMessage(golden('tags.json')) as Tags;
  const r = m.readings[4]?.reading;
  assert.ok(r?.quality === 'good');
  const v = typed('int', r.value);
  assert.equal(v, 9223372036854775807n);
  assert.equal(typed('str', '9223372036854775807'), '9223372036854775807');
  assert.deepEqual(JSON.parse(saySet(8, 4, v)), JSON.parse(golden('page-set-big.json')));
  assert.equal(saySet(1, 0, 42n), '{"t":"set","id":1,"tag":0,"value":42}');
});

test('what the page says is what the golden files say', () => {
  const same = (said: string, name: string) => assert.deepEqual(JSON.parse(said), JSON.parse(golden(name)), name);
  same(sayWatch([0, 3, 4]), 'page-watch.json');
  same(sayWatch([]), 'page-watch-none.json');
  same(saySet(7, 0, 12.5), 'page-set.json');
  same(saySet(9, 3, 'night shift'), 'page-set-text.json');
  same(sayPing(), 'page-ping.json');
});

test('outcomes: the reason of a refusal, the value of a mismatch', () => {
  const refused = parseMessage(golden('set-refused.json'));
  assert.ok(refused?.t === 'set' && refused.why === 'over max 10.0' && refused.id === 7);
  const mismatch = parseMessage(golden('set-mismatch.json'));
  assert.ok(mismatch?.t === 'set' && mismatch.value === 11.9);
});

test('rubbish is Unspoken, never a half-made message', () => {
  const bad = [
    '', 'x', '[]', 'null', '7', '{}', '{"t":7}', '{"t":"tags"}', '{"t":"tags","now":1,"v":[[0]]}', '{"t":"tags","now":1,"v":[[0,1,3,1]]}',
    '{"t":"tags","now":1,"v":[[0,1,0]]}', '{"t":"tags","now":1,"v":[[0,1,1,5]]}', '{"t":"tags","now":"1","v":[]}', '{"t":"tags","now":1e999,"v":[]}',
    '{"t":"set","id":1,"state":"perhaps"}', '{"t":"beat"}', '{"t":"plant","bus":true}', '{"t":"hello","v":2}',
    golden('hello-no-site.json').replace('"none"', '"some"'), golden('hello-no-site.json').replace('"error"', '"fatal"'), golden('hello-no-site.json').replace('14', '"14"'),
    golden('hello.json').replace('"float"', '"double"'), golden('hello.json').replace('"datetime"', '"week"'),
  ];
  for (const text of bad) assert.throws(() => parseMessage(text), Unspoken, text.slice(0, 60));
});

test('a kind of message from a newer gateway is passed over, not an error', () => {
  assert.equal(parseMessage('{"t":"weather","sun":true}'), null);
});
