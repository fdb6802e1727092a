// What a selectdict's dict says, looked at member by member. Pure.

import type { Item, Json, Value } from '../link/speak';
import type { DictOpts } from '../state';

/** One cell of a selectdict. */
export interface Cell {
  label: string;
  value: Json;
  locked: boolean;
}

/** The cells of the tag's dict; what does not fit is left out. */
export function cellsOf(v: Value | undefined): Cell[] | null {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) return null;
  const { labels, values, locks } = v;
  if (!Array.isArray(labels) || !Array.isArray(values)) return null;
  return labels.map((l, i) => ({
    label: String(l),
    value: values[i] ?? null,
    locked: Array.isArray(locks) && Boolean(locks[i]),
  }));
}

/** The dict with the picked cells at one value; every other member stays as it is. */
export function withPicked(v: Value | undefined, picked: number[], to: Value): { [key: string]: Json } | null {
  if (typeof v !== 'object' || v === null || Array.isArray(v) || !Array.isArray(v['values'])) return null;
  const values = [...v['values']];
  for (const i of picked) values[i] = to as Json;
  return { ...v, values };
}

export function optsOf(item: Item): DictOpts {
  const o = (typeof item['opts'] === 'object' && item['opts'] !== null && !Array.isArray(item['opts']) ? item['opts'] : {}) as Record<string, Json>;
  const n = (x: Json | undefined) => (typeof x === 'number' ? x : null);
  const words = Array.isArray(o['multi']) ? o['multi'].map(String) : null;
  return { multi: words, min: n(o['min']), max: n(o['max']), dp: n(o['dp']), units: typeof o['units'] === 'string' ? o['units'] : null };
}
