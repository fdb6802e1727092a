// Where a tag's value comes from: its register, the device behind it, how often it is read. Asked when its sheet opens.

import { history } from './gateway';
import type { Device } from './speak';

/** As the gateway says it; an address is `PLC1:1:4x:101`. `device` null: no device of the site has this tag. */
export type Source =
  | { device: null }
  | {
      device: string;
      /** How the device is reached: `192.168.0.10:502`, `/dev/ttyUSB0`. */
      at: string;
      read: string | null;
      write: string | null;
      type: string;
      scale: number;
      offset: number;
      /** Where the device keeps the power of ten. */
      sunssf: string | null;
      every_ms: number;
    };

/** Null: not known now. */
export async function askSource(tag: string, signal: AbortSignal): Promise<Source | null> {
  const r = await history(`/api/source?tag=${encodeURIComponent(tag)}`, signal);
  return r.status === 200 ? (JSON.parse(new TextDecoder().decode(r.bytes)) as Source) : null;
}

/** Lines for a person: what, and in words. `devices` is what the gateway last said of them, while it can be believed. */
export function sourceWords(s: Source, devices: Device[]): [string, string][] {
  if (s.device === null) return [['From', 'no device: a script or a page sets it']];
  const { device, at, read, write, type, scale, offset, sunssf, every_ms } = s;
  const state = devices.find((d) => d.name === device);
  const facts: [string, string][] = [];
  if (read) facts.push(['Register', read]);
  if (write && write !== read) facts.push(['Set at', write]);
  const plus = offset ? ` ${offset < 0 ? '−' : '+'} ${Math.abs(offset)}` : '';
  facts.push(['Holds', `${type}${scale === 1 ? '' : ` × ${scale}`}${sunssf ? ` × 10^${sunssf}` : ''}${plus}`]);
  const words = state ? `, ${state.state === 'ok' ? 'answers' : (state.why ?? state.state)}` : '';
  facts.push(['Device', `${device} at ${at}${read ? `, read every ${every_ms / 1000} s` : ''}${words}`]);
  return facts;
}
