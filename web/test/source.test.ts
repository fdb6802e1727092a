import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceWords, type Source } from '../src/link/source';
import { golden } from './golden';

const source = () => JSON.parse(golden('source.json')) as Exclude<Source, { device: null }>;
const words = (s: Source, state?: string) => sourceWords(s, state ? [{ name: 'PLC1', state, why: state === 'ok' ? null : 'timed out', since: null }] : []).map((f) => f.join(': '));

test("what the gateway says of a tag's register is said in words", () => {
  assert.deepEqual(words(source(), 'ok'), [
    'Register: PLC1:1:4x:101',
    'Set at: PLC1:1:4x:201',
    'Holds: int16 × 0.1 − 40',
    'Device: PLC1 at 192.168.0.10:502, read every 2 s, answers',
  ]);
});

test('a plain register says no more than there is, and a silent device why', () => {
  const plain = { ...source(), write: 'PLC1:1:4x:101', scale: 1, offset: 0, every_ms: 200 };
  assert.deepEqual(words(plain, 'offline'), ['Register: PLC1:1:4x:101', 'Holds: int16', 'Device: PLC1 at 192.168.0.10:502, read every 0.2 s, timed out']);
  assert.deepEqual(words({ ...plain, read: null }), ['Set at: PLC1:1:4x:101', 'Holds: int16', 'Device: PLC1 at 192.168.0.10:502']);
  assert.equal(words({ ...plain, sunssf: 'PLC1:1:4x:90' })[1], 'Holds: int16 × 10^PLC1:1:4x:90');
});

test('a tag that no device has says who may set it', () => {
  assert.deepEqual(words({ device: null }), ['From: no device: a script or a page sets it']);
});
