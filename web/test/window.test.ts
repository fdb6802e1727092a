import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesOf, timeLabel, timeSplits } from '../src/trend/axis';
import { parseSpec } from '../src/trend/spec';
import { DAY_MS, HOUR_MS } from '../src/trend/spans';
import { Window } from '../src/trend/window';

process.env['TZ'] = 'Asia/Kolkata';
const NOW = 1_700_000_000_000;

test('follows the time; a pan stops following; live follows again over the same span', () => {
  const w = new Window(NOW, HOUR_MS);
  w.tick(NOW + 5000);
  assert.deepEqual([w.from, w.to], [NOW + 5000 - HOUR_MS, NOW + 5000]);
  w.pan(-HOUR_MS / 2, NOW + 5000);
  assert.equal(w.following, false);
  const to = w.to;
  w.tick(NOW + 60_000);
  assert.equal(w.to, to);
  w.live(NOW + 60_000);
  assert.deepEqual([w.following, w.to, w.span], [true, NOW + 60_000, HOUR_MS]);
});

test('no panning into the future, no zooming into nothing', () => {
  const w = new Window(NOW, HOUR_MS);
  w.pan(10 * HOUR_MS, NOW);
  assert.ok(w.to <= NOW + HOUR_MS * 0.06);
  w.zoom(1e9, NOW, NOW);
  assert.ok(w.span >= 10_000 - 1);
  w.zoom(1e-12, NOW, NOW);
  assert.ok(w.span <= 11 * 365 * DAY_MS);
});

test('a pinch keeps the time under the fingers in its place', () => {
  const w = new Window(NOW, HOUR_MS);
  w.pan(-HOUR_MS, NOW);
  const around = w.from + w.span * 0.25;
  w.zoom(2, around, NOW);
  assert.ok(Math.abs((around - w.from) / w.span - 0.25) < 1e-9);
  assert.ok(Math.abs(w.span - HOUR_MS / 2) < 1);
});

test('asks once with margins, then not again until the edge nears or the view is finer', () => {
  const w = new Window(NOW, HOUR_MS);
  const [ask, ...more] = w.asks(NOW, 300, null);
  assert.ok(ask && more.length === 0);
  assert.ok(ask.from <= NOW - 1.4 * HOUR_MS && ask.to === NOW);
  assert.deepEqual(w.asks(NOW, 300, ask), []);
  w.pan(-HOUR_MS * 0.1, NOW);
  assert.deepEqual(w.asks(NOW, 300, ask), [], 'still inside the margin');
  w.pan(-HOUR_MS * 0.3, NOW);
  assert.equal(w.asks(NOW, 300, ask).length, 1, 'before the edge is reached');
  const z = new Window(NOW, HOUR_MS);
  z.zoom(4, NOW, NOW);
  assert.equal(z.asks(NOW, 300, ask).length, 1, 'finer than what was loaded');
});

test('a month comes coarse first, then fine; never more columns than the gateway takes', () => {
  const w = new Window(NOW, 30 * DAY_MS);
  const asks = w.asks(NOW, 2000, null);
  assert.equal(asks.length, 2);
  assert.ok((asks[0]?.columns ?? 0) < 100 && (asks[1]?.columns ?? 0) > 1000 && (asks[1]?.columns ?? 9999) <= 4096);
});

test('time ticks are round in the phone’s own zone, even a zone of half hours', () => {
  const splits = timeSplits(NOW - 8 * HOUR_MS, NOW, 4);
  assert.ok(splits.length >= 2 && splits.length <= 5);
  for (const t of splits) assert.equal(new Date(t).getMinutes(), 0);
  assert.match(timeLabel(splits[0] ?? 0, null, HOUR_MS), /^\d\d:00\n\d+ Nov$/);
});

test('a tick’s label has every decimal the tick has, also when there is only one tick', () => {
  assert.equal(placesOf([144.53, 144.5325, 144.535], 0.0025), 4);
  assert.equal(placesOf([144.52], 0.01), 2);
  assert.equal(placesOf([0.1 + 0.2, 0.4], 0.1), 1);
  assert.equal(placesOf([0, 20, 40], 20), 0);
  assert.equal(placesOf([], 1), 0);
  // What the site wants is the least: a label of 2.5 that said 3 would be wrong.
  assert.equal(placesOf([0, 2.5, 5, 7.5, 10], 2.5, 0), 1);
  assert.equal(placesOf([0, 20, 40], 20, 1), 1);
});

test('a uplot item with pymscada’s keys', () => {
  const s = parseSpec(
    {
      type: 'uplot',
      ms: { desc: 'Ping Trend', age: 172800, legend_pos: 'left', time_res: 'm' },
      axes: [{ scale: 'x', range: [-86400, 600] }, { scale: 'mS', range: [0, 100], dp: 1 }, { scale: 'q', range: -5 }],
      series: [
        { tagname: 'a', label: 'localhost', scale: 'mS', color: 'black', dp: 1, dash: [4, 2], linestyle: 'linear', nolegend: true },
        { tagname: 'b', scale: 'free', fill: ['green', 0.2] },
        { label: 'without a tag' },
      ],
      bands: [{ series: ['a', 'b'], fill: ['green', 0.3], dir: 1 }, { series: ['a', 'nowhere'], fill: ['red', 1] }],
    },
    () => undefined,
  );
  assert.deepEqual([s.title, s.pastMs, s.futureMs], ['Ping Trend', 86_400_000, 600_000]);
  assert.deepEqual(s.axes.map((a) => [a.scale, a.range]), [['mS', [0, 100]], ['q', null], ['free', null]]);
  assert.equal(s.pens.length, 2);
  assert.deepEqual([s.pens[0]?.stepped, s.pens[0]?.legend, s.pens[0]?.dash], [false, false, [4, 2]]);
  assert.equal(s.pens[1]?.stepped, true, 'stepped unless said otherwise');
  assert.deepEqual(s.bands, [{ pens: [0, 1], fill: ['green', 0.3], dir: 1 }]);
});

test('a uplot item of rubbish draws nothing and throws nothing', () => {
  const s = parseSpec({ type: 'uplot', ms: 7, axes: 'x', series: [null, 3, { tagname: 5 }], bands: [[]] }, () => undefined);
  assert.deepEqual([s.pens.length, s.bands.length, s.title], [0, 0, 'Trend']);
});
