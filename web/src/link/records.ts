// What a tag held that is no curve: its records over HTTP, for tags of texts, lists, mappings and times.
//
// In: a tag, how many. Out: the newest records, newest first; null where the history keeps none of it. Never: draws.

import type { Fetcher } from './history';
import type { Value } from './speak';

/** ms since 1970, what was held (null where nothing is known), and `good` or why not. */
export interface Kept {
  at: number;
  value: Value;
  quality: string;
}

export async function askRecords(fetcher: Fetcher, tag: string, now: number, most: number, signal: AbortSignal): Promise<Kept[] | null> {
  const r = await fetcher(`/api/history/records?tag=${encodeURIComponent(tag)}&last=${most}&to=${Math.ceil(now) + 1000}`, signal);
  if (r.status !== 200) return null;
  const { rows } = JSON.parse(new TextDecoder().decode(r.bytes)) as { rows: [string, string, Value, string][] };
  return rows.reverse().map(([at, , value, quality]) => ({ at: Date.parse(at), value, quality }));
}
