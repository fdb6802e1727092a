// What a tag held that is no curve: its records over HTTP, for tags of texts, lists, mappings and times.
//
// In: a tag, how many. Out: the newest records, newest first; null where the history keeps none of it. Never: draws.

import { DAY_MS, HOUR_MS } from '../trend/spans';
import type { Fetcher } from './history';
import type { Value } from './speak';

/** ms since 1970, what was held (null where nothing is known), and `good` or why not. */
export interface Kept {
  at: number;
  value: Value;
  quality: string;
}

/** Looked for in the last minutes first: what changes every second is not read by the month. */
const SPANS_MS = [HOUR_MS / 6, HOUR_MS, 8 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS];

export async function askRecords(fetcher: Fetcher, tag: string, now: number, most: number, signal: AbortSignal): Promise<Kept[] | null> {
  let found: Kept[] = [];
  for (const span of SPANS_MS) {
    const to = Math.ceil(now) + 1000;
    const r = await fetcher(`/api/history/records?tag=${encodeURIComponent(tag)}&from=${to - span}&to=${to}`, signal);
    if (r.status !== 200) return null;
    const { rows } = JSON.parse(new TextDecoder().decode(r.bytes)) as { rows: [string, string, Value, string][] };
    found = rows.slice(-most).reverse().map(([at, , value, quality]) => ({ at: Date.parse(at), value, quality }));
    if (found.length >= most) break;
  }
  return found;
}
