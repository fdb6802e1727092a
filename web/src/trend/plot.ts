// The plot: uPlot made once for axes, grid and scales; the pens are drawn from their own columns.
//
// In: a spec, answers of history, live readings, fingers. Out: pixels, at most once per frame, and what stands under the
// cursor. Never: re-created by the framework, fed a point that was not measured.

import uPlot from 'uplot';
import { css, nameToRgb, parseColour, readable, type Rgb } from '../colour';
import { formatClock, formatNumber } from '../format';
import { askHistory, NoHistory, type Answer, type Fetcher } from '../link/history';
import type { Reading } from '../link/speak';
import { placesOf, timeLabel, timeSplits } from './axis';
import { drawScene } from './scene';
import type { Spec } from './spec';
import { listen } from './touch';
import { LIVE_POINTS_MAX, Track } from './track';
import { Window, type Ask } from './window';

export interface PlotDeps {
  fetcher: Fetcher;
  /** The gateway's present time, ms. */
  now(): number;
  /** Whether the gateway tells us of every change right now. */
  live(): boolean;
  /** The present reading of a pen. */
  reading(pen: number): Reading | undefined;
  /** The view, the values under the cursor or the words about loading changed. */
  changed(s: PlotState): void;
}
export interface PlotState {
  following: boolean;
  from: number;
  to: number;
  /** ms under the cursor, or null: the legend shows the present. */
  cursor: number | null;
  values: number[];
  words: string | null;
  points: number;
}
export interface ScaleChoice {
  mode: 'site' | 'fit' | 'own';
  own: [number, number] | null;
}

/** Pens without a colour of their own; each differs in lightness too. */
const PALETTE = ['#2f7fb8', '#c76a1e', '#3f9a5f', '#9a5fb5', '#b8455f', '#7a7f36', '#4a5ea8', '#7b5a45'];
/** Tags one question may hold. */
const TAGS_PER_ASK = 16;
/** A failed question is not asked again sooner, unless a person asks. */
const AGAIN_MS = 5000;

export class Plot {
  readonly window: Window;
  readonly tracks: Track[];
  hidden: boolean[];
  readonly choices = new Map<string, ScaleChoice>();
  private readonly u: uPlot;
  private have: Ask | null = null;
  private abort: AbortController | null = null;
  private cursor: number | null = null;
  private words: string | null = 'loading…';
  private frame = 0;
  private timer = 0;
  private failedAt = -Infinity;
  private colours: string[] = [];
  private inks: string[] = [];
  private theme = { ink: '#000', ink2: '#555', line: '#ddd', surface: '#fff', ground: '#eee' };
  private readonly unlisten: () => void;
  private readonly sized: ResizeObserver;
  private readonly motion = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    private readonly host: HTMLElement,
    readonly spec: Spec,
    private readonly deps: PlotDeps,
  ) {
    const now = deps.now();
    this.window = new Window(now, spec.pastMs, spec.futureMs);
    this.tracks = spec.pens.map(() => new Track());
    this.hidden = spec.pens.map(() => false);
    this.readTheme();
    this.u = this.make();
    this.unlisten = listen(this.u.over, {
      pan: (px) => this.move(() => this.window.pan((-px / this.u.over.clientWidth) * this.window.span, this.deps.now())),
      zoom: (k, part) =>
        this.move(() => this.window.zoom(k, this.window.from + part * this.window.span, this.deps.now())),
      cursor: (part) => {
        this.cursor = part === null ? null : this.window.from + part * this.window.span;
        this.draw();
      },
      live: () => this.live(),
      settle: () => void this.load(),
    });
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(host);
    this.schedule();
    void this.load();
  }

  destroy(): void {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.abort?.abort();
    this.unlisten();
    this.sized.disconnect();
    this.u.destroy();
  }

  /** Back to now, optionally over another span. */
  live(span?: number): void {
    this.cursor = null;
    this.window.live(this.deps.now(), span);
    this.draw();
    void this.load();
  }

  fix(from: number, to: number): void {
    this.window.fix(from, to);
    this.draw();
    void this.load();
  }

  toggle(pen: number): void {
    this.hidden[pen] = !this.hidden[pen];
    this.draw();
  }

  choose(scale: string, c: ScaleChoice): void {
    this.choices.set(scale, c);
    this.draw();
  }

  /** A live reading of a pen. */
  append(pen: number, r: Reading): void {
    const t = this.tracks[pen];
    if (!t) return;
    if (r.quality === 'good') {
      const v = typeof r.value === 'number' ? r.value : typeof r.value === 'bigint' ? Number(r.value) : NaN;
      t.append(r.at, v);
      if (t.live > LIVE_POINTS_MAX) void this.load(true);
    } else if (t.n > 0 && !Number.isNaN(t.last[t.n - 1] ?? NaN)) {
      // Nothing is known from here on; what was last known is drawn dashed while it lasts.
      t.append(Math.max(r.since, (t.time[t.n - 1] ?? 0) + 1), NaN);
    }
    this.draw();
  }

  /** After the link came back: what happened meanwhile is in history, not here. */
  async reload(): Promise<void> {
    await this.load(true);
  }

  /** Colours from the page's tokens. */
  restyle(): void {
    this.readTheme();
    this.draw();
  }

  colour(pen: number): string {
    return this.colours[pen] ?? this.theme.ink;
  }

  canvas(): HTMLCanvasElement {
    return this.u.ctx.canvas;
  }

  /** What is shown, one row per time at which something changed. */
  csv(): string {
    const { from, to } = this.window;
    const times = new Set<number>();
    for (const t of this.tracks) {
      for (let i = Math.max(0, t.indexAt(from)); i < t.n && (t.time[i] ?? 0) <= to; i += 1) times.add(Math.max(from, t.time[i] ?? 0));
    }
    const name = (s: string) => (/[",\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
    const rows = [...times].sort((a, b) => a - b).map((at) => {
      const cells = this.tracks.map((t) => {
        const i = t.indexAt(at);
        const v = i < 0 ? NaN : (t.last[i] ?? NaN);
        return Number.isNaN(v) ? '' : String(v);
      });
      return [new Date(at).toISOString(), ...cells].join(',');
    });
    return [['time', ...this.spec.pens.map((p) => name(p.tag))].join(','), ...rows, ''].join('\r\n');
  }

  private move(run: () => void): void {
    run();
    this.draw();
    // While fingers move, load ahead of the edge, but not at every pixel.
    if (!this.abort) void this.load();
  }

  private columns(): number {
    return Math.max(64, Math.round(this.u.over.clientWidth || 300));
  }

  private async load(force = false): Promise<void> {
    const now = this.deps.now();
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
          const answer = await askHistory(this.deps.fetcher, tags, ask.from, ask.to, ask.columns, mine.signal);
          this.take(k, answer, ask.to >= now);
        }
        this.have = ask;
        this.words = null;
        this.draw();
      }
    } catch (e) {
      if (mine.signal.aborted) return;
      this.failedAt = performance.now();
      this.words = e instanceof NoHistory ? e.message : 'the trend could not be read';
      if (!(e instanceof NoHistory)) console.warn(e);
      this.draw();
    } finally {
      if (this.abort === mine) this.abort = null;
    }
  }

  private take(first: number, a: Answer, current: boolean): void {
    a.series.forEach((s, i) => {
      const t = this.tracks[first + i];
      if (!t) return;
      t.load(s, a.from, a.to, current);
      const r = this.deps.reading(first + i);
      if (r?.quality === 'good' && (typeof r.value === 'number' || typeof r.value === 'bigint')) t.append(r.at, Number(r.value));
    });
  }

  /** Follows the time: often enough to look alive, never more than the pixels can show. */
  private schedule(): void {
    const perPx = this.window.span / this.columns();
    const ms = Math.min(5000, Math.max(this.motion.matches ? 1000 : 250, perPx));
    this.timer = window.setTimeout(() => {
      if (this.window.tick(this.deps.now())) {
        this.draw();
        if (!this.abort) void this.load();
      }
      this.schedule();
    }, ms);
  }

  /** Told of every change, we know the time up to now without asking. */
  private reach(now: number): void {
    if (!this.deps.live()) return;
    for (const t of this.tracks) t.reach(now);
    if (this.have && this.tracks.every((t) => t.current)) this.have = { ...this.have, to: Math.max(this.have.to, now) };
  }

  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const now = this.deps.now();
    this.window.tick(now);
    this.reach(now);
    const shown = this.scalesShown();
    this.spec.axes.forEach((a, i) => {
      const axis = this.u.axes[i + 1];
      if (axis) {
        axis.show = a.show && shown.includes(a.scale) && shown.indexOf(a.scale) < this.axesRoom();
        if (axis.grid) axis.grid.show = a.scale === shown[0];
      }
    });
    this.u.batch(() => {
      this.u.setScale('x', { min: this.window.from, max: this.window.to });
      for (const a of this.spec.axes) {
        const [min, max] = this.range(a.scale);
        this.u.setScale(a.scale, { min, max });
      }
    });
    this.u.redraw(false, true);
    const at = this.cursor ?? now;
    let points = 0;
    this.tracks.forEach((t, i) => {
      if (!this.hidden[i]) points += t.count(this.window.from, this.window.to);
    });
    this.host.dataset['points'] = String(points);
    this.deps.changed({
      following: this.window.following,
      from: this.window.from,
      to: this.window.to,
      cursor: this.cursor,
      values: this.tracks.map((t) => t.valueAt(this.cursor === null ? Math.min(at, t.to) : at)),
      words: this.words ?? this.emptyWords(),
      points,
    });
  }

  private emptyWords(): string | null {
    if (!this.have) return null;
    // An empty stretch at the left is not a fault of the trend: recording began later.
    const first = Math.min(...this.tracks.map((t) => (t.n > 0 ? (t.time[0] ?? Infinity) : Infinity)));
    if (Number.isFinite(first)) {
      const late = first - this.window.from > this.window.span * 0.4 && this.have.from < first && first < this.window.to;
      return late ? `no samples before ${formatClock(first, this.deps.now())}` : null;
    }
    return this.tracks.every((t) => !t.known) ? 'history keeps none of these tags' : 'no samples in this span yet';
  }

  private axesRoom(): number {
    return this.host.clientWidth < 600 ? 2 : 4;
  }

  private scalesShown(): string[] {
    const of = this.spec.pens.filter((p, i) => !this.hidden[i] && !p.multi).map((p) => p.scale);
    return this.spec.axes.map((a) => a.scale).filter((s) => of.includes(s));
  }

  /** The site's range, widened rather than hiding what is there; or fitted; or a person's own. */
  private range(scale: string): [number, number] {
    const axis = this.spec.axes.find((a) => a.scale === scale);
    const c = this.choices.get(scale) ?? { mode: axis?.range ? 'site' : 'fit', own: null };
    if (c.mode === 'own' && c.own) return c.own;
    let lo = Infinity;
    let hi = -Infinity;
    this.spec.pens.forEach((p, i) => {
      if (p.scale !== scale || this.hidden[i] || p.multi) return;
      const e = this.tracks[i]?.extent(this.window.from, this.window.to);
      if (e) [lo, hi] = [Math.min(lo, e[0]), Math.max(hi, e[1])];
    });
    if (c.mode === 'site' && axis?.range) return [Math.min(axis.range[0], lo), Math.max(axis.range[1], hi)];
    if (lo > hi) return [0, 1];
    // A quiet value must not look like a storm: never finer than a few of its last decimals.
    const dp = this.spec.pens.find((p) => p.scale === scale)?.dp ?? 2;
    const least = 4 * 10 ** -dp;
    const pad = Math.max((hi - lo) * 0.08, (least - (hi - lo)) / 2, 0);
    return [lo - pad, hi + pad];
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width > 0 && height > 0 && (width !== this.u.width || height !== this.u.height)) this.u.setSize({ width, height });
    this.draw();
  }

  private readTheme(): void {
    const s = getComputedStyle(document.documentElement);
    const get = (k: string) => s.getPropertyValue(k).trim();
    this.theme = { ink: get('--ink'), ink2: get('--ink-2'), line: get('--line'), surface: get('--surface'), ground: get('--ground') };
    const ground: Rgb = parseColour(this.theme.surface) ?? [255, 255, 255];
    const own = this.spec.pens.map((p, i): Rgb => (p.color ? nameToRgb(p.color) : null) ?? parseColour(PALETTE[i % PALETTE.length] ?? '') ?? [90, 90, 90]);
    const sun = document.documentElement.dataset['theme'] === 'sun';
    // A line is a graphic, an axis is text.
    this.colours = own.map((c) => css(readable(c, ground, sun ? 4.5 : 3)));
    this.inks = own.map((c) => css(readable(c, ground, sun ? 7 : 4.5)));
  }

  private make(): uPlot {
    const font = '14px system-ui, sans-serif';
    // A canvas of its own: uPlot remembers what it last set on its.
    const ruler = document.createElement('canvas').getContext('2d');
    if (ruler) ruler.font = font;
    const widest = (_u: uPlot, values: string[] | null) =>
      Math.ceil(Math.max(20, ...(values ?? []).map((v) => (v ? (ruler?.measureText(v).width ?? 40) : 0)))) + 12;
    const scales: uPlot.Scales = { x: { time: false, auto: false, min: this.window.from, max: this.window.to } };
    for (const a of this.spec.axes) scales[a.scale] = { auto: false, min: 0, max: 1 };
    const axes: uPlot.Axis[] = [
      {
        stroke: () => this.theme.ink2,
        font,
        size: 46,
        gap: 8,
        space: 84,
        grid: { stroke: () => this.theme.line, width: 1 },
        ticks: { show: false },
        splits: (u, _i, min, max) => timeSplits(min, max, Math.max(2, Math.floor((u.over?.clientWidth || 300) / 84))),
        values: (_u, splits) => splits.map((t, i) => timeLabel(t, splits[i - 1] ?? null, (splits[1] ?? t) - (splits[0] ?? t))),
      },
      ...this.spec.axes.map((a): uPlot.Axis => ({
        scale: a.scale,
        side: a.right ? 1 : 3,
        stroke: () => this.axisInk(a.scale),
        font,
        gap: 6,
        space: 44,
        size: widest,
        grid: { stroke: () => this.theme.line, width: 1 },
        ticks: { show: false },
        values: (_u, splits, _i, _space, incr) => splits.map((v) => formatNumber(v, placesOf(splits, incr))),
      })),
    ];
    return new uPlot(
      {
        width: this.host.clientWidth || 320,
        height: this.host.clientHeight || 240,
        ms: 1,
        // A time label at the edge needs room where no axis gives it.
        padding: [10, (_u, _s, has) => (has[1] ? 8 : 26), 0, (_u, _s, has) => (has[3] ? 8 : 26)],
        legend: { show: false },
        cursor: { show: false },
        scales,
        axes,
        series: [{}],
        hooks: { draw: [() => this.pens()] },
      },
      [[this.window.from, this.window.to]],
      this.host,
    );
  }

  /** An axis with one pen wears its colour. */
  private axisInk(scale: string): string {
    const on = this.spec.pens.flatMap((p, i) => (p.scale === scale && !this.hidden[i] ? [i] : []));
    return on.length === 1 && on[0] !== undefined ? (this.inks[on[0]] ?? this.theme.ink2) : this.theme.ink2;
  }

  private pens(): void {
    const { from, to } = this.window;
    drawScene(this.u, {
      from,
      to,
      now: this.deps.now(),
      following: this.window.following,
      cursor: this.cursor,
      bands: this.spec.bands,
      ink: this.theme.ink,
      ink2: this.theme.ink2,
      surface: this.theme.surface,
      pens: this.spec.pens.map((pen, i) => ({
        pen,
        track: this.tracks[i] ?? new Track(),
        hidden: this.hidden[i] === true,
        colour: this.colour(i),
        held: this.deps.reading(i)?.quality === 'held',
      })),
    });
  }
}
