// A small hydro station as water moves: levels integrate flows, gates ramp, noise is small. For the demo in the page only.

import type { Json } from './speak';

interface Read {
  quality: 0 | 1 | 2;
  at: number;
  value: Json;
  why: string;
  since: number;
}
interface Column {
  t: number[];
  v: number[];
}
export interface Fate {
  steps: boolean;
  end: { state: string; why?: string; value?: Json };
}

/** Which device holds a tag. */
const DEVICE: Record<string, string> = {
  rack_diff: 'INTAKE', gate_pos: 'INTAKE', gate_set: 'INTAKE', river_flow: 'INTAKE',
  energy: 'METER', voltage: 'METER', frequency: 'METER', serial: 'METER',
  fan_speed: 'FAN', fan_set: 'FAN',
};
const HISTORY_MS = 2 * 86_400_000;
const STEP_S = 20;

export class Station {
  private state: Record<string, number> = {
    river_flow: 38, forebay_level: 143.86, tail_level: 119.4, rack_diff: 0.08, gate_pos: 82, gate_set: 82, spill_flow: 0, level_set: 143.8, mode: 2,
    t1_power: 3.8, t1_wicket: 62, t1_flow: 19, t1_state: 2, t1_set: 4, t2_power: 3.6, t2_wicket: 60, t2_flow: 18, t2_state: 2, t2_set: 4,
    bearing_1: 58, bearing_2: 56, energy: 48_211_907, voltage: 11.02, frequency: 50, fan_speed: 820, fan_set: 820, hall_temp: 24, trim: -1.5,
    dirt: 0.1, wet: 0,
  };
  private words: Record<string, Json> = {
    shift: 'all quiet', serial: '9007199254740993',
    rack_clean_at: new Date().setHours(6, 30, 0, 0) * 1000, inspection: (Date.now() + 19 * 86_400_000) * 1000, started: (Date.now() - 3 * 86_400_000) * 1000,
    schedule: { labels: hours(), values: hours().map((_, i) => (i < 12 || i > 40 ? 1 : i > 14 && i < 22 ? 3 : 2)), locks: hours().map((_, i) => (i < 6 ? 1 : 0)), times: hours().map(() => 0) },
    offsets: { labels: ['Left', 'Middle', 'Right', 'Spare'], values: [0.02, -0.01, 0.04, 0], locks: [0, 0, 0, 1] },
  };
  private columns = new Map<string, Column>();
  private tripAt: number[] = [0, 0];
  private silent: { device: string; since: number; until: number } | null = null;
  private held = new Map<string, Read>();
  private at: number;
  private seed = 20260;
  private nextFault: number;

  constructor(now: number, faulty: boolean) {
    this.at = now - HISTORY_MS;
    this.nextFault = now + 90_000;
    while (this.at < now - 1000) {
      this.at += STEP_S * 1000;
      this.step(STEP_S);
      this.keep();
    }
    this.at = now;
    if (faulty) {
      this.silent = { device: 'METER', since: now - 95_000, until: now + 600_000 };
      this.state['rack_diff'] = 0.41;
      this.state['dirt'] = 3.2;
      this.tripAt[1] = now;
      this.state['t2_state'] = 3;
      for (const n of ['energy', 'voltage', 'frequency', 'serial']) this.held.set(n, { ...this.good(n), quality: 1, why: 'METER timed out', since: now - 95_000, at: now - 96_000 });
    }
    setInterval(() => {
      const t = Date.now();
      const s = (t - this.at) / 1000;
      this.at = t;
      this.step(Math.min(s, 60));
      this.faults(t);
      this.keep();
    }, 500);
  }

  private random(): number {
    this.seed = (this.seed * 1664525 + 1013904223) >>> 0;
    return this.seed / 2 ** 32 - 0.5;
  }

  private step(dt: number): void {
    const s = this.state;
    const get = (k: string) => s[k] ?? 0;
    const ramp = (k: string, to: number, rate: number) => (s[k] = get(k) + Math.max(-rate * dt, Math.min(rate * dt, to - get(k))));
    const lag = (k: string, to: number, tau: number) => (s[k] = get(k) + (to - get(k)) * (1 - Math.exp(-dt / tau)));
    const day = (this.at / 86_400_000) * 2 * Math.PI;
    s['wet'] = Math.max(0, get('wet') * Math.exp(-dt / 9000) + (this.random() > 0.4993 ? 14 : 0));
    lag('river_flow', 36 + 6 * Math.sin(day) + 2 * Math.sin(day * 7.3) + get('wet'), 900);
    s['dirt'] = get('dirt') > 4 ? 0.1 : get('dirt') + dt * 0.00006 * (1 + get('wet') / 4);
    let used = 0;
    for (const n of [1, 2]) {
      const k = (x: string) => `t${n}_${x}`;
      if (get(k('state')) === 3 && this.at - (this.tripAt[n - 1] ?? 0) > 60_000) s[k('state')] = 1;
      const on = get(k('state')) !== 3 && get('mode') !== 0;
      if (get('mode') === 2) s[k('set')] = Math.min(6, Math.max(0.5, Math.round((get(k('set')) + (get('forebay_level') - get('level_set')) * dt * 0.004) * 1000) / 1000));
      ramp(k('wicket'), on ? 8 + get(k('set')) * 14.2 : 0, on ? 1.2 : 9);
      lag(k('flow'), (get(k('wicket')) / 100) * 31 * (1 - get('rack_diff')), 4);
      lag(k('power'), Math.max(0, (get(k('flow')) - 1.5) * 0.213) * (1 + this.random() * 0.004), 3);
      if (get(k('state')) !== 3) s[k('state')] = !on ? 0 : get(k('power')) > 0.4 ? 2 : 1;
      lag(`bearing_${n}`, 24 + get(k('power')) * 8.8 + n, 700);
      used += get(k('flow'));
    }
    s['rack_diff'] = 0.04 + get('dirt') * 0.09 + used * used * 0.00002 + this.random() * 0.004;
    ramp('gate_pos', get('gate_set'), 0.8);
    const over = Math.max(0, get('forebay_level') - 144.1);
    lag('spill_flow', 46 * over ** 1.5, 8);
    s['forebay_level'] = Math.min(145.9, Math.max(141.2, get('forebay_level') + ((get('river_flow') - used - get('spill_flow')) * dt) / 52_000 + this.random() * 0.0006));
    lag('tail_level', 118.8 + (used + get('spill_flow')) * 0.017, 60);
    s['energy'] = get('energy') + ((get('t1_power') + get('t2_power')) * 1000 * dt) / 3600;
    s['frequency'] = 50 + 0.02 * Math.sin(this.at / 31_000) + this.random() * 0.008;
    s['voltage'] = 11 + 0.03 * Math.sin(this.at / 211_000) + this.random() * 0.01;
    ramp('fan_speed', get('fan_set'), 22);
    s['fan_speed'] = get('fan_speed') + (get('fan_speed') > 5 ? this.random() * 2 : 0);
    lag('hall_temp', 21 + (get('t1_power') + get('t2_power')) * 0.9 - get('fan_speed') * 0.003, 1200);
  }

  private faults(now: number): void {
    if (this.silent && now > this.silent.until) {
      this.silent = null;
      this.held.clear();
    }
    if (now < this.nextFault) return;
    this.nextFault = now + 100_000 + (this.random() + 0.5) * 120_000;
    const pick = Math.floor((this.random() + 0.5) * 3);
    if (pick === 0) {
      this.tripAt[1] = now;
      this.state['t2_state'] = 3;
    } else if (pick === 1) {
      this.state['dirt'] = 3.9;
    } else {
      const device = ['METER', 'FAN', 'INTAKE'][Math.floor((this.random() + 0.5) * 3)] ?? 'METER';
      for (const [n, d] of Object.entries(DEVICE)) if (d === device) this.held.set(n, { ...this.good(n), quality: 1, why: `${device} timed out`, since: now });
      this.silent = { device, since: now, until: now + 45_000 };
    }
  }

  private round(n: string): number {
    const x = this.state[n] ?? 0;
    if (n === 'energy' || n.endsWith('_state') || n === 'mode' || n === 'fan_set') return Math.round(x);
    return Math.round(x * 1000) / 1000;
  }

  private keep(): void {
    for (const n of Object.keys(this.state)) {
      let c = this.columns.get(n);
      if (!c) this.columns.set(n, (c = { t: [], v: [] }));
      const x = this.held.has(n) ? NaN : this.round(n);
      // A stretch without records, two hours ago: holes are part of life.
      const age = Date.now() - this.at;
      const value = n === 'river_flow' && age > 6_900_000 && age < 7_500_000 ? NaN : x;
      const was = c.v.at(-1);
      if (Object.is(was, value)) continue;
      c.t.push(this.at);
      c.v.push(value);
    }
  }

  private good(n: string): Read {
    const w = this.words[n];
    return { quality: 0, at: this.at, value: w === undefined ? this.round(n) : w, why: '', since: 0 };
  }

  reading(n: string): Read {
    if (n === 'rain_radar') return { quality: 2, at: 0, value: null, why: 'weather service not answering', since: this.at - 500_000 };
    const r = this.held.get(n) ?? this.good(n);
    return this.words[n] === undefined ? r : { ...r, at: r.at - (r.at % 60_000) };
  }

  devices(): Json {
    return ['PLC1', 'INTAKE', 'METER', 'FAN'].map((name) =>
      this.silent?.device === name ? { name, state: 'offline', why: 'timed out', since: this.silent.since } : { name, state: 'ok' },
    );
  }

  write(n: string, value: Json): Fate {
    if (this.silent && DEVICE[n] === this.silent.device) return { steps: false, end: { state: 'refused', why: `${this.silent.device} is offline` } };
    if (n === 'trim' && Math.abs(Number(value)) > 10) return { steps: true, end: { state: 'refused', why: 'PLC1: illegal data value' } };
    if (n === 'fan_set' && Number(value) > 1400) {
      this.state[n] = 1400;
      return { steps: true, end: { state: 'mismatch', value: 1400 } };
    }
    if (n === 'started') return { steps: true, end: { state: 'expired' } };
    if (n in this.words) {
      this.words[n] = value;
      return { steps: false, end: { state: 'stored' } };
    }
    setTimeout(() => (this.state[n] = Number(value)), 400);
    return { steps: true, end: { state: 'confirmed' } };
  }

  history(tags: string[], from: number, to: number, columns: number): ArrayBuffer {
    const parts = tags.map((n) => {
      const c = this.columns.get(n);
      if (!c) return { form: 2, cols: [[], []] as number[][] };
      let i = c.t.findIndex((t) => t > from);
      i = i < 0 ? c.t.length - 1 : Math.max(0, i - 1);
      let j = i;
      while (j < c.t.length && (c.t[j] ?? 0) <= to) j += 1;
      const [t, v] = [c.t.slice(i, j), c.v.slice(i, j)];
      if (t.length <= columns) return { form: 0, cols: [t, v] };
      return { form: 1, cols: thin(t, v, from, to, columns) };
    });
    const size = 24 + parts.reduce((sum, p) => sum + 8 + 8 * p.cols.reduce((a, c) => a + c.length, 0), 0);
    const b = new DataView(new ArrayBuffer(size));
    b.setUint32(0, 0x31484246, true);
    b.setUint32(4, parts.length, true);
    b.setFloat64(8, from, true);
    b.setFloat64(16, to, true);
    let at = 24;
    for (const p of parts) {
      b.setUint32(at, p.cols[0]?.length ?? 0, true);
      b.setUint32(at + 4, p.form, true);
      at += 8;
      for (const col of p.cols) for (const x of col) (b.setFloat64(at, x, true), (at += 8));
    }
    return b.buffer;
  }
}

function hours(): string[] {
  return Array.from({ length: 48 }, (_, i) => `${String(i >> 1).padStart(2, '0')}:${i % 2 ? '30' : '00'}`);
}

/** Lowest, highest and last of each column; a hole stays one. */
function thin(t: number[], v: number[], from: number, to: number, columns: number): number[][] {
  const out: number[][] = [[], [], [], []];
  const width = (to - from) / columns;
  for (let i = 0; i < t.length; ) {
    const bucket = Math.floor(((t[i] ?? 0) - from) / width);
    let [lo, hi, last, first] = [Infinity, -Infinity, NaN, t[i] ?? 0];
    for (; i < t.length && Math.floor(((t[i] ?? 0) - from) / width) === bucket; i += 1) {
      const x = v[i] ?? NaN;
      last = x;
      if (x < lo) lo = x;
      if (x > hi) hi = x;
    }
    const hole = Number.isNaN(last);
    out[0]?.push(first);
    out[1]?.push(hole ? NaN : lo);
    out[2]?.push(hole ? NaN : hi);
    out[3]?.push(last);
  }
  return out;
}
