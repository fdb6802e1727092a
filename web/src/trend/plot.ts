// The plot: a chart that is made once, tracks that are filled, and what a person does with them.
//
// In: a spec, answers of history, live readings, fingers. Out: pixels, at most once per frame, and what stands under the
// cursor. Never: re-created by the framework, fed a point that was not measured.

import type uPlot from 'uplot';
import { formatClock } from '../format';
import type { Reading } from '../link/speak';
import { makeChart } from './chart';
import { Loader, type Source } from './load';
import { lookOf, type Look } from './look';
import { rangeOf, type ScaleChoice } from './range';
import { changes, csv, sampled, type Row } from './rows';
import { drawScene } from './scene';
import type { Spec } from './spec';
import { listen } from './touch';
import { Track } from './track';
import { Window } from './window';

export interface PlotDeps extends Source {
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

export class Plot {
  readonly window: Window;
  readonly tracks: Track[];
  hidden: boolean[];
  readonly choices = new Map<string, ScaleChoice>();
  private readonly u: uPlot;
  private readonly loader: Loader;
  private cursor: number | null = null;
  private frame = 0;
  private timer = 0;
  private look: Look;
  private readonly unlisten: () => void;
  private readonly sized: ResizeObserver;
  private readonly motion = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    private readonly host: HTMLElement,
    readonly spec: Spec,
    private readonly deps: PlotDeps,
  ) {
    this.window = new Window(deps.now(), spec.pastMs, spec.futureMs);
    this.tracks = spec.pens.map(() => new Track());
    this.hidden = spec.pens.map(() => false);
    this.look = lookOf(spec.pens);
    this.u = makeChart(host, spec, this.window.from, this.window.to, {
      look: () => this.look,
      ink: (scale) => this.axisInk(scale),
      draw: (u) => this.scene(u),
    });
    this.loader = new Loader(spec, this.tracks, this.window, deps, () => this.columns(), () => this.draw());
    const { over } = this.u;
    this.unlisten = listen(over, {
      pan: (px) => this.move(() => this.window.pan((-px / over.clientWidth) * this.window.span, deps.now())),
      zoom: (k, part) => this.move(() => this.window.zoom(k, this.window.from + part * this.window.span, deps.now())),
      cursor: (part) => {
        this.cursor = part === null ? null : this.window.from + part * this.window.span;
        this.draw();
      },
      live: () => this.live(),
      settle: () => void this.loader.load(),
    });
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(host);
    this.schedule();
    void this.loader.load();
  }

  destroy(): void {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.loader.stop();
    this.unlisten();
    this.sized.disconnect();
    this.u.destroy();
  }

  /** Back to now, optionally over another span. */
  live(span?: number): void {
    this.cursor = null;
    this.window.live(this.deps.now(), span);
    this.draw();
    void this.loader.load();
  }

  fix(from: number, to: number): void {
    this.window.fix(from, to);
    this.draw();
    void this.loader.load();
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
    this.loader.append(pen, r);
    this.draw();
  }

  /** After the link came back: what happened meanwhile is in history, not here. */
  async reload(): Promise<void> {
    await this.loader.load(true);
  }

  /** Colours from the page's tokens. */
  restyle(): void {
    this.look = lookOf(this.spec.pens);
    this.draw();
  }

  colour(pen: number): string {
    return this.look.lines[pen] ?? this.look.ink;
  }

  canvas(): HTMLCanvasElement {
    return this.u.ctx.canvas;
  }

  /** What is shown, one row per time at which something changed. */
  csv(): string {
    return csv(this.spec, changes(this.tracks, this.window.from, this.window.to));
  }

  /** The same in so many rows, the newest first. */
  rows(n: number): Row[] {
    return sampled(this.tracks, this.window.from, this.window.to, n);
  }

  private move(run: () => void): void {
    run();
    this.draw();
    // While fingers move, load ahead of the edge, but not at every pixel.
    if (!this.loader.busy) void this.loader.load();
  }

  private columns(): number {
    return Math.max(64, Math.round(this.u.over.clientWidth || 300));
  }

  /** Follows the time: often enough to look alive, never more than the pixels can show. */
  private schedule(): void {
    const perPx = this.window.span / this.columns();
    const ms = Math.min(5000, Math.max(this.motion.matches ? 1000 : 250, perPx));
    this.timer = window.setTimeout(() => {
      if (this.window.tick(this.deps.now())) {
        this.draw();
        if (!this.loader.busy) void this.loader.load();
      }
      this.schedule();
    }, ms);
  }

  private draw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const now = this.deps.now();
    const { window: w, tracks, u } = this;
    w.tick(now);
    this.loader.reach(now);
    const shown = this.scalesShown();
    const room = this.host.clientWidth < 600 ? 2 : 4;
    this.spec.axes.forEach((a, i) => {
      const axis = u.axes[i + 1];
      if (!axis) return;
      axis.show = a.show && shown.includes(a.scale) && shown.indexOf(a.scale) < room;
      if (axis.grid) axis.grid.show = a.scale === shown[0];
    });
    const seen = tracks.map((t, i) => (this.hidden[i] ? null : t));
    u.batch(() => {
      u.setScale('x', { min: w.from, max: w.to });
      for (const { scale } of this.spec.axes) {
        const [min, max] = rangeOf(this.spec, scale, seen, w.from, w.to, this.choices.get(scale));
        u.setScale(scale, { min, max });
      }
    });
    u.redraw(false, true);
    const points = seen.reduce((sum, t) => sum + (t?.count(w.from, w.to) ?? 0), 0);
    this.host.dataset['points'] = String(points);
    const { cursor } = this;
    this.deps.changed({
      following: w.following,
      from: w.from,
      to: w.to,
      cursor,
      values: tracks.map((t) => t.valueAt(cursor ?? Math.min(now, t.to))),
      words: this.loader.emptyWords((ms) => formatClock(ms, now)),
      points,
    });
  }

  private scalesShown(): string[] {
    const of = this.spec.pens.filter((p, i) => !this.hidden[i] && !p.multi).map((p) => p.scale);
    return this.spec.axes.map((a) => a.scale).filter((s) => of.includes(s));
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width > 0 && height > 0 && (width !== this.u.width || height !== this.u.height)) this.u.setSize({ width, height });
    this.draw();
  }

  /** An axis with one pen wears its colour. */
  private axisInk(scale: string): string {
    const on = this.spec.pens.flatMap((p, i) => (p.scale === scale && !this.hidden[i] ? [i] : []));
    return (on.length === 1 ? this.look.texts[on[0] ?? -1] : null) ?? this.look.ink2;
  }

  private scene(u: uPlot): void {
    const { from, to, following } = this.window;
    drawScene(u, {
      from,
      to,
      now: this.deps.now(),
      following,
      cursor: this.cursor,
      bands: this.spec.bands,
      backs: this.spec.backs,
      ...this.look,
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
