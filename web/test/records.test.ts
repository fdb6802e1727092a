import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fetcher } from '../src/link/history';
import { askRecords } from '../src/link/records';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const HOUR = 3_600_000;

/** A history of one tag; what was asked of it. */
function past(rows: [string, unknown, string][]): { fetcher: Fetcher; spans: number[] } {
  const spans: number[] = [];
  const fetcher: Fetcher = async (url) => {
    const q = new URL(url, 'http://x').searchParams;
    assert.equal(q.get('tag'), 'a b&c');
    const [from, to] = [Number(q.get('from')), Number(q.get('to'))];
    spans.push(to - from);
    const inside = rows.filter(([at]) => Date.parse(at) >= from && Date.parse(at) < to).map(([at, v, why]) => [at, 'a b&c', v, why]);
    return { status: 200, bytes: new TextEncoder().encode(JSON.stringify({ columns: [], rows: inside })).buffer as ArrayBuffer };
  };
  return { fetcher, spans };
}
const ask = (fetcher: Fetcher, most: number) => askRecords(fetcher, 'a b&c', NOW, most, new AbortController().signal);

test('records are the newest, newest first, and no more of the past is read than they need', async () => {
  const busy = past([['2026-01-31T11:59:00.5Z', 'alpha', 'good'], ['2026-01-31T11:59:30Z', { a: [1] }, 'good'], ['2026-01-31T11:59:40Z', null, 'timed out']]);
  assert.deepEqual(await ask(busy.fetcher, 2), [
    { at: NOW - 20_000, value: null, quality: 'timed out' },
    { at: NOW - 30_000, value: { a: [1] }, quality: 'good' },
  ]);
  assert.deepEqual(busy.spans, [HOUR / 6]);
  const quiet = past([['2026-01-20T00:00:00Z', 'old', 'good']]);
  assert.deepEqual((await ask(quiet.fetcher, 2))?.map((r) => r.value), ['old']);
  assert.deepEqual(quiet.spans, [HOUR / 6, HOUR, 8 * HOUR, 24 * HOUR, 168 * HOUR, 720 * HOUR]);
});

test('a tag of which the history keeps nothing has none', async () => {
  assert.equal(await ask(async () => ({ status: 400, bytes: new ArrayBuffer(0) }), 2), null);
});
