// What became of each write: sent → confirmed, refused, mismatch, expired, or unknown when the line broke before the answer.
//
// In: a wish to set, the gateway's news, the link's loss. Out: one `Outcome` signal per tag. Never: shows the wished value as
// the present one, keeps a write for later, sends one twice.

import { signal, type Signal } from '@preact/signals';
import type { SetNews, Value } from './speak';

/** The gateway ends every write within its own limits; after this the page stops believing in an answer. */
export const GIVE_UP_MS = 30_000;

export type OutcomeState = 'sending' | 'sent' | 'confirmed' | 'stored' | 'refused' | 'mismatch' | 'expired' | 'unknown';

export interface Outcome {
  id: number;
  tag: string;
  asked: Value;
  state: OutcomeState;
  /** In words: why it was refused, or what is not known. */
  why: string | null;
  /** What the plant has instead, for `mismatch`. */
  has: Value | undefined;
  /** Page time of the last step, for showing a tick only briefly. */
  at: number;
}

const FINAL: ReadonlySet<OutcomeState> = new Set(['confirmed', 'stored', 'refused', 'mismatch', 'expired', 'unknown']);

export function isFinal(s: OutcomeState): boolean {
  return FINAL.has(s);
}

/** One step of a write. A write has exactly one final state: what comes after it changes nothing. */
export function step(o: Outcome, news: SetNews, now: number): Outcome {
  if (news.id !== o.id || isFinal(o.state)) return o;
  return { ...o, state: news.state, why: news.why, has: news.value, at: now };
}

/** The line broke: whatever was under way is unknown. */
export function cutOff(o: Outcome, why: string, now: number): Outcome {
  return isFinal(o.state) ? o : { ...o, state: 'unknown', why, at: now };
}

export class Writes {
  private next = 1;
  private readonly byTag = new Map<string, Signal<Outcome | null>>();
  private readonly open = new Map<number, string>();

  constructor(private readonly send: (id: number, tag: string, value: Value) => boolean) {}

  of(tag: string): Signal<Outcome | null> {
    let s = this.byTag.get(tag);
    if (!s) {
      s = signal<Outcome | null>(null);
      this.byTag.set(tag, s);
    }
    return s;
  }

  /** Asks for it now. Without a link it is refused here: a write is never kept for later. */
  set(tag: string, value: Value, now: number): void {
    const id = this.next;
    this.next += 1;
    const o: Outcome = { id, tag, asked: value, state: 'sending', why: null, has: undefined, at: now };
    if (this.send(id, tag, value)) {
      this.open.set(id, tag);
      this.of(tag).value = o;
    } else {
      this.of(tag).value = { ...o, state: 'refused', why: 'no connection, nothing was sent' };
    }
  }

  news(m: SetNews, now: number): void {
    const tag = this.open.get(m.id);
    if (tag === undefined) return;
    const s = this.of(tag);
    const o = s.peek();
    if (o) s.value = step(o, m, now);
    if (isFinal(m.state)) this.open.delete(m.id);
  }

  lost(now: number): void {
    this.end('connection lost', now, () => true);
  }

  /** Called about once a second. */
  tick(now: number): void {
    this.end('no answer from the gateway', now, (o) => now - o.at > GIVE_UP_MS);
  }

  get pending(): boolean {
    return this.open.size > 0;
  }

  /** The person has seen how this write ended; a newer one of the same tag stays. */
  dismiss(tag: string, id: number): void {
    const s = this.of(tag);
    const o = s.peek();
    if (o && o.id === id && isFinal(o.state)) s.value = null;
  }

  private end(why: string, now: number, which: (o: Outcome) => boolean): void {
    for (const [id, tag] of [...this.open]) {
      const s = this.of(tag);
      const o = s.peek();
      // A newer write of the same tag has taken the row; the old one is only forgotten.
      if (o && o.id === id && !which(o)) continue;
      if (o && o.id === id) s.value = cutOff(o, why, now);
      this.open.delete(id);
    }
  }
}
