import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TagDef } from '../src/link/speak';
import { cellsOf, withPicked } from '../src/parts/cells';
import { checkNumber, fromPicker, limitWords, stepOf, stepped, toPicker, verb } from '../src/setpoint';

process.env['TZ'] = 'Europe/Berlin';

const def = (d: Partial<TagDef> = {}): TagDef => ({
  name: 'x', desc: 'X', kind: 'float', units: null, dp: 1, min: null, max: null, multi: null, deadband: null, format: null, set: true, ...d,
});

test('typed numbers are checked against kind and limits, in words', () => {
  const d = def({ min: 0, max: 10 });
  for (const [text, want] of [['12', 'over max 10.0'], ['-1', 'under min 0.0'], ['', 'type a value'], ['1.2.3', 'not a number'], ['-', 'not a number']] as const) {
    assert.deepEqual(checkNumber(d, text), { ok: false, why: want }, text);
  }
  assert.deepEqual(checkNumber(d, '9,5'), { ok: true, value: 9.5 });
  assert.deepEqual(checkNumber(d, '10'), { ok: true, value: 10 });
});

test('no limits given means none, never 0 to 100', () => {
  assert.deepEqual(checkNumber(def(), '-1000000'), { ok: true, value: -1000000 });
  assert.equal(limitWords(def()), 'none given');
  assert.equal(limitWords(def({ max: 3, units: 'm' })), 'at most 3.0 m');
});

test('whole numbers stay whole, up to 64 bits without losing a digit', () => {
  const d = def({ kind: 'int', dp: 0 });
  assert.deepEqual(checkNumber(d, '9223372036854775807'), { ok: true, value: 9223372036854775807n });
  assert.deepEqual(checkNumber(d, '42'), { ok: true, value: 42 });
  assert.equal(checkNumber(d, '9223372036854775808').ok, false);
  assert.deepEqual(checkNumber(d, '1.5'), { ok: false, why: 'whole numbers only' });
});

test('steps: a hundredth of the range in steps people count in, clamped at the limits', () => {
  assert.equal(stepOf(def({ min: 0, max: 100 })), 1);
  assert.equal(stepOf(def({ min: 0, max: 6 })), 0.1);
  assert.equal(stepOf(def({ min: 0, max: 1450, kind: 'int', dp: 0 })), 20);
  assert.equal(stepOf(def({ min: 0, max: 3, kind: 'int', dp: 0 })), 1);
  assert.equal(stepped(def({ min: 0, max: 6 }), '5.95', 0.1), '6');
  assert.equal(stepped(def(), '0.1', 0.2), '0.3');
  assert.equal(stepped(def(), '', 0.1), '0.1');
});

test('the button says what will be done, with every decimal typed', () => {
  assert.equal(verb(def({ units: 'm³/s' }), 12.5), 'Set 12.5 m³/s');
  assert.equal(verb(def({ units: 'm' }), 1.25), 'Set 1.25 m');
  assert.equal(verb(def({ kind: 'int', multi: ['Off', 'Auto'] }), 1), 'Set Auto');
  assert.equal(verb(def({ kind: 'str' }), 'night shift'), 'Set “night shift”');
  assert.equal(verb(def({ kind: 'str' }), ''), 'Set to empty');
});

test('pickers open at the present value and give µs, not ms', () => {
  const us = 1700000000000000;
  for (const how of ['time', 'date', 'datetime'] as const) {
    assert.deepEqual(fromPicker(toPicker(us, how), how, us, 0), { ok: true, value: us }, how);
  }
  assert.equal(toPicker(us, 'datetime'), '2023-11-14T23:13:20');
  assert.deepEqual(fromPicker('06:30', 'time', us, 0), { ok: true, value: Date.parse('2023-11-14T06:30:00+01:00') * 1000 });
  assert.deepEqual(fromPicker('2024-06-01', 'date', null, 0), { ok: true, value: Date.parse('2024-06-01T00:00:00+02:00') * 1000 });
  assert.equal(fromPicker('', 'datetime', us, 0).ok, false);
});

test('selectdict: only the picked cells change, the rest of the dict goes back as it came', () => {
  const v = { labels: ['a', 'b', 'c'], values: [1, 2, 3], locks: [0, 0, 1], times: [7, 7, 7] };
  assert.deepEqual(withPicked(v, [0, 1], 5), { labels: ['a', 'b', 'c'], values: [5, 5, 3], locks: [0, 0, 1], times: [7, 7, 7] });
  assert.deepEqual(v.values, [1, 2, 3]);
  assert.deepEqual(cellsOf(v)?.map((c) => c.locked), [false, false, true]);
  assert.equal(cellsOf({ labels: 'x' }), null);
  assert.equal(withPicked(null, [0], 1), null);
});
