// What the whole page shares: signals, the address, the open sheet, the theme. No network here.

import { computed, signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import type { LinkState } from './link/socket';
import type { Hello, PageDef, Plant } from './link/speak';
import { TagStore } from './link/tags';
import { chosenTheme, type Theme } from './paint';

export const hello = signal<Hello | null>(null);
export const plant = signal<Plant | null>(null);
export const link = signal<LinkState>({ is: 'connecting' });
/** The session ended or never was: the page says how to get a link. */
export const locked = signal(false);
/** As many pages are open as the gateway allows. */
export const crowded = signal(false);
/** What is read out to those who do not see the screen. */
export const said = signal('');
/** Page time, once a second while the page is visible. */
export const tick = signal(Date.now());
/** Gateway time minus page time. */
export const offset = signal(0);
/** Set once the first values are drawn; the trend's code is fetched only then. */
export const drawn = signal(false);

/** The gateway's present time as the page knows it. Reading it in a computed repeats it each second. */
export const gatewayNow = () => tick.value + offset.value;
/** The same without subscribing. */
export const gatewayTime = () => Date.now() + offset.peek();

export const store = new TagStore(gatewayTime);

/** The gateway's clock from a message: transit only ever makes it look late, so the latest is nearest. */
export function heardTime(now: number, fresh: boolean): void {
  const o = now - Date.now();
  if (fresh || o > offset.peek() || o < offset.peek() - 2000) offset.value = o;
}

export type Sheet =
  | { is: 'tag'; tag: string }
  | { is: 'set'; tag: string }
  | { is: 'dict'; tag: string; picked: number[]; opts: DictOpts; done: () => void }
  | { is: 'status' }
  | { is: 'more' }
  | { is: 'group'; name: string }
  | { is: 'scale'; render: () => ComponentChild };
export interface DictOpts {
  multi: string[] | null;
  min: number | null;
  max: number | null;
  dp: number | null;
  units: string | null;
}

export const pageId = signal<string | null>(null);
export const sheet = signal<Sheet | null>(null);

export const pages = computed<PageDef[]>(() => hello.value?.pages ?? []);
export const page = computed<PageDef | null>(() => pages.value.find((p) => p.id === pageId.value) ?? pages.value[0] ?? null);

/** Menu entries in the site's order: a page, or a group of pages with the same parent. */
export type Entry = { is: 'page'; name: string; page: PageDef } | { is: 'group'; name: string; pages: PageDef[] };
export const entries = computed<Entry[]>(() => menu(pages.value));

export function menu(all: PageDef[]): Entry[] {
  const out: Entry[] = [];
  for (const p of all) {
    if (p.parent === null) {
      out.push({ is: 'page', name: p.name, page: p });
      continue;
    }
    const group = out.find((e) => e.is === 'group' && e.name === p.parent);
    if (group?.is === 'group') group.pages.push(p);
    else out.push({ is: 'group', name: p.parent, pages: [p] });
  }
  return out;
}

export function say(words: string): void {
  said.value = words;
}

export const theme = signal<Theme>(chosenTheme());
/** Changes whenever colours did, so that canvases are drawn again. */
export const painted = signal(0);
