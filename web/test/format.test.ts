import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAge, formatClock, formatNumber, formatTime, formatValue, outOfRange, parseTyped, remark, stateName, widthOf } from '../src/format';
import type { TagDef } from '../src/link/speak';

process.env['TZ'] = 'Pacific/Auckland';

export const def = (d: Partial<TagDef> = {}): TagDef => ({
  name: 'x', desc: 'X', kind: 'float', units: null, dp: null, min: null, max: null, multi: null, deadband: null, format: null, set: false, ...d,
});
const T = '\u202f';

test('numbers: decimals as given, a real minus, no minus zero, groups from five digits', () => {
  for (const [v, dp, want] of [
    [123.456, 2, '123.46'], [-1.5, 1, '\u22121.5'], [-0.001, 2, '0.00'], [9999, 0, '9999'], [48211907, 0, `48${T}211${T}907`], [12345.678, 1, `12${T}345.7`],
    [0.1 + 0.2, null, '0.3'], [1e21, 2, '1.000e+21'], [NaN, 2, '—'], [Infinity, 2, '—'], [9223372036854775807n, 0, `9${T}223${T}372${T}036${T}854${T}775${T}807`],
  ] as const) {
    assert.equal(formatNumber(v, dp), want, `${v} with ${dp}`);
  }
});

test('values: unit apart, state words, unknown states say so, float default two decimals', () => {
  assert.deepEqual(formatValue(def({ units: 'm³/s' }), 12.5), { text: '12.50', units: 'm³/s' });
  assert.deepEqual(formatValue(def({ kind: 'int', multi: ['Off', 'On'], units: 'x' }), 1), { text: 'On', units: '' });
  assert.equal(stateName(['Off'], 7), 'state 7?');
  assert.equal(formatValue(def({ kind: 'bytes' }), null).text, 'binary');
  assert.equal(formatValue(def({ kind: 'list' }), [1, 2]).text, '2 entries');
  assert.equal(formatValue(def({ kind: 'str' }), '').text, '“”');
});

test('times: µs since 1970 in the phone’s zone', () => {
  const us = 1700000000000000;
  assert.equal(formatValue(def({ kind: 'int', format: 'time' }), us).text, '11:13:20');
  assert.equal(formatValue(def({ kind: 'int', format: 'date' }), us).text, `15${T}Nov${T}2023`);
  assert.equal(formatTime(us / 1000, 'datetime'), `15${T}Nov${T}2023 11:13:20`);
  assert.equal(formatTime(NaN, 'date'), '—');
});

test('ages: seconds, minutes, then since when; never negative', () => {
  const now = 1700000000000;
  assert.equal(formatAge(now - 42_400, now), `42${T}s`);
  assert.equal(formatAge(now + 5000, now), `0${T}s`);
  assert.equal(formatAge(now - 200_000, now), `3${T}min`);
  assert.equal(formatAge(now - 3_600_000, now), 'since 10:13');
  assert.equal(formatAge(0, now), 'longer than known');
  assert.equal(formatClock(now - 86_400_000, now), '14 Nov 11:13');
});

test('remarks: silence when good, the reason and age when held, the reason when missing', () => {
  const now = 1700000000000;
  assert.equal(remark({ quality: 'good', at: now, value: 1 }, now), null);
  assert.equal(remark({ quality: 'held', at: 0, value: 1, why: 'PLC1 timed out', since: now - 42_000 }, now), `held · PLC1 timed out · 42${T}s`);
  assert.equal(remark({ quality: 'held', at: 0, value: 1, why: 'no connection', since: now - 42_000 }, now), `held · 42${T}s`, 'the pill says why');
  assert.equal(remark({ quality: 'missing', why: 'never set', since: 0 }, now), 'never set');
});

test('limits: beyond them in words, at them quiet; states and times have none', () => {
  assert.equal(outOfRange(def({ max: 10, dp: 1 }), 10.2), 'over max 10.0');
  assert.equal(outOfRange(def({ min: 1, dp: 0, kind: 'int' }), 0), 'under min 1');
  assert.equal(outOfRange(def({ min: 0, max: 10 }), 10), null);
  assert.equal(outOfRange(def({ kind: 'int', multi: ['a'], max: 0 }), 5), null);
});

test('typed numbers: comma and minus as people write them, nothing half', () => {
  for (const [text, want] of [['12,5', 12.5], ['\u22123', -3], [' 1 000 ', 1000], ['.5', 0.5], ['5.', 5], ['1e3', 1000], ['', null], ['-', null], ['1.2.3', null], ['0x10', null], ['Infinity', null], ['12a', null]] as const) {
    assert.equal(parseTyped(text), want, text);
  }
});

test('the width kept for a value holds its limits', () => {
  assert.ok(widthOf(def({ min: -100, max: 1000, dp: 3 })) >= '1000.000'.length);
  assert.ok(widthOf(def({ kind: 'int', multi: ['Off', 'Level control'] })) >= 10);
});
