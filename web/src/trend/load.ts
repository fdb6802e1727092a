// Fills the tracks: asks history for what the window needs and joins what comes live.
//
// In: a window, answers, live readings. Out: filled tracks, and words while there is nothing to draw. Never: two questions
// at a time, a failed one again at once.

import type { Answer } from '../link/history';
import type { Reading } from '../link/speak';
import type { Spec } from './spec';
import { LIVE_POINTS_MAX, type Track } from './track';
import type { Ask, Window } from './window';

/** Tags one question may hold. */
const TAGS_PER_ASK = 16;
/** A failed question is not asked again sooner, unless a person asks. */
const AGAIN_MS = 5000;

export interface Source {
  /** Asks history. */
  ask(tags: string[], from: number, to: number, columns: number, signal: AbortSignal): Promise<Answer>;
  /** Why it didn't answer, in words. */
  why(e: unknown): string;
  /** The gateway's present time, ms. */
  now(): number;
  /** Whether the gateway tells us of every change right now. */
  live(): boolean;
  /** Since when history records, ms; null while that isn't known. */
  since(): number | null;
  /** The present reading of a pen. */
  reading(pen: number): Reading | undefined;
}

export class Loader {
  have: Ask | null = null;
  words: string | null = 'loading…';
  private abort: AbortController | null = null;
  private failedAt = -Infinity;

  constructor(
    private readonly spec: Spec,
    private readonly tracks: Track[],
    private readonly window: Window,
    private readonly source: Source,
    /** How many columns the plot has, and what to do when something came. */
    private readonly columns: () => number,
    private readonly came: () => void,
  ) {}

  get busy(): boolean {
    return this.abort !== null;
  }

  stop(): void {
    this.abort?.abort();
  }

  async load(force = false): Promise<void> {
    const now = this.source.now();
    this.reach(now);
    const asks = this.window.asks(now, this.columns(), force ? null : this.have);
    if (asks.length === 0 || this.spec.pens.length === 0) return;
    if (!force && performance.now() - this.failedAt < AGAIN_MS) return;
    this.abort?.abort();
    const mine = new AbortController();
    this.abort = mine;
    this.words = this.have ? null : 'loading…';
    try {
      for (const ask of asks) {
        for (let k = 0; k < this.spec.pens.length; k += TAGS_PER_ASK) {
          const tags = this.spec.pens.slice(k, k + TAGS_PER_ASK).map((p) => p.tag);
          this.take(k, await this.source.ask(tags, ask.from, ask.to, ask.columns, mine.signal), ask.to >= now);
        }
        this.have = ask;
        this.words = null;
        this.came();
      }
    } catch (e) {
      if (mine.signal.aborted) return;
      this.failedAt = performance.now();
      this.words = this.source.why(e);
      this.came();
    } finally {
      if (this.abort === mine) this.abort = null;
    }
  }

  private take(first: number, a: Answer, current: boolean): void {
    a.series.forEach((s, i) => {
      const t = this.tracks[first + i];
      if (!t) return;
      t.load(s, a.from, a.to, current);
      const r = this.source.reading(first + i);
      if (r?.quality === 'good' && (typeof r.value === 'number' || typeof r.value === 'bigint')) t.append(r.at, Number(r.value));
    });
  }

  /** A live reading of a pen. */
  append(pen: number, r: Reading): void {
    const t = this.tracks[pen];
    if (!t) return;
    if (r.quality === 'good') {
      t.append(r.at, typeof r.value === 'number' || typeof r.value === 'bigint' ? Number(r.value) : NaN);
      if (t.live > LIVE_POINTS_MAX) void this.load(true);
    } else if (t.n > 0 && !Number.isNaN(t.last[t.n - 1] ?? NaN)) {
      // Nothing is known from here on; what was last known is drawn dashed while it lasts.
      t.append(Math.max(r.since, (t.time[t.n - 1] ?? 0) + 1), NaN);
    }
  }

  /** Told of every change, we know the time up to now without asking. */
  reach(now: number): void {
    if (!this.source.live()) return;
    for (const t of this.tracks) t.reach(now);
    if (this.have && this.tracks.every((t) => t.current)) this.have = { ...this.have, to: Math.max(this.have.to, now) };
  }

  /** What to say where a plot is empty; null when it isn't. `clock` puts a time into words. */
  emptyWords(clock: (ms: number) => string): string | null {
    if (this.words || !this.have) return this.words;
    // An empty stretch at the left is not a fault of the trend: recording began later.
    const first = Math.min(...this.tracks.map((t) => (t.n > 0 ? (t.time[0] ?? Infinity) : Infinity)));
    if (Number.isFinite(first)) {
      const late = first - this.window.from > this.window.span * 0.4 && this.have.from < first && first < this.window.to;
      return late ? `recording since ${clock(first)}` : null;
    }
    if (this.tracks.every((t) => !t.known)) return 'history keeps none of these tags';
    const since = this.source.since();
    return since === null ? 'no samples in this span yet' : `no samples in this span, recording since ${clock(since)}`;
  }
}
