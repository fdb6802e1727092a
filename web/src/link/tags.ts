// One signal per tag: the last reading of everything the site's pages mention.
//
// In: readings by tag number, the link's loss, who is looking at what. Out: signals, and the list to watch. A tag that is
// not watched, or whose link is gone, is held: nothing here can look live without the gateway having just said so.

import { batch, signal, type Signal } from '@preact/signals';
import { NO_LINK, WAITING } from './words';
import { typed, type Reading, type TagDef, type Tags } from './speak';

export interface TagState {
  def: TagDef;
  reading: Signal<Reading>;
}


export class TagStore {
  constructor(private readonly now: () => number) {}

  private readonly byName = new Map<string, TagState>();
  private readonly numbers = new Map<string, number>();
  private names: string[] = [];
  private readonly viewers = new Map<string, number>();
  /** What the gateway was last asked for. */
  private asked = new Set<string>();
  private flushing = false;
  /** What the views look at changed; told once per turn, so a page change is one message. */
  onWatch: (() => void) | null = null;

  /** A new conversation: numbers are new, signals stay. */
  hello(defs: TagDef[], now: number): void {
    this.names = defs.map((d) => d.name);
    this.numbers.clear();
    defs.forEach((def, i) => {
      this.numbers.set(def.name, i);
      const known = this.byName.get(def.name);
      if (known) known.def = def;
      else this.byName.set(def.name, { def, reading: signal<Reading>({ quality: 'missing', why: WAITING, since: now }) });
    });
  }

  get(name: string): TagState | undefined {
    return this.byName.get(name);
  }

  number(name: string): number | undefined {
    return this.numbers.get(name);
  }

  /** All readings of a message become visible together. */
  update(m: Tags): void {
    batch(() => {
      for (const { tag, reading } of m.readings) {
        const name = this.names[tag];
        const state = name === undefined ? undefined : this.byName.get(name);
        if (!state) continue;
        // A late reading of a tag nobody watches any more would look live for ever.
        if (!this.asked.has(state.def.name)) continue;
        state.reading.value = reading.quality === 'missing' ? reading : { ...reading, value: typed(state.def.kind, reading.value) };
      }
    });
  }

  /** The link is gone: every value is held from this moment. */
  holdAll(since: number): void {
    batch(() => {
      for (const s of this.byName.values()) s.reading.value = hold(s.reading.peek(), NO_LINK, since);
    });
  }

  /** A view looks at these tags until it calls what it got back. */
  watch(names: string[]): () => void {
    const mine = new Set(names);
    for (const name of mine) this.viewers.set(name, (this.viewers.get(name) ?? 0) + 1);
    this.later();
    return () => {
      for (const name of mine) {
        const n = (this.viewers.get(name) ?? 1) - 1;
        if (n > 0) this.viewers.set(name, n);
        else this.viewers.delete(name);
      }
      mine.clear();
      this.later();
    };
  }

  /** Settles what is asked for. A tag that comes or goes is held until the gateway says how it is now. */
  flush(): void {
    this.flushing = false;
    const now = this.now();
    const before = this.asked;
    this.asked = new Set(this.viewers.keys());
    batch(() => {
      for (const name of [...before, ...this.asked]) {
        if (before.has(name) && this.asked.has(name)) continue;
        const s = this.byName.get(name);
        if (s) s.reading.value = hold(s.reading.peek(), WAITING, now);
      }
    });
    this.onWatch?.();
  }

  private later(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      if (this.flushing) this.flush();
    });
  }

  /** Tag numbers of everything looked at, in order. */
  watched(): number[] {
    return [...this.asked].flatMap((name) => this.numbers.get(name) ?? []).sort((a, b) => a - b);
  }
}

/** What was good is now the last thing we know. What was already worse keeps its own reason. */
export function hold(r: Reading, why: string, since: number): Reading {
  if (r.quality === 'good') return { quality: 'held', at: r.at, value: r.value, why, since };
  // Our own words give way to newer ones of our own; the gateway's words stay.
  if (r.why === WAITING || r.why === NO_LINK) return { ...r, why, since: r.why === WAITING ? since : r.since };
  return r;
}
