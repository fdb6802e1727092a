import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Item, TagDef } from '../src/link/speak';
import type { Series } from '../src/link/history';
import { rangeOf } from '../src/trend/range';
import { changes, csv, sampled } from '../src/trend/rows';
import { drawBand } from '../src/trend/draw';
import { parseSpec } from '../src/trend/spec';
import { Track } from '../src/trend/track';

const tag = (name: string): TagDef => ({ name, desc: `${name}'s`, kind: 'float', units: 'm', dp: 2, min: null, max: null, multi: null, deadband: null, format: null, set: false });
const spec = (more: object) => parseSpec({ type: 'uplot', series: [{ tagname: 'a' }, { tagname: 'b', scale: 'r', dash: [6, 4] }], ...more } as Item, tag);

/** A track that history has filled from `from` to `to`. */
function filled(points: [number, number][], from: number, to: number): Track {
  const column = (c: 0 | 1) => Float64Array.from(points, (p) => p[c]);
  const s: Series = { known: true, decimated: false, time: column(0), min: column(1), max: column(1), last: column(1) };
  const t = new Track();
  t.load(s, from, to, true);
  return t;
}

test('a line is solid unless the site asks for dashes, and hangs on the first scale unless it names one', () => {
  const s = spec({ axes: [{ scale: 'x', range: -600 }, { scale: 'l', range: [0, 5] }] });
  assert.deepEqual(s.pens.map((p) => p.dash), [[], [6, 4]]);
  assert.deepEqual(s.pens.map((p) => p.scale), ['l', 'r']);
  assert.equal(s.pastMs, 600_000);
  assert.deepEqual(s.axes.map((a) => a.scale), ['l', 'r'], 'a scale without an axis gets one');
  assert.equal(spec({}).pastMs, 3_600_000, 'the last hour when the site says nothing');
});

test('height, marks, decimals of an axis and the side of a band are as the site writes them', () => {
  const of = (points: unknown) => spec({ series: [{ tagname: 'a', points }] }).pens[0]?.points;
  assert.deepEqual([true, false, undefined, {}, { show: false }, { size: 5 }].map(of), [true, false, false, true, false, true]);
  assert.deepEqual([spec({ ms: { height: 400 } }).height, spec({}).height], [400, null]);
  assert.equal(spec({ axes: [{ scale: 'l', dp: 1 }] }).axes[0]?.dp, 1);
  const bands = spec({ bands: [{ series: ['a', 'b'], fill: ['green', 0.3], dir: 1 }, { series: ['b', 'a'], fill: ['green'] }] }).bands;
  assert.deepEqual(bands.map((b) => b.dir), [1, null]);
});

test('a band of one side is filled only there', () => {
  const [a, b] = [filled([[0, 1], [50, 3]], 0, 100), filled([[0, 2]], 0, 100)];
  const columns = (dir: number | null) => {
    const at: number[] = [];
    const ctx = { fillRect: (x: number) => at.push(x) } as unknown as CanvasRenderingContext2D;
    const f = { ctx, x: (t: number) => t, y: () => 0, left: 0, top: 0, width: 100, height: 10, from: 0, to: 100, ratio: 1 };
    const y = (v: number) => 10 - v;
    drawBand(f, a, b, y, y, 'green', dir);
    return [at[0], at.at(-1), at.length];
  };
  assert.deepEqual(columns(null), [0, 98, 50]);
  assert.deepEqual(columns(-1), [50, 98, 25], 'where the first is above');
  assert.deepEqual(columns(1), [0, 48, 25]);
});

test('where legend and time stand, and how fine the time is, is the site’s to say', () => {
  const of = (ms: object) => {
    const { legend, time, timeRes } = spec({ ms });
    return [legend, time, timeRes];
  };
  assert.deepEqual(of({}), ['after', 'right', 's']);
  assert.deepEqual(of({ legend_pos: 'left', time_pos: 'left', time_res: 'ms' }), ['left', 'left', 'ms']);
  assert.deepEqual(of({ legend_show: false, time_show: false, legend_pos: 'right' }), ['none', 'none', 's']);
  assert.deepEqual(of({ legend_pos: 'upside down', time_res: 7 }), ['after', 'right', 's']);
});

test('marked times are of the calendar until a word says now, and from now on behind it', () => {
  const { backs } = spec({ ms: { bghighlight: [{ xpos: 0, color: 'white' }, { xpos: 'now', color: 'grey' }, { xpos: 3600, color: 'red' }, { xpos: 1 }] } });
  assert.deepEqual(backs, [
    { at: 0, live: false, color: 'white' },
    { at: 0, live: true, color: 'grey' },
    { at: 3_600_000, live: true, color: 'red' },
  ]);
});

test('an axis is the site’s, widened rather than hiding what is there; a hidden pen asks for no room', () => {
  const s = spec({ axes: [{ scale: 'l', range: [0, 5] }] });
  const [a, b] = [filled([[0, 1], [50, 7]], 0, 100), filled([[0, 2], [50, 2]], 0, 100)];
  assert.deepEqual(rangeOf(s, 'l', [a, b], 0, 100, undefined), [0, 7]);
  assert.deepEqual(rangeOf(s, 'l', [null, b], 0, 100, undefined), [0, 5]);
  assert.deepEqual(rangeOf(s, 'l', [a, b], 0, 100, { mode: 'own', own: [3, 4] }), [3, 4]);
  const [lo, hi] = rangeOf(s, 'r', [a, b], 0, 100, undefined);
  assert.ok(lo <= 1.981 && hi >= 2.019, `a constant is not drawn as a storm: ${lo} to ${hi}`);
  assert.deepEqual(rangeOf(s, 'r', [a, null], 0, 100, undefined), [0, 1]);
});

test('a file has a row for each change, an empty cell for each hole, and quotes where a name needs them', () => {
  const s = spec({ series: [{ tagname: 'a,"1"' }, { tagname: 'b' }] });
  const tracks = [filled([[10, 1.5], [20, NaN]], 0, 100), filled([[15, 4]], 0, 100)];
  const text = csv(s, changes(tracks, 12, 50));
  assert.equal(text, ['time,"a,""1""",b', '1970-01-01T00:00:00.012Z,1.5,', '1970-01-01T00:00:00.015Z,1.5,4', '1970-01-01T00:00:00.020Z,,4', ''].join('\r\n'));
});

test('the table goes back evenly from the newest that is known', () => {
  const tracks = [filled([[0, 1], [60, 2]], 0, 80)];
  assert.deepEqual(sampled(tracks, 0, 100, 4), [[80, [2]], [60, [2]], [40, [1]], [20, [1]]]);
  assert.deepEqual(sampled(tracks, 90, 100, 4), []);
});
