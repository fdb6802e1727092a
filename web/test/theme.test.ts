import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contrast, hardest, parseColour, readable, type Rgb } from '../src/colour';
import { source } from './golden';

/** The tokens of each theme, read from the style sheet itself; a theme says only what differs from light. */
function themes(): Record<string, Record<string, Rgb>> {
  const css = source('src/theme/tokens.css');
  const tokens = (block: string) =>
    Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[\da-f]{3,6})/gi)].map((m) => [m[1] ?? '', parseColour(m[2] ?? '') ?? [0, 0, 0]])) as Record<string, Rgb>;
  const block = (start: string) => {
    const at = css.indexOf(start);
    assert.ok(at >= 0, start);
    return css.slice(at, css.indexOf('}', at));
  };
  const light = tokens(block(':root {'));
  return { light, dark: { ...light, ...tokens(block("[data-theme='dark'] {")) }, sun: { ...light, ...tokens(block("[data-theme='sun'] {")) } };
}

const TEXT = ['ink', 'ink-2', 'accent', 'ok', 'warn', 'alarm', 'held'];
const GROUNDS = ['ground', 'surface'];
/** Text on grounds other than the two. */
const PAIRS: [string, string][] = [['on-accent', 'accent'], ['alarm', 'alarm-tint'], ['ink', 'alarm-tint'], ['ink-2', 'alarm-tint'], ['warn', 'warn-tint'], ['ink', 'warn-tint'], ['ink', 'press'], ['ink-2', 'press'], ['accent', 'press']];

for (const [name, t] of Object.entries(themes())) {
  const text = name === 'sun' ? 7 : 4.5;
  test(`${name}: all text reaches ${text}:1, edges of controls 3:1`, () => {
    const get = (k: string) => {
      const c = t[k];
      assert.ok(c, `--${k} is not a token`);
      return c;
    };
    const low: string[] = [];
    const check = (a: string, b: string, least: number) => {
      const r = contrast(get(a), get(b));
      if (r < least) low.push(`${a} on ${b}: ${r.toFixed(2)}`);
    };
    for (const a of TEXT) for (const b of GROUNDS) check(a, b, text);
    for (const [a, b] of PAIRS) check(a, b, name === 'sun' && b === 'press' ? 4.5 : text);
    check('edge', 'surface', 3);
    check('edge', 'ground', 3);
    if (name === 'sun') check('line', 'surface', 3);
    assert.deepEqual(low, []);
  });
}

test('alarm red is used for nothing else: no other token comes near it', () => {
  for (const t of Object.values(themes())) {
    for (const k of ['accent', 'ok', 'warn', 'held']) assert.notDeepEqual(t[k], t['alarm']);
  }
});

test('contrast as WCAG computes it', () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.ok(Math.abs(contrast([119, 119, 119], [255, 255, 255]) - 4.48) < 0.01);
});

test('a site’s colour is moved only as far as needed to be readable', () => {
  const magenta: Rgb = [139, 0, 139];
  assert.deepEqual(readable(magenta, [255, 255, 255], 4.5), magenta);
  for (const [c, g] of [[magenta, [15, 19, 21]], [[255, 255, 0], [255, 255, 255]], [[128, 128, 128], [128, 128, 128]]] as [Rgb, Rgb][]) {
    assert.ok(contrast(readable(c, g, 4.5), g) >= 4.5 || g[0] === 128, `${c} on ${g}`);
  }
});

test('whatever accent a site wants, it is read on every ground of every theme, and so is what stands on it', () => {
  const wishes: Rgb[] = [[0, 128, 128], [139, 0, 139], [0, 0, 128], [255, 255, 0], [255, 255, 255], [0, 0, 0], [128, 128, 128], [255, 0, 0]];
  for (const [name, t] of Object.entries(themes())) {
    const [ground, ratio] = hardest(name);
    for (const wish of wishes) {
      const accent = readable(wish, t[ground.slice(2)] ?? [0, 0, 0], ratio);
      for (const other of ['ground', 'surface', 'press', 'on-accent']) {
        const r = contrast(accent, t[other] ?? [0, 0, 0]);
        assert.ok(r >= (name === 'sun' && other !== 'press' ? 7 : 4.5), `${name}: ${wish} became ${accent}, ${other}: ${r.toFixed(2)}`);
      }
    }
  }
});
