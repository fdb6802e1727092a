// uPlot, made once: axes, grid and scales. The pens are drawn by `scene.ts` when it says it is their turn.

import uPlot from 'uplot';
import { formatNumber } from '../format';
import { placesOf, timeLabel, timeSplits } from './axis';
import type { Look } from './look';
import type { Spec } from './spec';

const FONT = '14px system-ui, sans-serif';
/** A time at the axis needs so much room. */
const TIME_PX = 84;
/** So near to the right edge a label meets the word in the corner. */
const NOW_PX = 48;

export interface ChartDeps {
  look(): Look;
  /** The colour of an axis. */
  ink(scale: string): string;
  /** Axes and grid stand: now the pens. */
  draw(u: uPlot): void;
}

export function makeChart(host: HTMLElement, spec: Spec, from: number, to: number, deps: ChartDeps): uPlot {
  // A canvas of its own: uPlot remembers what it last set on its.
  const ruler = document.createElement('canvas').getContext('2d');
  if (ruler) ruler.font = FONT;
  const widest = (_u: uPlot, values: string[] | null) => Math.ceil(Math.max(20, ...(values ?? []).map((v) => (v ? (ruler?.measureText(v).width ?? 40) : 0)))) + 12;
  const scales: uPlot.Scales = { x: { time: false, auto: false, min: from, max: to } };
  for (const a of spec.axes) scales[a.scale] = { auto: false, min: 0, max: 1 };
  const common = { font: FONT, grid: { stroke: () => deps.look().line, width: 1 }, ticks: { show: false } };
  // A time label at the edge needs room where no axis gives it.
  const room = (side: 1 | 3): uPlot.PaddingSide => (_u, _s, has) => (has[side] ? 8 : 26);
  const axes: uPlot.Axis[] = [
    {
      ...common,
      grid: { ...common.grid },
      stroke: () => deps.look().ink2,
      size: 46,
      gap: 8,
      space: TIME_PX,
      splits: (u, _i, min, max) => timeSplits(min, max, Math.max(2, Math.floor((u.over?.clientWidth || 300) / TIME_PX))),
      values: (u, splits) =>
        splits.map((t, i) => {
          const label = timeLabel(t, splits[i - 1] ?? null, (splits[1] ?? t) - (splits[0] ?? t));
          // Beside the word in the corner there is no room for a day.
          return u.bbox.width / devicePixelRatio - u.valToPos(t, 'x') < NOW_PX ? label.replace(/\n.*/, '') : label;
        }),
    },
    ...spec.axes.map((a): uPlot.Axis => ({
      ...common,
      grid: { ...common.grid },
      scale: a.scale,
      side: a.right ? 1 : 3,
      stroke: () => deps.ink(a.scale),
      gap: 6,
      space: 44,
      size: widest,
      values: (_u, splits, _i, _space, incr) => splits.map((v) => formatNumber(v, placesOf(splits, incr, a.dp ?? 0))),
    })),
  ];
  return new uPlot(
    {
      width: host.clientWidth || 320,
      height: host.clientHeight || 240,
      ms: 1,
      padding: [10, room(1), 0, room(3)],
      legend: { show: false },
      cursor: { show: false },
      scales,
      axes,
      series: [{}],
      hooks: { draw: [deps.draw] },
    },
    [[from, to]],
    host,
  );
}
