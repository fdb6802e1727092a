// One picture of a trend: what is not loaded, bands, pens, now, the cursor; in that order, back to front.

import type uPlot from 'uplot';
import { css, nameToRgb, parseColour } from '../colour';
import { drawBand, drawPen, drawStates, drawUnloaded, type Frame } from './draw';
import type { Back, Band, Pen } from './spec';
import type { Track } from './track';

const LANE_PX = 22;

/** A pen with all that decides how it looks now. */
export interface ScenePen {
  pen: Pen;
  track: Track;
  hidden: boolean;
  colour: string;
  held: boolean;
}
export interface Scene {
  from: number;
  to: number;
  now: number;
  following: boolean;
  cursor: number | null;
  bands: Band[];
  backs: Back[];
  ink: string;
  ink2: string;
  surface: string;
  pens: ScenePen[];
}

type ToPixel = (v: number) => number;

/** Called by uPlot after axes and grid. */
export function drawScene(u: uPlot, s: Scene): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const x = (t: number) => left + ((t - s.from) / (s.to - s.from)) * width;
  const frame: Frame = { ctx, left, top, width, height, from: s.from, to: s.to, ratio: devicePixelRatio, x, y: () => top };
  const y = (scale: string): ToPixel => (v) => u.valToPos(v, scale, true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  backs(frame, s);
  unloaded(frame, s);
  for (const b of s.bands) {
    const [p, q] = [s.pens[b.pens[0]], s.pens[b.pens[1]]];
    if (!p || !q || p.hidden || q.hidden) continue;
    drawBand(frame, p.track, q.track, y(p.pen.scale), y(q.pen.scale), css(nameToRgb(b.fill[0]) ?? [128, 128, 128], b.fill[1]), b.dir);
  }
  pens(frame, s, y);
  if (s.following && s.now <= s.to) upright(frame, s.now, s.ink2, [2, 4]);
  if (s.cursor !== null) {
    upright(frame, s.cursor, s.ink, []);
    dots(frame, s, s.cursor, y);
  }
  ctx.restore();
}

/** Each is painted up to the edge, and the next one over it; thin enough for lines and words on it to be seen. */
function backs(f: Frame, s: Scene): void {
  for (const b of s.backs) {
    const x = Math.max(f.left, f.x(b.at + (b.live ? s.now : 0)));
    if (x >= f.left + f.width) continue;
    f.ctx.fillStyle = s.surface;
    f.ctx.fillRect(x, f.top, f.left + f.width - x, f.height);
    f.ctx.fillStyle = css(nameToRgb(b.color) ?? [128, 128, 128], 0.22);
    f.ctx.fillRect(x, f.top, f.left + f.width - x, f.height);
  }
}

function unloaded(frame: Frame, s: Scene): void {
  const seen = s.pens.filter((p) => !p.hidden).map((p) => p.track);
  const from = Math.max(-Infinity, ...seen.map((t) => t.from));
  const to = Math.min(Infinity, ...seen.map((t) => t.to));
  drawUnloaded(frame, from, Math.max(to, Math.min(s.to, s.now) - 1), tint(s.ink, 0.05));
  // The time to come is nobody's fault, and fainter.
  if (s.to > s.now) drawUnloaded({ ...frame, from: Math.max(s.from, s.now) }, Infinity, -Infinity, tint(s.ink, 0.03));
}

function pens(frame: Frame, s: Scene, y: (scale: string) => ToPixel): void {
  let lane = 0;
  frame.ctx.font = `${14 * frame.ratio}px system-ui, sans-serif`;
  for (const { pen, track, hidden, colour, held } of s.pens) {
    if (hidden) continue;
    const tip = { goodUntil: Math.min(track.to, s.now), heldUntil: held ? s.now : 0 };
    if (pen.multi) {
      const shade = (state: number) => tint(colour, state === 0 ? 0.12 : 0.22 + 0.1 * (state % 4));
      drawStates(frame, track, pen.multi, lane, LANE_PX * frame.ratio, tip, s.ink, shade);
      lane += 1;
      continue;
    }
    const fill = pen.fill ? css(nameToRgb(pen.fill[0]) ?? [128, 128, 128], pen.fill[1]) : null;
    const look = { line: colour, shade: tint(colour, 0.28), fill, width: pen.width, dash: pen.dash, stepped: pen.stepped, points: pen.points };
    drawPen({ ...frame, y: y(pen.scale) }, track, look, tip);
  }
}

function upright(f: Frame, t: number, ink: string, dash: number[]): void {
  const x = Math.round(f.x(t)) - 0.5;
  f.ctx.strokeStyle = ink;
  f.ctx.lineWidth = f.ratio;
  f.ctx.setLineDash(dash.map((d) => d * f.ratio));
  f.ctx.beginPath();
  f.ctx.moveTo(x, f.top);
  f.ctx.lineTo(x, f.top + f.height);
  f.ctx.stroke();
  f.ctx.setLineDash([]);
}

function dots(f: Frame, s: Scene, at: number, y: (scale: string) => ToPixel): void {
  for (const { pen, track, hidden, colour } of s.pens) {
    const v = track.valueAt(at);
    if (hidden || pen.multi || Number.isNaN(v)) continue;
    f.ctx.beginPath();
    f.ctx.arc(f.x(at), y(pen.scale)(v), 4 * f.ratio, 0, Math.PI * 2);
    f.ctx.fillStyle = colour;
    f.ctx.fill();
    f.ctx.lineWidth = 2 * f.ratio;
    f.ctx.strokeStyle = s.surface;
    f.ctx.stroke();
  }
}

/** A colour let through. */
function tint(c: string, alpha: number): string {
  return css(parseColour(c) ?? [128, 128, 128], alpha);
}
