// The span of time a trend shows, and what of it must be asked for.
//
// In: pans, pinches, chips, the time. Out: from and to in ms, and the next question to history. Pure; `now` is handed in.

import { DAY_MS } from './spans';

const SPAN_MS_MIN = 10_000;
const SPAN_MS_MAX = 10 * 365 * DAY_MS;
/** From this span on a coarse answer is asked for first, so that a slow link shows something at once. */
const COARSE_FROM_MS = 2 * DAY_MS;
const COARSE_COLUMNS = 96;
/** A thinned answer is asked again when the view has become this much finer than it. */
const FINER = 1.8;

export interface Ask {
  from: number;
  to: number;
  columns: number;
}

export class Window {
  from: number;
  to: number;
  following = true;
  /** The part of the span kept free to the right of now. */
  private ahead: number;

  constructor(now: number, past: number, future = 0) {
    this.from = now - past;
    this.to = now + future;
    this.ahead = future;
  }

  get span(): number {
    return this.to - this.from;
  }

  /** Moves with the time while it follows. */
  tick(now: number): boolean {
    if (!this.following) return false;
    const span = this.span;
    this.to = now + this.ahead;
    this.from = this.to - span;
    return true;
  }

  /** Shows later (positive) or earlier times. Nothing beyond now is worth panning to. */
  pan(ms: number, now: number): void {
    const span = this.span;
    this.to = Math.min(this.to + ms, now + Math.max(this.ahead, span * 0.05));
    this.from = this.to - span;
    this.following = false;
  }

  /** More than 1 shows less time; the time under the fingers stays there. */
  zoom(factor: number, around: number, now: number): void {
    const span = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, this.span / factor));
    if (this.following) {
      this.ahead = Math.min(this.ahead, span * 0.1);
      this.to = now + this.ahead;
      this.from = this.to - span;
      return;
    }
    const part = (around - this.from) / this.span;
    this.from = around - part * span;
    this.to = this.from + span;
  }

  /** The last `span` up to now. */
  live(now: number, span = this.span): void {
    this.following = true;
    this.ahead = Math.min(this.ahead, span * 0.1);
    this.to = now + this.ahead;
    this.from = this.to - span;
  }

  /** A span from–to that stays. */
  fix(from: number, to: number): void {
    const [a, b] = from < to ? [from, to] : [to, from];
    this.following = false;
    this.from = a;
    this.to = Math.max(b, a + SPAN_MS_MIN);
  }

  /** Half a span is loaded on either side, so that panning meets no edge. */
  private want(now: number, columns: number): Ask {
    const from = this.from - this.span / 2;
    const to = Math.min(this.to + this.span / 2, Math.max(now, this.from + 1000));
    const perMs = columns / this.span;
    return { from, to, columns: Math.min(4096, Math.max(2, Math.ceil((to - from) * perMs))) };
  }

  /** What to ask for, given what was answered last; empty when the view is served. */
  asks(now: number, columns: number, have: Ask | null): Ask[] {
    const want = this.want(now, columns);
    if (have) {
      const edge = this.span / 4;
      const need = Math.min(this.to, now);
      const inside = have.from <= this.from - edge && (have.to >= need || have.to >= this.to + edge);
      const fine = (have.to - have.from) / have.columns <= (FINER * this.span) / columns;
      if (inside && fine) return [];
    }
    const coarse = this.span >= COARSE_FROM_MS && want.columns > COARSE_COLUMNS * 2;
    return coarse ? [{ ...want, columns: COARSE_COLUMNS }, want] : [want];
  }
}
