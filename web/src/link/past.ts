// What the history says of itself: since when it records, how long it keeps, what it lost, where its clock was not sure.

import { signal } from '@preact/signals';
import { formatNumber } from '../format';
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
  /** It is not sure at present either. */
  clock_uncertain: boolean;
}

/** It changes slowly, and every trend asks. */
const FRESH_MS = 60_000;
/** A history that is just starting, or has none to answer with, is asked again sooner. */
const AGAIN_MS = 5_000;

/** Null: not known, or there is no history. */
export const past = signal<Past | null>(null);
let due = -Infinity;

/** Asks, if that was not done lately; `anew`: whenever it was. */
export async function askPast(anew = false): Promise<void> {
  const now = performance.now();
  if (now < due && !anew) return;
  due = now + FRESH_MS;
  try {
    const r = await history('/api/history/status', new AbortController().signal);
    past.value = r.status === 200 ? (JSON.parse(new TextDecoder().decode(r.bytes)) as Past) : null;
  } catch {
    // No connection: the pill says so, and what was said last stands.
    due = -Infinity;
    return;
  }
  if (!past.value) due = now + AGAIN_MS;
}

/** What became of a database that was damaged and set aside, in words. */
export function salvaged({ got, done }: { got: number; done: boolean }): string {
  if (done && got === 0) return 'nothing could be got back';
  return `${formatNumber(got, 0)} samples got back${done ? '' : ' so far'}`;
}

/** The part of a span in which the gateway's clock was not known to be right. */
export function uncertainIn(p: Past | null, from: number, to: number): [number, number] | null {
  const at = p?.uncertain_ms.filter(([a, b]) => a < to && b > from) ?? [];
  const [first, last] = [at[0], at.at(-1)];
  return first && last ? [Math.max(from, first[0]), Math.min(to, last[1])] : null;
}
