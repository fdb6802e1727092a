// What may be typed into a setpoint. The gateway checks again and has the last word; here a person learns it sooner.

import { decimals, formatNumber, formatValue, parseTyped } from './format';
import type { TagDef, TimeFormat, Value } from './link/speak';

export type Checked = { ok: true; value: Value } | { ok: false; why: string };

const no = (why: string): Checked => ({ ok: false, why });

/** A typed number against kind and limits. Limits that are not given do not exist. */
export function checkNumber(def: TagDef, text: string): Checked {
  if (text.trim() === '') return no('type a value');
  if (def.kind === 'int') {
    const t = text.trim().replace('\u2212', '-');
    if (!/^-?\d+$/.test(t)) return no(parseTyped(text) === null ? 'not a number' : 'whole numbers only');
    const big = BigInt(t);
    if (big > 0x7fffffffffffffffn || big < -0x8000000000000000n) return no('too large for a whole number');
    const n = Number(big);
    return limits(def, n) ?? { ok: true, value: Number.isSafeInteger(n) ? n : big };
  }
  const v = parseTyped(text);
  if (v === null) return no('not a number');
  return limits(def, v) ?? { ok: true, value: v };
}

function limits(def: TagDef, v: number): Checked | null {
  const dp = decimals(def);
  if (def.max !== null && v > def.max) return no(`over max ${formatNumber(def.max, dp)}`);
  if (def.min !== null && v < def.min) return no(`under min ${formatNumber(def.min, dp)}`);
  return null;
}

/** The limits in words, or that there are none. */
export function limitWords(def: TagDef): string {
  const dp = decimals(def);
  const f = (v: number) => formatNumber(v, dp);
  const u = def.units ? ` ${def.units}` : '';
  if (def.min !== null && def.max !== null) return `${f(def.min)} to ${f(def.max)}${u}`;
  if (def.max !== null) return `at most ${f(def.max)}${u}`;
  if (def.min !== null) return `at least ${f(def.min)}${u}`;
  return 'none given';
}

/** One press of + or −: about a hundredth of the range, in steps people count in, and never finer than what is shown. */
export function stepOf(def: TagDef): number {
  const finest = 10 ** -(decimals(def) ?? 0);
  if (def.min === null || def.max === null || def.max <= def.min) return def.kind === 'int' ? 1 : Math.max(finest, 0.1);
  const rough = (def.max - def.min) / 100;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= rough * 0.999) ?? ten;
  return Math.max(finest, nice);
}

/** A step from what is typed or, when nothing is, from the present value; stays inside the limits. */
export function stepped(def: TagDef, text: string, by: number): string {
  const from = parseTyped(text) ?? 0;
  const dp = decimals(def) ?? 0;
  const places = Math.max(dp, 0);
  let v = Number((from + by).toFixed(Math.max(places, 6)));
  if (def.max !== null && v > def.max) v = def.max;
  if (def.min !== null && v < def.min) v = def.min;
  return plain(v, dp);
}

/** A number as one would type it. */
export function plain(v: number, dp: number | null): string {
  return dp === null ? String(v) : String(Number(v.toFixed(dp)));
}

/** `Set 12.5 m³/s`: what the button will do. */
export function verb(def: TagDef, v: Value): string {
  if (typeof v === 'number' && !def.multi && !def.format) {
    // Typed decimals beyond what is shown are part of what will be done.
    const dp = decimals(def);
    const typed = String(v).split('.')[1]?.length ?? 0;
    const text = formatNumber(v, dp === null ? null : Math.max(dp, Math.min(typed, 12)));
    return `Set ${text}${def.units ? ` ${def.units}` : ''}`;
  }
  const s = formatValue(def, v);
  if (def.kind === 'str') return v === '' ? 'Set to empty' : `Set “${s.text}”`;
  return `Set ${s.text}${s.units ? ` ${s.units}` : ''}`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** µs since 1970 as the browser's pickers want it, in the phone's zone. */
export function toPicker(us: number, how: TimeFormat): string {
  const d = new Date(us / 1000);
  const date = `${String(d.getFullYear()).padStart(4, '0')}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return how === 'time' ? time : how === 'date' ? date : `${date}T${time}`;
}

/** What a picker gave, as µs since 1970. A time alone keeps the day, and a day alone the time, of the present value. */
export function fromPicker(text: string, how: TimeFormat, presentUs: number | null, nowMs: number): Checked {
  const base = new Date(presentUs === null ? nowMs : presentUs / 1000);
  const date = /(\d{4})-(\d\d)-(\d\d)/.exec(text);
  const time = /(\d\d):(\d\d)(?::(\d\d))?/.exec(text);
  if (how !== 'time' && !date) return no('choose a date');
  if (how !== 'date' && !time) return no('choose a time');
  const d = new Date(base.getTime());
  if (presentUs === null) d.setHours(0, 0, 0, 0);
  if (date && how !== 'time') d.setFullYear(Number(date[1]), Number(date[2]) - 1, Number(date[3]));
  if (time && how !== 'date') d.setHours(Number(time[1]), Number(time[2]), Number(time[3] ?? 0), 0);
  const ms = d.getTime();
  return Number.isNaN(ms) ? no('not a time') : { ok: true, value: ms * 1000 };
}
