// What the history says of itself: since when it records, how long it keeps, what it lost, where its clock was not sure.

import { signal } from '@preact/signals';
import { history } from './gateway';

/** The members this page looks at. Times are ms. */
export interface Past {
  oldest_ms: number | null;
  /** How many days there are. */
  days: number | null;
  days_kept: number | null;
  device_bytes_per_day: number | null;
  failing: string | null;
  damaged: number;
  salvage: { at_ms: number; got: number; done: boolean } | null;
  wear: { device: string; used_percent: number | null; near_end: boolean }[];
  uncertain_ms: [number, number][];
}

/** It changes slowly, and every trend asks. */
const FRESH_MS = 60_000;

/** Null: not known, or there is no history. */
export const past = signal<Past | null>(null);
let asked = -Infinity;

/** Asks, if that was not done just now. */
export async function askPast(): Promise<void> {
  const now = performance.now();
  if (now - asked < FRESH_MS) return;
  asked = now;
  try {
    const r = await history('/api/history/status', new AbortController().signal);
    past.value = r.status === 200 ? (JSON.parse(new TextDecoder().decode(r.bytes)) as Past) : null;
  } catch {
    asked = -Infinity; // no connection: the pill says so
  }
}

/** The part of a span in which the gateway's clock was not known to be right. */
export function uncertainIn(p: Past | null, from: number, to: number): [number, number] | null {
  const at = p?.uncertain_ms.filter(([a, b]) => a < to && b > from) ?? [];
  const [first, last] = [at[0], at.at(-1)];
  return first && last ? [Math.max(from, first[0]), Math.min(to, last[1])] : null;
}
