// One pen's points: what history answered, and what came live after it.
//
// In: a `Series`, live readings. Out: indexes and numbers for drawing. Never: invents a point; NaN is a hole and stays one.

import type { Series } from '../link/history';

/** Live points kept after an answer; beyond it the plot asks history again, which thins them. */
export const LIVE_POINTS_MAX = 8000;

export class Track {
  /** The span history has answered for; outside it nothing is known, inside it a hole is a hole. */
  from = Infinity;
  to = -Infinity;
  known = true;
  /** Loaded up to the present: live points join it. What was loaded of the past only must not be drawn on into today. */
  current = false;
  n = 0;
  live = 0;
  time = new Float64Array(256);
  min = new Float64Array(256);
  max = new Float64Array(256);
  last = new Float64Array(256);

  /** History's answer replaces everything, except live points newer than it. */
  load(s: Series, from: number, to: number, current: boolean): void {
    const cut = s.time.at(-1) ?? -Infinity;
    const tail: [number, number, number, number][] = [];
    for (let i = this.n - 1; i >= 0 && i >= this.n - this.live && (this.time[i] ?? 0) > cut; i -= 1) {
      // A hole we saw ourselves (a lost link) is history's to judge; a value it has not written yet is not.
      if (Number.isNaN(this.last[i] ?? NaN) && (this.time[i] ?? 0) <= to) continue;
      tail.push([this.time[i] ?? 0, this.min[i] ?? NaN, this.max[i] ?? NaN, this.last[i] ?? NaN]);
    }
    tail.reverse();
    const joined = current && this.current && to >= this.from && from <= this.to;
    const kept = joined ? tail : [];
    const n = s.time.length + kept.length;
    this.reserve(n, false);
    this.time.set(s.time);
    this.min.set(s.min);
    this.max.set(s.max);
    this.last.set(s.last);
    this.n = s.time.length;
    this.live = 0;
    this.known = s.known;
    const wasTo = this.to;
    this.from = from;
    this.current = current;
    this.to = kept.length > 0 ? Math.max(to, wasTo) : to;
    for (const [t, lo, hi, v] of kept) this.push(t, lo, hi, v);
  }

  /** A live value. Older than what is there: history knows better. */
  append(at: number, v: number): void {
    if (!this.current) return;
    if (this.n > 0 && at <= (this.time[this.n - 1] ?? 0)) return;
    this.push(at, v, v, v);
  }

  /** Everything up to `now` is known, because the gateway is telling us. */
  reach(now: number): void {
    if (this.current && now > this.to) this.to = now;
  }

  private push(t: number, lo: number, hi: number, v: number): void {
    this.reserve(this.n + 1, true);
    this.time[this.n] = t;
    this.min[this.n] = lo;
    this.max[this.n] = hi;
    this.last[this.n] = v;
    this.n += 1;
    this.live += 1;
  }

  /** The newest point not after `t`, or -1. */
  indexAt(t: number): number {
    let lo = 0;
    let hi = this.n;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if ((this.time[mid] ?? 0) <= t) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }

  /** The value that held at `t`; NaN where nothing is known. */
  valueAt(t: number): number {
    if (t > this.to || t < this.from) return NaN;
    const i = this.indexAt(t);
    return i < 0 ? NaN : (this.last[i] ?? NaN);
  }

  /** Lowest and highest between two times, with what held when they began; null when there is nothing. */
  extent(from: number, to: number): [number, number] | null {
    let lo = Infinity;
    let hi = -Infinity;
    for (let i = Math.max(0, this.indexAt(from)); i < this.n && (this.time[i] ?? 0) <= to; i += 1) {
      const a = this.min[i] ?? NaN;
      const b = this.max[i] ?? NaN;
      if (a < lo) lo = a;
      if (b > hi) hi = b;
    }
    return lo <= hi ? [lo, hi] : null;
  }

  /** Points between two times. */
  count(from: number, to: number): number {
    return Math.max(0, this.indexAt(to) - this.indexAt(from));
  }

  private reserve(n: number, keep: boolean): void {
    if (n <= this.time.length) return;
    const size = Math.max(n, this.time.length * 2);
    for (const c of ['time', 'min', 'max', 'last'] as const) {
      const grown = new Float64Array(size);
      if (keep) grown.set(this[c].subarray(0, this.n));
      this[c] = grown;
    }
  }
}
