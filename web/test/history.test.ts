import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askHistory, NoHistory, parseAnswer } from '../src/link/history';
import { Unspoken } from '../src/link/speak';
import { Track } from '../src/trend/track';
import { golden, goldenBytes } from './golden';

interface Described {
  from: number;
  to: number;
  series: { form: number; time: number[]; value?: (number | null)[]; min?: (number | null)[]; max?: (number | null)[]; last?: (number | null)[] }[];
}
const nan = (c: (number | null)[] | undefined) => (c ?? []).map((v) => v ?? NaN);

for (const name of ['history-raw', 'history-decimated', 'history-mixed']) {
  test(`${name}.bin is what its .json says`, () => {
    const want = JSON.parse(golden(`${name}.json`)) as Described;
    const got = parseAnswer(goldenBytes(`${name}.bin`));
    assert.deepEqual([got.from, got.to, got.series.length], [want.from, want.to, want.series.length]);
    got.series.forEach((s, i) => {
      const w = want.series[i];
      assert.equal(s.known, w?.form !== 2);
      assert.equal(s.decimated, w?.form === 1);
      assert.deepEqual([...s.time], w?.time);
      assert.deepEqual([...s.last], nan(w?.form === 1 ? w.last : w?.value));
      if (w?.form === 1) assert.deepEqual([[...s.min], [...s.max]], [nan(w.min), nan(w.max)]);
    });
  });
}

test('bytes cut short or of another kind are refused, at every length', () => {
  const whole = goldenBytes('history-mixed.bin');
  for (let n = 0; n < whole.byteLength; n += 1) assert.throws(() => parseAnswer(whole.slice(0, n)), Unspoken, `${n} bytes`);
  const wrong = new Uint8Array(whole.slice(0));
  wrong[0] = 0;
  assert.throws(() => parseAnswer(wrong.buffer), Unspoken);
  const many = new DataView(whole.slice(0));
  many.setUint32(24, 0xffffffff, true);
  assert.throws(() => parseAnswer(many.buffer), Unspoken);
});

test('a track of the golden raw series: holes are holes, what held before counts, beyond the answer nothing is known', () => {
  const a = parseAnswer(goldenBytes('history-raw.bin'));
  const t = new Track();
  const s = a.series[0];
  assert.ok(s);
  t.load(s, a.from, a.to, true);
  assert.equal(t.valueAt(a.from), 1.25, 'the point before the span holds at its start');
  assert.equal(t.valueAt(a.from + 60_000.5), 1.5);
  assert.ok(Number.isNaN(t.valueAt(a.from + 300_000)), 'in the hole');
  assert.equal(t.valueAt(a.to), -0.125);
  assert.ok(Number.isNaN(t.valueAt(a.to + 1)) && Number.isNaN(t.valueAt(a.from - 1)));
  assert.deepEqual(t.extent(a.from, a.to), [-0.125, 2]);
});

test('live points follow the answer; older ones are not put in; a new answer keeps only newer ones', () => {
  const a = parseAnswer(goldenBytes('history-raw.bin'));
  const s = a.series[0];
  assert.ok(s);
  const t = new Track();
  t.append(a.from, 9);
  assert.equal(t.n, 0, 'nothing is drawn before history has answered');
  t.load(s, a.from, a.to, true);
  t.append(a.from, 9);
  t.append(a.to + 1000, 3);
  t.append(a.to + 2000, 4);
  t.reach(a.to + 5000);
  assert.equal(t.n, s.time.length + 2);
  assert.equal(t.valueAt(a.to + 4999), 4);
  t.load(s, a.from, a.to, true);
  assert.equal(t.n, s.time.length + 2, 'not yet written to history, so kept');
  assert.deepEqual(t.extent(a.from, a.to + 5000), [-0.125, 4]);
  t.append(a.to + 3000, NaN);
  t.load({ ...s, time: Float64Array.of(a.to + 2500), min: Float64Array.of(4), max: Float64Array.of(4), last: Float64Array.of(4) }, a.to, a.to + 6000, true);
  assert.equal(t.n, 1, 'a hole of a lost link is for history to judge');
});

test('the past alone: what comes live is not joined to it, and nothing is known in between', () => {
  const a = parseAnswer(goldenBytes('history-raw.bin'));
  const s = a.series[0];
  assert.ok(s);
  const t = new Track();
  t.load(s, a.from, a.to, false);
  t.append(a.to + 86_400_000, 5);
  t.reach(a.to + 86_400_000);
  assert.equal(t.to, a.to);
  assert.ok(Number.isNaN(t.valueAt(a.to + 1000)));
});

test('thousands of live points: still sorted, still found', () => {
  const t = new Track();
  t.load({ known: true, decimated: false, time: new Float64Array(0), min: new Float64Array(0), max: new Float64Array(0), last: new Float64Array(0) }, 0, 1, true);
  for (let i = 1; i <= 5000; i += 1) t.append(i * 10, i);
  t.reach(60_000);
  assert.equal(t.valueAt(25_005), 2500);
  assert.equal(t.count(10, 50_000), 4999);
});

test('asking: the address of the question, and each way it can go wrong in words', async () => {
  const stop = new AbortController().signal;
  let url = '';
  const answer = goldenBytes('history-raw.bin');
  await askHistory(async (u) => ((url = u), { status: 200, bytes: answer }), ['a b'], 1.2, 9.7, 0.4, stop);
  assert.equal(url, '/api/history?tag=a%20b&from=1&to=10&columns=1');
  const gone = (f: Parameters<typeof askHistory>[0]) => assert.rejects(askHistory(f, ['a'], 0, 1, 1, stop), NoHistory);
  await gone(async () => ({ status: 401, bytes: answer }));
  await gone(async () => ({ status: 500, bytes: answer }));
  await assert.rejects(
    askHistory(async () => ({ status: 503, bytes: new TextEncoder().encode('{"error": "history is starting"}').buffer as ArrayBuffer }), ['a'], 0, 1, 1, stop),
    { message: 'history is starting' },
  );
  await gone(async () => Promise.reject(new TypeError('no network')));
  await assert.rejects(askHistory(async () => ({ status: 200, bytes: answer }), ['a', 'b'], 0, 1, 1, stop), NoHistory);
});
