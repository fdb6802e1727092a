// Numbers, units, ages and times, as a person reads them. Pure: the zone is the phone's own, `now` is handed in.

import { NO_LINK } from './link/words';
import type { Reading, TagDef, TimeFormat, Value } from './link/speak';

/** A value in the pieces a row draws: the number large, the unit small. */
export interface Shown {
  text: string;
  units: string;
}

export const DASH = '—';
const MINUS = '\u2212';
/** Thin, and never a place to break a line. */
const THIN = '\u202f';

/** A number with its decimals and a real minus; groups of three from five digits on. */
export function formatNumber(v: number | bigint, dp: number | null): string {
  if (typeof v === 'bigint') return minus(group(v.toString()));
  if (!Number.isFinite(v)) return DASH;
  if (dp === null) {
    const s = Number.isInteger(v) && Math.abs(v) < 1e15 ? String(v) : String(Number(v.toPrecision(6)));
    return minus(s.includes('e') ? s : group(s));
  }
  if (Math.abs(v) >= 1e15) return minus(v.toExponential(3));
  const s = v.toFixed(dp);
  // What rounds to zero has no sign.
  return minus(group(Number(s) === 0 ? s.replace('-', '') : s));
}

function minus(s: string): string {
  return s.startsWith('-') ? MINUS + s.slice(1) : s;
}

function group(s: string): string {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)(.*)$/.exec(s) ?? [];
  if (whole.length < 5) return s;
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, THIN) + rest;
}

/** Decimals that a tag's number is shown with; pymscada's defaults. */
export function decimals(def: Pick<TagDef, 'kind' | 'dp'>): number | null {
  if (def.dp !== null) return def.dp;
  return def.kind === 'float' ? 2 : def.kind === 'int' ? 0 : null;
}

/** A tag's value as text and unit. */
export function formatValue(def: TagDef, v: Value): Shown {
  const units = def.units ?? '';
  if (v === null) return { text: def.kind === 'bytes' ? 'binary' : DASH, units: '' };
  if (typeof v === 'string') return { text: v === '' ? '“”' : v, units };
  if (typeof v === 'object') return { text: formatCollection(v), units: '' };
  if (def.multi) return { text: stateName(def.multi, v), units: '' };
  if (def.format) return { text: formatTime(Number(v) / 1000, def.format), units: '' };
  return { text: formatNumber(v, decimals(def)), units };
}

/** The word of a state; a number without a word says so. */
export function stateName(multi: string[], v: number | bigint): string {
  return multi[Number(v)] ?? `state ${v}?`;
}

function formatCollection(v: object): string {
  const n = Array.isArray(v) ? v.length : Object.keys(v).length;
  return `${n} ${n === 1 ? 'entry' : 'entries'}`;
}

/** Whether a number is where its limits say it should be; null says yes. */
export function outOfRange(def: TagDef, v: Value): string | null {
  if (typeof v !== 'number' || def.multi || def.format) return null;
  if (def.max !== null && v > def.max) return `over max ${formatNumber(def.max, decimals(def))}`;
  if (def.min !== null && v < def.min) return `under min ${formatNumber(def.min, decimals(def))}`;
  return null;
}

/** How many characters to keep free for a value, so that nothing moves when digits change. */
export function widthOf(def: TagDef): number {
  if (def.multi) return Math.min(12, Math.ceil(Math.max(...def.multi.map((s) => s.length), 3) * 0.8));
  if (def.format) return { time: 8, date: 11, datetime: 15 }[def.format];
  if (def.kind === 'str') return 6;
  const dp = decimals(def) ?? 0;
  const of = (x: number | null) => (x === null ? 0 : formatNumber(x, dp).length);
  return Math.min(16, Math.max(of(def.min), of(def.max), 4 + (dp > 0 ? dp + 1 : 0)));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number) => String(n).padStart(2, '0');

/** ms since 1970 in the phone's zone. */
export function formatTime(ms: number, how: TimeFormat): string {
  const d = new Date(ms);
  if (Number.isNaN(d.getTime())) return DASH;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  if (how === 'time') return time;
  const date = `${d.getDate()}${THIN}${MONTHS[d.getMonth()]}${THIN}${d.getFullYear()}`;
  return how === 'date' ? date : `${date} ${time}`;
}

/** `14:02`, with the date when it was not today. */
export function formatClock(ms: number, now: number): string {
  const d = new Date(ms);
  const t = `${two(d.getHours())}:${two(d.getMinutes())}`;
  return d.toDateString() === new Date(now).toDateString() ? t : `${d.getDate()} ${MONTHS[d.getMonth()]} ${t}`;
}

/** A time as fine as it is wanted. */
export function formatMoment(ms: number, now: number, res: 'ms' | 's' | 'm' | 'D'): string {
  const d = new Date(ms);
  if (res === 'D') return formatTime(ms, 'date');
  const seconds = res === 'm' ? '' : `:${two(d.getSeconds())}${res === 'ms' ? `.${String(d.getMilliseconds()).padStart(3, '0')}` : ''}`;
  return formatClock(ms, now) + seconds;
}

/** `42 s`, `3 min`, then `since 14:02`. */
export function formatAge(since: number, now: number): string {
  // 0 is the gateway's word for "before I began to look".
  if (since <= 0) return 'longer than known';
  const s = Math.max(0, Math.floor((now - since) / 1000));
  if (s < 60) return `${s}${THIN}s`;
  if (s < 600) return `${Math.floor(s / 60)}${THIN}min`;
  return `since ${formatClock(since, now)}`;
}

/** A span as a chip or a title says it. */
export function formatSpan(ms: number): string {
  const h = ms / 3_600_000;
  if (h < 1) return `${Math.round(ms / 60_000)} min`;
  if (h < 48) return `${Number(h.toFixed(1))} h`;
  return `${Number((h / 24).toFixed(1))} d`;
}

/** What a row says under its label, when there is something to say. `now` is the gateway's. */
export function remark(r: Reading, now: number): string | null {
  if (r.quality === 'good') return null;
  if (r.quality === 'missing') return r.why;
  // With the whole link gone the pill says why; each row only says how old it is, on one line.
  if (r.why === NO_LINK) return `held · ${formatAge(r.since, now)}`;
  return `held · ${r.why} · ${formatAge(r.since, now)}`;
}

/** What a person typed as a number: comma or point, real minus or hyphen. Null when it is none. */
export function parseTyped(text: string): number | null {
  const t = text.trim().replace(',', '.').replace(MINUS, '-').replaceAll(THIN, '').replaceAll(' ', '');
  if (!/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(t)) return null;
  const v = Number(t);
  return Number.isFinite(v) ? v : null;
}
