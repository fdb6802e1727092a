// Where ticks stand and what they say. Pure; the zone is the phone's own.

/** As many decimals as the ticks have, and no fewer than the site wants: a label is never a rounded one. */
export function placesOf(splits: number[], incr: number, least = 0): number {
  let places = least;
  while (places < 9 && splits.some((v) => Math.abs(v - Number(v.toFixed(places))) > incr * 1e-3)) places += 1;
  return places;
}

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const STEPS = [S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 15 * M, 30 * M, H, 2 * H, 3 * H, 4 * H, 6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D, 30 * D, 91 * D, 182 * D, 365 * D];

/** Round times of the phone's own clock, no more than fit. */
export function timeSplits(from: number, to: number, most: number): number[] {
  const step = STEPS.find((s) => (to - from) / s <= most) ?? 365 * D;
  const zone = new Date(to).getTimezoneOffset() * M;
  const out: number[] = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) out.push(t);
  return out;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `14:05`, and the day under it where the day begins. */
export function timeLabel(t: number, before: number | null, step: number): string {
  const d = new Date(t);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
  if (step >= 300 * D) return String(d.getFullYear());
  if (step >= D) return before === null || new Date(before).getFullYear() !== d.getFullYear() ? `${day}\n${d.getFullYear()}` : day;
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}${step < M ? `:${two(d.getSeconds())}` : ''}`;
  return before === null || new Date(before).getDate() !== d.getDate() ? `${clock}\n${day}` : clock;
}
