// What a trend shows, as rows of numbers: for a file, and for those who do not see the plot. Pure.

import type { Spec } from './spec';
import type { Track } from './track';

/** A time, ms, and what each pen had then; NaN where nothing is known. */
export type Row = [number, number[]];

/** One row per time at which something changed. */
export function changes(tracks: Track[], from: number, to: number): Row[] {
  const times = new Set<number>();
  for (const t of tracks) {
    for (let i = Math.max(0, t.indexAt(from)); i < t.n && (t.time[i] ?? 0) <= to; i += 1) times.add(Math.max(from, t.time[i] ?? 0));
  }
  return at(tracks, [...times].sort((a, b) => a - b));
}

/** So many rows, evenly spaced up to the newest that is known. */
export function sampled(tracks: Track[], from: number, to: number, rows: number): Row[] {
  const end = Math.min(to, Math.max(...tracks.map((t) => t.to)));
  return end > from ? at(tracks, Array.from({ length: rows }, (_, i) => end - ((end - from) / rows) * i)) : [];
}

function at(tracks: Track[], times: number[]): Row[] {
  return times.map((t) => [
    t,
    tracks.map((track) => {
      const i = track.indexAt(t);
      return i < 0 ? NaN : (track.last[i] ?? NaN);
    }),
  ]);
}

export function csv(spec: Spec, rows: Row[]): string {
  const name = (s: string) => (/[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
  const line = ([t, values]: Row) => [new Date(t).toISOString(), ...values.map((v) => (Number.isNaN(v) ? '' : v))].join(',');
  return [['time', ...spec.pens.map((p) => name(p.tag))].join(','), ...rows.map(line), ''].join('\r\n');
}
