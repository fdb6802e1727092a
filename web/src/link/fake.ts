// A gateway that lives in the page: the demo's hydro station, with history, refusals and faults. Never in a shipped page.
//
// `?fake=drop` loses the link for 8 s every 40 s, `?fake=offline` loses it for good after 4 s, `?fake=faults` begins with a
// silent device, `?fake=mistakes` has a site with mistakes, `?fake=nosite` has none. Without a word: a fault every few minutes, as in life.

import type { Fetcher } from './history';
import type { SocketLike } from './socket';
import type { Json, PageDef, TagDef } from './speak';
import { Station } from './fakeplant';

const MODE = new URLSearchParams(location.search).get('fake') ?? '';
const BOOT = 'demo';
const NO_SITE = MODE === 'nosite';
const MISTAKES: { [key: string]: Json } =
  NO_SITE || MODE === 'mistakes'
    ? {
        runs: NO_SITE ? 'none' : 'last',
        findings: [
          { severity: 'error', file: 'modbusclient.yaml', line: 14, column: 9, text: 'word_order = "cdba" — expected one of abcd, cdab, badc, dcba; did you mean "cdab"?' },
          { severity: 'notice', file: 'site', line: 0, column: 0, text: "left out: DSC_0001.JPG — only .yaml files are a site's" },
        ],
      }
    : {};
const station = new Station(Date.now(), MODE === 'faults');

type Def = Partial<TagDef> & { name: string };
const def = (d: Def): TagDef => ({
  desc: d.name, kind: 'float', units: null, dp: null, min: null, max: null, multi: null, deadband: null, format: null, set: false, ...d,
});

const TAGS: TagDef[] = [
  def({ name: 'river_flow', desc: 'River flow', units: 'm³/s', dp: 1, min: 0, max: 120 }),
  def({ name: 'forebay_level', desc: 'Forebay level', units: 'm', dp: 3, min: 141, max: 146 }),
  def({ name: 'tail_level', desc: 'Tailwater level', units: 'm', dp: 3, min: 118, max: 123 }),
  def({ name: 'rack_diff', desc: 'Rack differential', units: 'm', dp: 2, min: 0, max: 0.35 }),
  def({ name: 'gate_pos', desc: 'Intake gate', units: '%', dp: 1, min: 0, max: 100 }),
  def({ name: 'gate_set', desc: 'Intake gate, wanted', units: '%', dp: 1, min: 0, max: 100, set: true }),
  def({ name: 'spill_flow', desc: 'Spillway', units: 'm³/s', dp: 1, min: 0, max: 80 }),
  def({ name: 'level_set', desc: 'Level to hold', units: 'm', dp: 2, min: 142, max: 145.5, set: true }),
  def({ name: 'mode', desc: 'Station mode', kind: 'int', multi: ['Stopped', 'Manual', 'Level control', 'Power control'], set: true }),
  ...[1, 2].flatMap((n): TagDef[] => [
    def({ name: `t${n}_power`, desc: `Turbine ${n} power`, units: 'MW', dp: 2, min: 0, max: 6.5 }),
    def({ name: `t${n}_wicket`, desc: `Turbine ${n} wicket gates`, units: '%', dp: 1, min: 0, max: 100 }),
    def({ name: `t${n}_flow`, desc: `Turbine ${n} flow`, units: 'm³/s', dp: 1, min: 0, max: 35 }),
    def({ name: `t${n}_state`, desc: `Turbine ${n}`, kind: 'int', multi: ['Stopped', 'Starting', 'Running', 'Tripped'] }),
    def({ name: `t${n}_set`, desc: `Turbine ${n} load`, units: 'MW', dp: 1, min: 0, max: 6, set: true }),
  ]),
  def({ name: 'bearing_1', desc: 'Turbine 1 guide bearing, drive end, temperature', units: '°C', dp: 1, min: 0, max: 75 }),
  def({ name: 'bearing_2', desc: 'Turbine 2 guide bearing, drive end, temperature', units: '°C', dp: 1, min: 0, max: 75 }),
  def({ name: 'energy', desc: 'Energy exported', kind: 'int', units: 'kWh', dp: 0 }),
  def({ name: 'voltage', desc: 'Busbar voltage', units: 'kV', dp: 2, min: 10, max: 12 }),
  def({ name: 'frequency', desc: 'Frequency', units: 'Hz', dp: 3, min: 49.5, max: 50.5 }),
  def({ name: 'fan_speed', desc: 'Ventilation fan', units: 'rpm', dp: 0, min: 0, max: 1500 }),
  def({ name: 'fan_set', desc: 'Ventilation fan, wanted', kind: 'int', units: 'rpm', dp: 0, min: 0, max: 1450, set: true }),
  def({ name: 'hall_temp', desc: 'Machine hall', units: '°C', dp: 1 }),
  def({ name: 'rain_radar', desc: 'Catchment rain, last hour', units: 'mm', dp: 1 }),
  def({ name: 'rack_clean_at', desc: 'Rack cleaning at', kind: 'int', format: 'time', set: true }),
  def({ name: 'inspection', desc: 'Next inspection', kind: 'int', format: 'date', set: true }),
  def({ name: 'started', desc: 'Last start', kind: 'int', format: 'datetime', set: true }),
  def({ name: 'shift', desc: 'Shift message', kind: 'str', set: true }),
  def({ name: 'serial', desc: 'Meter serial number', kind: 'int' }),
  def({ name: 'trim', desc: 'Gauge trim', units: 'mm', dp: 1, set: true }),
  def({ name: 'schedule', desc: 'Dispatch schedule', kind: 'dict', set: true }),
  def({ name: 'offsets', desc: 'Rack offsets', kind: 'dict', set: true }),
];

const v = (tagname: string) => ({ type: 'value', tagname });
const s = (tagname: string) => ({ type: 'setpoint', tagname });
const PAGES: PageDef[] = [
  { id: 'station', name: 'Station', parent: null, items: [
    { type: 'h1', desc: 'Water' }, v('forebay_level'), s('level_set'), v('river_flow'), v('spill_flow'), v('rack_diff'), v('tail_level'), v('gate_pos'), s('gate_set'),
    { type: 'h1', desc: 'Machines' }, s('mode'), v('t1_state'), s('t1_set'), v('t1_power'), v('bearing_1'), v('t2_state'), s('t2_set'), v('t2_power'), v('bearing_2'),
    { type: 'h1', desc: 'Electrical' }, v('energy'), v('voltage'), v('frequency') ] },
  { id: 'machines', name: 'Machines', parent: null, items: [
    { type: 'h2', desc: 'Turbine 1' }, v('t1_state'), v('t1_power'), v('t1_wicket'), v('t1_flow'), v('bearing_1'), s('t1_set'),
    { type: 'h2', desc: 'Turbine 2' }, v('t2_state'), v('t2_power'), v('t2_wicket'), v('t2_flow'), v('bearing_2'), s('t2_set'),
    { type: 'h2', desc: 'Hall' }, v('fan_speed'), s('fan_set'), v('hall_temp'), v('rain_radar') ] },
  { id: 'water', name: 'Water', parent: 'Trends', items: [ { type: 'uplot', ms: { desc: 'Level and flows' },
    axes: [{ scale: 'x', range: [-3600, 0] }, { scale: 'm', range: null, side: 3 }, { scale: 'm³/s', range: [0, 60], side: 1 }],
    series: [
      { tagname: 'forebay_level', scale: 'm', color: 'blue', width: 2, dp: 3 },
      { tagname: 'river_flow', scale: 'm³/s', color: 'green', dp: 1 },
      { tagname: 'spill_flow', scale: 'm³/s', color: 'darkorange', dp: 1, fill: ['darkorange', 0.15] } ] } ] },
  { id: 'power', name: 'Power', parent: 'Trends', items: [ { type: 'uplot', ms: { desc: 'Machines' },
    axes: [{ scale: 'x', range: [-8 * 3600, 0] }, { scale: 'MW', range: [0, 7] }, { scale: '°C', range: [20, 80], side: 1 }],
    series: [
      { tagname: 't1_state' }, { tagname: 't2_state' },
      { tagname: 't1_power', scale: 'MW', color: 'black' }, { tagname: 't2_power', scale: 'MW', color: 'red' },
      { tagname: 'bearing_1', scale: '°C', color: 'teal', linestyle: 'linear', dash: [5, 4] } ],
    bands: [{ series: ['t1_power', 't2_power'], fill: ['green', 0.12] }] } ] },
  { id: 'settings', name: 'Settings', parent: null, items: [
    { type: 'h1', desc: 'Every kind of value' }, { type: 'p', desc: 'Set one and watch what becomes of it. The trim has no limits; the gauge PLC refuses more than 10 mm all the same.' },
    s('trim'), s('fan_set'), s('mode'), s('shift'), s('rack_clean_at'), s('inspection'), s('started'), v('serial'),
    { type: 'hr' },
    { type: 'selectdict', tagname: 'schedule', opts: { type: 'multi', multi: ['Off', 'Low', 'Normal', 'High'] } },
    { type: 'selectdict', tagname: 'offsets', opts: { type: 'float', dp: 2, min: -1, max: 1, units: 'm' } } ] },
  { id: 'notes', name: 'Notes', parent: null, items: [{ type: 'h1', desc: 'Notes' }, { type: 'placeholder', kind: 'opnotes', why: 'not built yet', at: 'wwwserver.yaml:9' }] },
  { id: 'files', name: 'Files', parent: null, items: [{ type: 'placeholder', kind: 'files', why: 'not built yet', at: 'wwwserver.yaml:12' }, v('no_such_tag')] },
];

/** The time the link is up in `?fake=drop`, and how long it stays away. */
const UP_MS = 32_000;
const AWAY_MS = 8000;
let downUntil = 0;

export function fakeSocket(): SocketLike {
  const socket: SocketLike & { gone: boolean } = { onopen: null, onmessage: null, onclose: null, onerror: null, gone: false, send, close };
  let watched: number[] = [];
  let last = new Map<number, string>();
  let timer = 0;
  const tell = (m: Json) => {
    const text = JSON.stringify(m);
    setTimeout(() => !socket.gone && socket.onmessage?.({ data: text }), 15 + Math.random() * 25);
  };
  function close() {
    socket.gone = true;
    clearInterval(timer);
  }
  const die = () => {
    if (socket.gone) return;
    close();
    socket.onclose?.();
  };
  const readings = () => {
    const out: Json[] = [];
    for (const i of watched) {
      const name = TAGS[i]?.name ?? '';
      const r = station.reading(name);
      const row: Json[] = r.quality === 0 ? [i, r.at, 0, r.value] : [i, r.at, r.quality, r.value, r.why, r.since];
      const text = JSON.stringify(row);
      if (last.get(i) !== text) out.push(row);
      last.set(i, text);
    }
    return out;
  };
  function send(text: string) {
    const m = JSON.parse(text) as { t: string; tags?: number[]; id?: number; tag?: number; value?: Json };
    if (m.t === 'ping') tell({ t: 'beat', now: Date.now() });
    if (m.t === 'watch' && m.tags) {
      const next = new Set(m.tags);
      last = new Map([...last].filter(([i]) => watched.includes(i) && next.has(i)));
      watched = m.tags;
      const v = readings();
      if (v.length > 0) tell({ t: 'tags', now: Date.now(), v });
    }
    if (m.t === 'set' && m.id !== undefined && m.tag !== undefined) {
      const id = m.id;
      const outcome = station.write(TAGS[m.tag]?.name ?? '', m.value ?? null);
      if (outcome.steps) tell({ t: 'set', id, state: 'sent' });
      setTimeout(() => tell({ t: 'set', id, ...outcome.end }), outcome.steps ? 700 : 60);
    }
  }
  setTimeout(() => {
    if (socket.gone) return;
    if (Date.now() < downUntil) return die();
    tell({ t: 'hello', v: 1, version: '0.1.0', boot: BOOT, now: Date.now(), clock: 'set', site: 'Forebay demo', config: {}, pages: (NO_SITE ? [] : PAGES) as unknown as Json, tags: (NO_SITE ? [] : TAGS) as unknown as Json, ...MISTAKES });
    let devices = '';
    timer = window.setInterval(() => {
      const v = readings();
      tell(v.length > 0 ? { t: 'tags', now: Date.now(), v } : { t: 'beat', now: Date.now() });
      const d = station.devices();
      if (JSON.stringify(d) !== devices) {
        devices = JSON.stringify(d);
        tell({ t: 'plant', bus: true, devices: d });
      }
    }, 500);
    if (MODE === 'drop') setTimeout(() => ((downUntil = Date.now() + AWAY_MS), die()), UP_MS);
    if (MODE === 'offline') setTimeout(() => ((downUntil = Infinity), die()), 4000);
  }, 30);
  return socket;
}

/** The same bytes as `/api/history` sends. */
export const fakeFetcher: Fetcher = async (url, signal) => {
  await new Promise((r) => setTimeout(r, 120));
  if (signal.aborted) throw new DOMException('aborted', 'AbortError');
  if (Date.now() < downUntil) throw new TypeError('no network');
  const now = Date.now();
  const of = new URL(url, location.origin);
  if (of.pathname.endsWith('/status')) {
    const salvage = { at_ms: now - 9e7, got: 412_306, done: true };
    const said = { oldest_ms: now - 864e5, days: 1, days_kept: 912.4, device_bytes_per_day: 48.2e6, failing: null, damaged: 0, salvage, wear: [], uncertain_ms: [[now - 5e6, now - 48e5]] };
    return { status: 200, bytes: new TextEncoder().encode(JSON.stringify(said)).buffer };
  }
  const q = of.searchParams;
  if (of.pathname.endsWith('/source')) {
    const at = TAGS.findIndex((t) => t.name === q.get('tag')) * 2 + 1;
    const said = { device: 'PLC1', at: '192.168.0.10:502', read: `PLC1:1:4x:${at}`, write: null, type: 'float32', scale: 1, offset: 0, sunssf: null, every_ms: 500 };
    return { status: 200, bytes: new TextEncoder().encode(JSON.stringify(said)).buffer };
  }
  const [from, to, columns] = [Number(q.get('from')), Number(q.get('to')), Number(q.get('columns'))];
  return { status: 200, bytes: station.history(q.getAll('tag'), from, to, columns) };
};
