// From where to where an axis goes. Pure.

import type { Spec } from './spec';
import type { Track } from './track';

/** As the site says, fitted to what is there, or a person's own. */
export interface ScaleChoice {
  mode: 'site' | 'fit' | 'own';
  own: [number, number] | null;
}

/** `seen` are the tracks that are not hidden, null where one is. The site's range is widened rather than hiding what is there. */
export function rangeOf(spec: Spec, scale: string, seen: (Track | null)[], from: number, to: number, choice: ScaleChoice | undefined): [number, number] {
  const site = spec.axes.find((a) => a.scale === scale)?.range ?? null;
  const c = choice ?? { mode: site ? 'site' : 'fit', own: null };
  if (c.mode === 'own' && c.own) return c.own;
  let [lo, hi] = [Infinity, -Infinity];
  let dp: number | null = null;
  spec.pens.forEach((p, i) => {
    if (p.scale !== scale) return;
    dp ??= p.dp;
    const e = p.multi ? null : seen[i]?.extent(from, to);
    if (e) [lo, hi] = [Math.min(lo, e[0]), Math.max(hi, e[1])];
  });
  if (c.mode === 'site' && site) return [Math.min(site[0], lo), Math.max(site[1], hi)];
  if (lo > hi) return [0, 1];
  // A quiet value must not look like a storm: never finer than a few of its last decimals.
  const least = 4 * 10 ** -(dp ?? 2);
  const pad = Math.max((hi - lo) * 0.08, (least - (hi - lo)) / 2, 0);
  return [lo - pad, hi + pad];
}
