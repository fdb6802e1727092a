// Pens on the canvas: steps, envelopes, holes, held stretches, states with their words.
//
// In: a track and how time and value become pixels. Out: strokes. Never: a line across a hole or into what was not loaded.

import type { Track } from './track';

/** How time and value become canvas pixels, and where the plot is. */
export interface Frame {
  ctx: CanvasRenderingContext2D;
  x: (t: number) => number;
  y: (v: number) => number;
  left: number;
  top: number;
  width: number;
  height: number;
  from: number;
  to: number;
  /** Canvas pixels per CSS pixel. */
  ratio: number;
}

export interface Look {
  line: string;
  shade: string;
  fill: string | null;
  width: number;
  dash: number[];
  stepped: boolean;
  points: boolean;
}

/** Up to where the newest value is known to hold, and until when a held one is drawn dashed (0: it is not held). */
export interface Tip {
  goodUntil: number;
  heldUntil: number;
}

/** One numeric pen. */
export function drawPen(f: Frame, t: Track, look: Look, tip: Tip): void {
  const first = Math.max(0, t.indexAt(f.from));
  if (t.n === 0) return;
  const { ctx } = f;
  const line = new Path2D();
  const dots = new Path2D();
  const shade = new Path2D();
  const floor = f.top + f.height;
  let px = NaN;
  let py = NaN;
  let gapX = NaN;
  let gapY = NaN;
  let runFrom = NaN;
  const under = look.fill ? new Path2D() : null;
  const close = (x: number) => {
    if (under && !Number.isNaN(runFrom)) {
      under.lineTo(x, floor);
      under.lineTo(runFrom, floor);
      under.closePath();
    }
    runFrom = NaN;
  };
  for (let i = first; i < t.n; i += 1) {
    const at = t.time[i] ?? 0;
    if (at > f.to && Number.isNaN(px)) break;
    const v = t.last[i] ?? NaN;
    const x = f.x(at);
    if (Number.isNaN(v)) {
      // The last value held until the gap began.
      if (!Number.isNaN(py)) {
        line.lineTo(x, py);
        under?.lineTo(x, py);
        close(x);
        gapX = x;
        gapY = py;
      }
      px = py = NaN;
      continue;
    }
    const y = f.y(v);
    dots.rect(x - 2 * f.ratio, y - 2 * f.ratio, 4 * f.ratio, 4 * f.ratio);
    if (Number.isNaN(py)) {
      line.moveTo(x, y);
      under?.moveTo(x, y);
      runFrom = x;
    } else {
      if (look.stepped) {
        line.lineTo(x, py);
        under?.lineTo(x, py);
      }
      line.lineTo(x, y);
      under?.lineTo(x, y);
    }
    const lo = t.min[i] ?? v;
    const hi = t.max[i] ?? v;
    if (lo !== hi) {
      const next = i + 1 < t.n ? f.x(t.time[i + 1] ?? at) : x + f.ratio;
      const yHi = f.y(hi);
      shade.rect(x, yHi, Math.max(f.ratio, next - x), Math.max(f.ratio, f.y(lo) - yHi));
    }
    px = x;
    py = y;
    if (at > f.to) break;
  }
  // The tip: the newest value still holds until now, if the plant says so.
  let held: Path2D | null = null;
  if (!Number.isNaN(py)) {
    const end = Math.min(tip.goodUntil, f.to);
    const xGood = Math.max(px, f.x(end));
    if (Number.isFinite(xGood) && xGood > px) {
      line.lineTo(xGood, py);
      under?.lineTo(xGood, py);
    }
    close(Math.max(px, xGood));
  } else if (tip.heldUntil > 0 && !Number.isNaN(gapY)) {
    held = new Path2D();
    held.moveTo(gapX, gapY);
    held.lineTo(f.x(Math.min(tip.heldUntil, f.to)), gapY);
  }
  ctx.fillStyle = look.shade;
  ctx.fill(shade);
  if (under && look.fill) {
    ctx.fillStyle = look.fill;
    ctx.fill(under);
  }
  ctx.strokeStyle = look.line;
  ctx.lineWidth = look.width * f.ratio;
  ctx.lineJoin = 'round';
  ctx.setLineDash(look.dash.map((d) => d * f.ratio));
  ctx.stroke(line);
  if (look.points) {
    ctx.fillStyle = look.line;
    ctx.fill(dots);
  }
  if (held) {
    ctx.setLineDash([3 * f.ratio, 4 * f.ratio]);
    ctx.globalAlpha = 0.6;
    ctx.stroke(held);
    ctx.globalAlpha = 1;
  }
  ctx.setLineDash([]);
}

/** A pen of states: blocks with words in a lane of their own. */
export function drawStates(
  f: Frame,
  t: Track,
  words: string[],
  lane: number,
  laneHeight: number,
  tip: Tip,
  ink: string,
  tint: (state: number) => string,
): void {
  const { ctx } = f;
  const top = f.top + lane * laneHeight + 2 * f.ratio;
  const height = laneHeight - 4 * f.ratio;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  const put = (from: number, to: number, v: number) => {
    const a = Math.max(f.left, f.x(from));
    const b = Math.min(f.left + f.width, f.x(to));
    if (b <= a) return;
    ctx.fillStyle = tint(v);
    ctx.fillRect(a, top, Math.max(f.ratio, b - a - f.ratio), height);
    const word = words[v] ?? `state ${v}?`;
    if (ctx.measureText(word).width + 8 * f.ratio < b - a) {
      ctx.fillStyle = ink;
      ctx.fillText(word, a + 4 * f.ratio, top + height / 2);
    }
  };
  // Equal neighbours are one block, so that the word finds room.
  let runFrom = NaN;
  let runValue = NaN;
  const end = Math.min(f.to, Math.max(tip.goodUntil, Number.isFinite(t.to) ? Math.min(t.to, tip.goodUntil) : f.from));
  for (let i = Math.max(0, t.indexAt(f.from)); i < t.n && (t.time[i] ?? 0) <= f.to; i += 1) {
    const v = t.last[i] ?? NaN;
    const at = t.time[i] ?? 0;
    if (v === runValue) continue;
    if (!Number.isNaN(runValue)) put(runFrom, at, runValue);
    runFrom = at;
    runValue = v;
  }
  if (!Number.isNaN(runValue)) put(runFrom, end, runValue);
}

/** Fill between two pens where both are known. */
export function drawBand(f: Frame, a: Track, b: Track, ya: (v: number) => number, yb: (v: number) => number, fill: string, dir: number | null): void {
  const { ctx } = f;
  const step = Math.max(1, f.ratio * 2);
  const perPx = (f.to - f.from) / f.width;
  ctx.fillStyle = fill;
  for (let px = 0; px < f.width; px += step) {
    const t = f.from + px * perPx;
    const [va, vb] = [a.valueAt(t), b.valueAt(t)];
    if (Number.isNaN(va) || Number.isNaN(vb)) continue;
    const [y1, y2] = [ya(va), yb(vb)];
    if (dir !== null && (y2 - y1) * dir > 0) continue;
    ctx.fillRect(f.left + px, Math.min(y1, y2), step, Math.abs(y1 - y2));
  }
}

/** What was not loaded: a faint band, never a line. */
export function drawUnloaded(f: Frame, from: number, to: number, fill: string): void {
  f.ctx.fillStyle = fill;
  const part = (a: number, b: number) => {
    const x1 = Math.max(f.left, f.x(a));
    const x2 = Math.min(f.left + f.width, f.x(b));
    if (x2 > x1) f.ctx.fillRect(x1, f.top, x2 - x1, f.height);
  };
  if (from > to) return part(f.from, f.to);
  if (from > f.from) part(f.from, Math.min(from, f.to));
  if (to < f.to) part(Math.max(to, f.from), f.to);
}
