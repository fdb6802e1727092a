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
}
export interface Spec {
  title: string;
  pastMs: number;
  futureMs: number;
  pens: Pen[];
  axes: Axis[];
  bands: Band[];
}

/** Dashes given to pens after the colours repeat, so that no pen is told by colour alone. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 4]];

/** A trend of one tag, as the detail sheet shows it. */
export function specOfTag(def: TagDef, pastMs: number): Spec {
  return {
    title: def.desc,
    pastMs,
    futureMs: 0,
    pens: [pen(def.name, def, {}, 0, 'y')],
    axes: [{ scale: 'y', range: null, right: true, show: true, dp: null }],
    bands: [],
  };
}

export function parseSpec(item: Item, defOf: (tag: string) => TagDef | undefined): Spec {
  const ms = rec(item['ms']);
  const pens = list(item['series']).flatMap((raw, i) => {
    const s = rec(raw);
    const tag = text(s['tagname']);
    if (tag === null) return [];
    return [pen(tag, defOf(tag), s, i, text(s['scale']) ?? 'y')];
  });
  let past = 24 * 3600;
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
    return p !== undefined && q !== undefined && p >= 0 && q >= 0 && fill ? [{ pens: [p, q], fill }] : [];
  });
  return { title: text(ms['desc']) ?? text(item['desc']) ?? 'Trend', pastMs: past * 1000, futureMs: future * 1000, pens, axes, bands };
}

function pen(tag: string, def: TagDef | undefined, s: Record<string, Json>, i: number, scale: string): Pen {
  const dash = list(s['dash']).flatMap((d) => num(d) ?? []);
  return {
    tag,
    label: text(s['label']) ?? def?.desc ?? tag,
    units: def?.units ?? '',
    scale,
    color: text(s['color']),
    dp: num(s['dp']) ?? def?.dp ?? (def?.kind === 'int' ? 0 : 2),
    width: Math.min(6, Math.max(1, num(s['width']) ?? 1.75)),
    dash: dash.length > 0 ? dash : [...(DASHES[Math.floor(i / 2) % DASHES.length] ?? [])],
    stepped: !['linear', 'spline'].includes(text(s['linestyle']) ?? 'stepped'),
    fill: colorAlpha(s['fill']),
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
