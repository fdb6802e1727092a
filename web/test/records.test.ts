import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fetcher } from '../src/link/history';
import { askRecords } from '../src/link/records';

const NOW = Date.parse('2026-01-31T12:00:00Z');

/** A history of one tag; what was asked of it. */
function past(rows: [string, unknown, string][]): { fetcher: Fetcher; asked: string[] } {
  const asked: string[] = [];
  const fetcher: Fetcher = async (url) => {
    asked.push(url);
    const q = new URL(url, 'http://x').searchParams;
    const inside = rows.filter(([at]) => Date.parse(at) < Number(q.get('to'))).slice(-Number(q.get('last')));
    const told = inside.map(([at, v, why]) => [at, q.get('tag'), v, why]);
    return { status: 200, bytes: new TextEncoder().encode(JSON.stringify({ columns: [], rows: told })).buffer as ArrayBuffer };
  };
  return { fetcher, asked };
}
const ask = (fetcher: Fetcher, most: number) => askRecords(fetcher, 'a b&c', NOW, most, new AbortController().signal);

test('records are the newest, newest first, by one question for their number', async () => {
  const busy = past([['2026-01-31T11:59:00.5Z', 'alpha', 'good'], ['2026-01-31T11:59:30Z', { a: [1] }, 'good'], ['2026-01-31T11:59:40Z', null, 'timed out']]);
  assert.deepEqual(await ask(busy.fetcher, 2), [
    { at: NOW - 20_000, value: null, quality: 'timed out' },
    { at: NOW - 30_000, value: { a: [1] }, quality: 'good' },
  ]);
  assert.deepEqual(busy.asked, [`/api/history/records?tag=a%20b%26c&last=2&to=${NOW + 1000}`]);
  // However long ago that was.
  const quiet = past([['2021-01-20T00:00:00Z', 'old', 'good']]);
  assert.deepEqual((await ask(quiet.fetcher, 2))?.map((r) => r.value), ['old']);
  assert.equal(quiet.asked.length, 1);
});

test('a tag of which the history keeps nothing has none', async () => {
  assert.equal(await ask(async () => ({ status: 400, bytes: new ArrayBuffer(0) }), 2), null);
});
