// A clock one turns by hand, and a socket whose other end the test holds.
import type { Clock, SocketLike } from '../src/link/socket';

export class ManualClock implements Clock {
  t = 1_700_000_000_000;
  private id = 0;
  private due = new Map<number, { at: number; run: () => void }>();
  now() {
    return this.t;
  }
  after(ms: number, run: () => void) {
    this.id += 1;
    this.due.set(this.id, { at: this.t + ms, run });
    return this.id;
  }
  cancel(timer: number) {
    this.due.delete(timer);
  }
  /** Turns the clock; what is due on the way runs in order. */
  turn(ms: number) {
    const end = this.t + ms;
    for (;;) {
      const next = [...this.due].filter(([, d]) => d.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!next) break;
      this.due.delete(next[0]);
      this.t = next[1].at;
      next[1].run();
    }
    this.t = end;
  }
}

export class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e?: { code?: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  sent: string[] = [];
  closed = false;
  send(text: string) {
    if (this.closed) throw new Error('sent on a closed socket');
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
  hear(text: string) {
    this.onmessage?.({ data: text });
  }
  /** What the page watches by what it said last. */
  get watching(): number[] | null {
    const last = this.sent.map((s) => JSON.parse(s) as { t: string; tags: number[] }).filter((m) => m.t === 'watch').at(-1);
    return last ? last.tags : null;
  }
}
