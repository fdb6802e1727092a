// The sentences: what the gateway and the page say to each other, as in gateway/www/PAGE.md.
//
// In: text and bytes from the gateway. Out: types the compiler can hold us to. Never: a cast of something that was not
// looked at. Whatever does not parse is an `Unspoken` with the place that was wrong, and changes nothing on the page.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A tag's value. `bigint` is an integer beyond ±2^53; `null` is a bytes value, which the page does not show. */
export type Value = number | bigint | string | null | Json[] | { [key: string]: Json };

/** A value is never seen without how good it is. Times are ms since 1970 UTC on the gateway's clock. */
export type Reading =
  | { quality: 'good'; at: number; value: Value }
  | { quality: 'held'; at: number; value: Value; why: string; since: number }
  | { quality: 'missing'; why: string; since: number };

export type Kind = 'int' | 'float' | 'str' | 'bytes' | 'list' | 'dict';
export type TimeFormat = 'time' | 'date' | 'datetime';

/** What a person wrote about a tag in tags.yaml. */
export interface TagDef {
  name: string;
  desc: string;
  kind: Kind;
  units: string | null;
  dp: number | null;
  min: number | null;
  max: number | null;
  multi: string[] | null;
  deadband: number | null;
  format: TimeFormat | null;
  set: boolean;
}

/** A page item as wwwserver.yaml has it; only `type` is sure, each part looks at its own keys. */
export interface Item {
  type: string;
  [key: string]: Json;
}
export interface PageDef {
  id: string;
  name: string;
  parent: string | null;
  items: Item[];
}

/** Something wrong with the site of a box. Line 0 is the file as a whole. */
export interface Finding {
  severity: 'error' | 'warning' | 'notice';
  file: string;
  line: number;
  column: number;
  text: string;
}
/** What a box shows while its site has mistakes: the last good site, or none. */
export interface Mistakes {
  runs: 'last' | 'none';
  findings: Finding[];
}

export interface Hello {
  t: 'hello';
  version: string;
  boot: string;
  now: number;
  clock: string;
  site: string;
  config: { [key: string]: Json };
  pages: PageDef[];
  tags: TagDef[];
  mistakes: Mistakes | null;
}
export interface Tags {
  t: 'tags';
  now: number;
  readings: { tag: number; reading: Reading }[];
}
export type SetState = 'sent' | 'confirmed' | 'stored' | 'refused' | 'mismatch' | 'expired';
export interface SetNews {
  t: 'set';
  id: number;
  state: SetState;
  why: string | null;
  value: Value | undefined;
}
export interface Device {
  name: string;
  state: string;
  why: string | null;
  since: number | null;
}
export interface Plant {
  t: 'plant';
  bus: boolean;
  devices: Device[];
}
export interface Beat {
  t: 'beat';
  now: number;
}
export interface Complaint {
  t: 'error';
  why: string;
}
export type FromGateway = Hello | Tags | SetNews | Plant | Beat | Complaint;

/** Why a message was not understood. */
export class Unspoken extends Error {}

const KINDS: readonly string[] = ['int', 'float', 'str', 'bytes', 'list', 'dict'];
const FORMATS: readonly string[] = ['time', 'date', 'datetime'];
const SEVERITIES: readonly string[] = ['error', 'warning', 'notice'];
const RUNS: readonly string[] = ['last', 'none'];
const SET_STATES: readonly string[] = ['sent', 'confirmed', 'stored', 'refused', 'mismatch', 'expired'];

/** One text message of the gateway, or `Unspoken`. A sort of message we do not know yet is null: a newer gateway may say more. */
export function parseMessage(text: string): FromGateway | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new Unspoken('not JSON');
  }
  const m = object(raw, 'message');
  switch (m['t']) {
    case 'hello':
      return parseHello(m);
    case 'tags':
      return { t: 'tags', now: number(m['now'], 'now'), readings: array(m['v'], 'v').map(parseReading) };
    case 'set':
      return parseSet(m);
    case 'plant':
      return {
        t: 'plant',
        bus: m['bus'] === true,
        devices: array(m['devices'], 'devices').map((d, i) => parseDevice(object(d, `devices[${i}]`))),
      };
    case 'beat':
      return { t: 'beat', now: number(m['now'], 'now') };
    case 'error':
      return { t: 'error', why: string(m['why'], 'why') };
    default:
      if (typeof m['t'] === 'string') return null;
      throw new Unspoken('a message without t');
  }
}

function parseHello(m: Record<string, unknown>): Hello {
  if (m['v'] !== 1) throw new Unspoken(`version ${String(m['v'])} of the conversation, this page speaks 1`);
  return {
    t: 'hello',
    version: string(m['version'], 'version'),
    boot: string(m['boot'], 'boot'),
    now: number(m['now'], 'now'),
    clock: string(m['clock'], 'clock'),
    site: string(m['site'], 'site'),
    config: json(m['config'] ?? {}) as { [key: string]: Json },
    pages: array(m['pages'], 'pages').map((p, i) => parsePage(object(p, `pages[${i}]`))),
    tags: array(m['tags'], 'tags').map((d, i) => parseTag(object(d, `tags[${i}]`))),
    mistakes: orNull(m['findings'], (v) => ({
      runs: oneOf(m['runs'], RUNS, 'runs') as Mistakes['runs'],
      findings: array(v, 'findings').map((f, i) => parseFinding(object(f, `findings[${i}]`))),
    })),
  };
}

function parseFinding(f: Record<string, unknown>): Finding {
  return {
    severity: oneOf(f['severity'], SEVERITIES, 'severity') as Finding['severity'],
    file: string(f['file'], 'file'),
    line: number(f['line'], 'line'),
    column: number(f['column'], 'column'),
    text: string(f['text'], 'text'),
  };
}

function parsePage(p: Record<string, unknown>): PageDef {
  return {
    id: string(p['id'], 'page id'),
    name: string(p['name'], 'page name'),
    parent: orNull(p['parent'], (v) => string(v, 'parent')),
    items: array(p['items'] ?? [], 'items').map((raw) => {
      const item = object(raw, 'item');
      return { ...(json(item) as { [key: string]: Json }), type: string(item['type'], 'item type') };
    }),
  };
}

function parseTag(d: Record<string, unknown>): TagDef {
  const name = string(d['name'], 'tag name');
  return {
    name,
    desc: orNull(d['desc'], (v) => string(v, `${name} desc`)) ?? name,
    kind: oneOf(d['kind'], KINDS, `${name} kind`) as Kind,
    units: orNull(d['units'], (v) => string(v, `${name} units`)),
    dp: orNull(d['dp'], (v) => Math.min(12, Math.max(0, Math.trunc(number(v, `${name} dp`))))),
    min: orNull(d['min'], (v) => number(v, `${name} min`)),
    max: orNull(d['max'], (v) => number(v, `${name} max`)),
    multi: orNull(d['multi'], (v) => array(v, `${name} multi`).map((s) => string(s, `${name} multi`))),
    deadband: orNull(d['deadband'], (v) => number(v, `${name} deadband`)),
    format: orNull(d['format'], (v) => oneOf(v, FORMATS, `${name} format`) as TimeFormat),
    set: d['set'] === true,
  };
}

function parseReading(raw: unknown): { tag: number; reading: Reading } {
  const r = array(raw, 'reading');
  const tag = number(r[0], 'reading tag');
  const at = number(r[1], 'reading time');
  const quality = number(r[2], 'reading quality');
  if (quality === 0) return { tag, reading: { quality: 'good', at, value: value(r[3]) } };
  const why = string(r[4], 'reading why');
  const since = number(r[5], 'reading since');
  if (quality === 1) return { tag, reading: { quality: 'held', at, value: value(r[3]), why, since } };
  if (quality === 2) return { tag, reading: { quality: 'missing', why, since } };
  throw new Unspoken(`quality ${quality}`);
}

function parseSet(m: Record<string, unknown>): SetNews {
  return {
    t: 'set',
    id: number(m['id'], 'id'),
    state: oneOf(m['state'], SET_STATES, 'set state') as SetState,
    why: orNull(m['why'], (v) => string(v, 'why')),
    value: m['value'] === undefined ? undefined : value(m['value']),
  };
}

function parseDevice(d: Record<string, unknown>): Device {
  return {
    name: string(d['name'], 'device name'),
    state: string(d['state'], 'device state'),
    why: orNull(d['why'], (v) => string(v, 'device why')),
    since: orNull(d['since'], (v) => number(v, 'device since')),
  };
}

/** A reading's value as it came. Digit strings stay strings here: only the tag's kind says whether they are a number (`typed`). */
function value(raw: unknown): Value {
  if (raw === true || raw === false) return raw ? 1 : 0;
  return json(raw) as Value;
}

/** An int too large for JSON's numbers comes as digits; everywhere else a string is a string. */
export function typed(kind: Kind, v: Value): Value {
  return kind === 'int' && typeof v === 'string' && /^-?\d{1,20}$/.test(v) ? BigInt(v) : v;
}

/** What the page says, as text. */
export function sayWatch(tags: number[]): string {
  return JSON.stringify({ t: 'watch', tags });
}
export function saySet(id: number, tag: number, v: Value): string {
  return JSON.stringify({ t: 'set', id, tag, value: typeof v === 'bigint' ? wire(v) : v });
}
export function sayPing(): string {
  return '{"t":"ping"}';
}
/** Digits only where a number would lose them. */
function wire(v: bigint): number | string {
  const n = Number(v);
  return Number.isSafeInteger(n) ? n : v.toString();
}

function object(v: unknown, what: string): Record<string, unknown> {
  if (typeof v !== 'object' || v === null || Array.isArray(v)) throw new Unspoken(`${what} is not an object`);
  return v as Record<string, unknown>;
}
function array(v: unknown, what: string): unknown[] {
  if (!Array.isArray(v)) throw new Unspoken(`${what} is not a list`);
  return v;
}
function string(v: unknown, what: string): string {
  if (typeof v !== 'string') throw new Unspoken(`${what} is not text`);
  return v;
}
function number(v: unknown, what: string): number {
  if (typeof v !== 'number' || !Number.isFinite(v)) throw new Unspoken(`${what} is not a number`);
  return v;
}
function oneOf(v: unknown, names: readonly string[], what: string): string {
  if (typeof v !== 'string' || !names.includes(v)) throw new Unspoken(`${what} is ${JSON.stringify(v)}`);
  return v;
}
function orNull<T>(v: unknown, parse: (v: unknown) => T): T | null {
  return v === null || v === undefined ? null : parse(v);
}
/** What JSON.parse made is JSON; only a missing member has to be named. */
function json(v: unknown): Json {
  if (v === undefined) throw new Unspoken('a value is missing');
  return v as Json;
}
