import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../src/link/history';
import { salvaged, uncertainIn, type Past } from '../src/link/past';
import { Loader, type Source } from '../src/trend/load';
import type { Spec } from '../src/trend/spec';
import { Track } from '../src/trend/track';
import { Window } from '../src/trend/window';

const said: Past = { oldest_ms: 0, days: 0, days_kept: null, device_bytes_per_day: null, failing: null, damaged: 0, salvage: null, wear: [], uncertain_ms: [[100, 200], [300, 400], [900, 950]], clock_uncertain: false };

test('where the time is uncertain in what is shown', () => {
  assert.equal(uncertainIn(null, 0, 1000), null);
  assert.equal(uncertainIn(said, 200, 300), null);
  assert.deepEqual(uncertainIn(said, 150, 160), [150, 160]);
  assert.deepEqual(uncertainIn(said, 150, 800), [150, 400]);
  assert.deepEqual(uncertainIn(said, 0, 5000), [100, 950]);
});

test('what became of a damaged history', () => {
  assert.equal(salvaged({ got: 12_345, done: true }), '12\u202f345 samples got back');
  assert.equal(salvaged({ got: 0, done: false }), '0 samples got back so far');
  assert.equal(salvaged({ got: 0, done: true }), 'nothing could be got back');
});

/** What an empty trend says; `known`: history keeps the tag. */
async function words(known: boolean, since: number | null): Promise<string | null> {
  const none = new Float64Array(0);
  const answer: Answer = { from: 0, to: 1, series: [{ known, decimated: false, time: none, min: none, max: none, last: none }] };
  const source: Source = { ask: async () => answer, why: String, now: () => 1e12, live: () => true, since: () => since, reading: () => undefined };
  const spec = { pens: [{ tag: 'level' }] } as unknown as Spec;
  const loader = new Loader(spec, [new Track()], new Window(1e12, 3_600_000, 0), source, () => 300, () => undefined);
  assert.equal(loader.emptyWords(String), 'loading…');
  await loader.load();
  return loader.emptyWords((ms) => `day ${ms}`);
}

test('an empty trend says since when there is anything', async () => {
  assert.equal(await words(true, 5), 'no samples in this span, recording since day 5');
  assert.equal(await words(true, null), 'no samples in this span yet');
  assert.equal(await words(false, 5), 'history keeps none of these tags');
});
