// What a `uplot` item of wwwserver.yaml asks for, looked at key by key; pymscada's names.

import type { Item, Json, TagDef } from '../link/speak';

export interface Pen {
  tag: string;
  label: string;
  units: string;
  scale: string;
  color: string | null;
  dp: number | null;
  width: number;
  dash: number[];
  stepped: boolean;
  fill: [string, number] | null;
  points: boolean;
  legend: boolean;
  multi: string[] | null;
}
export interface Axis {
  scale: string;
  range: [number, number] | null;
  /** 1 right, 3 left, as uPlot counts. */
  right: boolean;
  show: boolean;
  dp: number | null;
}
export interface Band {
  pens: [number, number];
  fill: [string, number];
  /** Only where the first pen is above the second (-1) or below it (1), as uPlot counts; null: wherever both are. */
  dir: number | null;
}
/** A part of the background, from a time on to the next one: `at` is ms since 1970, or behind now when `live`. */
export interface Back {
  at: number;
  live: boolean;
  color: string;
}
export type Side = 'left' | 'right' | 'after' | 'none';
export interface Spec {
  title: string;
  /** CSS px; null: as the screen allows. */
  height: number | null;
  legend: Side;
  time: Side;
  timeRes: 'ms' | 's' | 'm' | 'D';
  pastMs: number;
  futureMs: number;
  pens: Pen[];
  axes: Axis[];
  bands: Band[];
  backs: Back[];
}

/** A trend of one tag, as the detail sheet shows it. */
export function specOfTag(def: TagDef, pastMs: number): Spec {
  return {
    title: def.desc,
    ...framed({}),
    pastMs,
    futureMs: 0,
    pens: [pen(def.name, def, {}, 'y')],
    axes: [{ scale: 'y', range: null, right: true, show: true, dp: null }],
    bands: [],
    backs: [],
  };
}

export function parseSpec(item: Item, defOf: (tag: string) => TagDef | undefined): Spec {
  const ms = rec(item['ms']);
  const scales = list(item['axes']).flatMap((raw) => text(rec(raw)['scale']) ?? []);
  const first = scales.find((name) => name !== 'x') ?? 'y';
  const pens = list(item['series']).flatMap((raw) => {
    const s = rec(raw);
    const tag = text(s['tagname']);
    if (tag === null) return [];
    return [pen(tag, defOf(tag), s, text(s['scale']) ?? first)];
  });
  let past = 3600;
  let future = 0;
  const axes: Axis[] = [];
  for (const raw of list(item['axes'])) {
    const a = rec(raw);
    const scale = text(a['scale']) ?? 'y';
    const range = a['range'];
    if (scale === 'x') {
      if (Array.isArray(range)) [past, future] = [Math.abs(num(range[0]) ?? past), Math.max(0, num(range[1]) ?? 0)];
      else past = Math.abs(num(range) ?? past);
      continue;
    }
    const lo = Array.isArray(range) ? num(range[0]) : null;
    const hi = Array.isArray(range) ? num(range[1]) : null;
    const side = num(a['side']);
    axes.push({
      scale,
      range: lo !== null && hi !== null && lo < hi ? [lo, hi] : null,
      right: side === null ? axes.length % 2 === 1 : side === 1,
      show: a['show'] !== false,
      dp: num(a['dp']),
    });
  }
  for (const p of pens) {
    if (!axes.some((a) => a.scale === p.scale)) {
      axes.push({ scale: p.scale, range: null, right: axes.length % 2 === 1, show: true, dp: null });
    }
  }
  const bands = list(item['bands']).flatMap((raw): Band[] => {
    const b = rec(raw);
    const two = list(b['series']).map((t) => pens.findIndex((p) => p.tag === t));
    const fill = colorAlpha(b['fill']);
    const [p, q] = two;
    return p !== undefined && q !== undefined && p >= 0 && q >= 0 && fill ? [{ pens: [p, q], fill, dir: num(b['dir']) }] : [];
  });
  return { title: text(ms['desc']) ?? text(item['desc']) ?? 'Trend', ...framed(ms), pastMs: past * 1000, futureMs: future * 1000, pens, axes, bands, backs: backs(ms) };
}

/** What stands around the plot. */
function framed(ms: Record<string, Json>): Pick<Spec, 'height' | 'legend' | 'time' | 'timeRes'> {
  const one = <T extends string>(v: Json | undefined, of: readonly T[], or: T): T => of.find((w) => w === v) ?? or;
  const side = (what: string, or: Side) => (ms[`${what}_show`] === false ? 'none' : one(ms[`${what}_pos`], ['left', 'right', 'after', 'none'], or));
  return { height: num(ms['height']), legend: side('legend', 'after'), time: side('time', 'right'), timeRes: one(ms['time_res'], ['ms', 's', 'm', 'D'], 's') };
}

/** Numbers are seconds since 1970 until a word stands for now; from there on they are seconds from now. */
function backs(ms: Record<string, Json>): Back[] {
  let live = false;
  return list(ms['bghighlight']).flatMap((raw) => {
    const { xpos, color } = rec(raw);
    live ||= text(xpos) !== null;
    return text(color) === null ? [] : [{ at: (num(xpos) ?? 0) * 1000, live, color: text(color) ?? '' }];
  });
}

function pen(tag: string, def: TagDef | undefined, s: Record<string, Json>, scale: string): Pen {
  return {
    tag,
    label: text(s['label']) ?? def?.desc ?? tag,
    units: def?.units ?? '',
    scale,
    color: text(s['color']),
    dp: num(s['dp']) ?? def?.dp ?? (def?.kind === 'int' ? 0 : 2),
    width: Math.min(6, Math.max(1, num(s['width']) ?? 1.75)),
    dash: list(s['dash']).flatMap((d) => num(d) ?? []),
    stepped: !['linear', 'spline'].includes(text(s['linestyle']) ?? 'stepped'),
    fill: colorAlpha(s['fill']),
    points: s['points'] === true || (typeof s['points'] === 'object' && rec(s['points'])['show'] !== false),
    legend: s['nolegend'] !== true,
    multi: def?.multi ?? null,
  };
}

function rec(v: Json | undefined): Record<string, Json> {
  return typeof v === 'object' && v !== null && !Array.isArray(v) ? v : {};
}
function list(v: Json | undefined): Json[] {
  return Array.isArray(v) ? v : [];
}
function text(v: Json | undefined): string | null {
  return typeof v === 'string' && v !== '' ? v : null;
}
function num(v: Json | undefined): number | null {
  return typeof v === 'number' && Number.isFinite(v) ? v : null;
}
function colorAlpha(v: Json | undefined): [string, number] | null {
  const [c, a] = list(v);
  const name = text(c);
  return name ? [name, Math.min(1, Math.max(0, num(a) ?? 0.3))] : null;
}
