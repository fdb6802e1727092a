// Trends over HTTP: columns of numbers for a span of time, already thinned to the pixels by the gateway.
//
// In: tags, a span, a number of columns. Out: `Series` laid over the answer's own bytes. Never: draws, caches a failure.

import { Unspoken } from './speak';

/** One tag's columns. Times are ms and rise; NaN is a gap from there to the next point. `min`/`max` are `last` when raw. */
export interface Series {
  known: boolean;
  decimated: boolean;
  time: Float64Array;
  min: Float64Array;
  max: Float64Array;
  last: Float64Array;
}
export interface Answer {
  from: number;
  to: number;
  series: Series[];
}

const MAGIC = 0x31484246;
/** More points than any answer of 4096 columns can hold: rubbish. */
const POINTS_MAX = 1_000_000;

/** The answer's bytes as typed arrays, or `Unspoken`. */
export function parseAnswer(bytes: ArrayBuffer): Answer {
  const view = new DataView(bytes);
  if (bytes.byteLength < 24 || view.getUint32(0, true) !== MAGIC) throw new Unspoken('not a trend');
  const count = view.getUint32(4, true);
  const from = view.getFloat64(8, true);
  const to = view.getFloat64(16, true);
  if (!Number.isFinite(from) || !Number.isFinite(to)) throw new Unspoken('a trend without a span');
  const series: Series[] = [];
  let at = 24;
  for (let i = 0; i < count; i += 1) {
    if (at + 8 > bytes.byteLength) throw new Unspoken('a trend cut short');
    const n = view.getUint32(at, true);
    const form = view.getUint32(at + 4, true);
    if (form > 2 || n > POINTS_MAX) throw new Unspoken(`a series of form ${form} with ${n} points`);
    const columns = form === 1 ? 4 : 2;
    at += 8;
    if (at + n * 8 * columns > bytes.byteLength) throw new Unspoken('a trend cut short');
    const column = (c: number) => new Float64Array(bytes, at + c * n * 8, n);
    const last = column(form === 1 ? 3 : 1);
    series.push({
      known: form !== 2,
      decimated: form === 1,
      time: column(0),
      min: form === 1 ? column(1) : last,
      max: form === 1 ? column(2) : last,
      last,
    });
    at += n * 8 * columns;
  }
  return { from, to, series };
}

/** Why a trend could not be loaded, in words for the page. */
export class NoHistory extends Error {}

export type Fetcher = (url: string, signal: AbortSignal) => Promise<{ status: number; bytes: ArrayBuffer }>;

/** Over the page's own origin. */
export const overHttp: Fetcher = async (url, signal) => {
  const r = await fetch(url, { signal, credentials: 'same-origin' });
  return { status: r.status, bytes: await r.arrayBuffer() };
};

/** The gateway's own words about what went wrong. */
function wordsOf(bytes: ArrayBuffer): string | null {
  try {
    const { error } = JSON.parse(new TextDecoder().decode(bytes)) as { error?: unknown };
    return typeof error === 'string' ? error : null;
  } catch {
    return null;
  }
}

/** Asks for a span; aborting the signal ends it quietly by its AbortError. */
export async function askHistory(
  fetcher: Fetcher,
  tags: string[],
  from: number,
  to: number,
  columns: number,
  signal: AbortSignal,
): Promise<Answer> {
  const q = tags.map((t) => `tag=${encodeURIComponent(t)}`).join('&');
  const n = Math.min(4096, Math.max(1, Math.round(columns)));
  let r: { status: number; bytes: ArrayBuffer };
  try {
    r = await fetcher(`/api/history?${q}&from=${Math.floor(from)}&to=${Math.ceil(to)}&columns=${n}`, signal);
  } catch (e) {
    if (signal.aborted) throw e;
    throw new NoHistory('no connection: tap to try again');
  }
  if (r.status === 401 || r.status === 403) throw new NoHistory('this browser is not let in any more');
  if (r.status !== 200) throw new NoHistory(wordsOf(r.bytes) ?? `the gateway has no history to show (${r.status})`);
  const answer = parseAnswer(r.bytes);
  if (answer.series.length !== tags.length) throw new NoHistory('the gateway answered something else');
  return answer;
}
