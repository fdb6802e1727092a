// The line to the gateway: one WebSocket, opened again whenever it is gone and somebody is looking.
//
// In: what the browser's socket says, the page's visibility, a clock. Out: messages, and a `LinkState` that never says
// `live` before the gateway has answered what this page watches. Never: keeps anything for later, decides what is shown.

import { parseMessage, sayPing, sayWatch, Unspoken, type FromGateway } from './speak';

/** Nothing heard for this long means the link is gone (the gateway beats every 2 s). */
export const SILENCE_MS = 5000;
/** A socket that has not said hello by then is tried anew: a phone between two access points hangs here. */
export const HELLO_MS = 4000;
/** After waking up, an old socket has this long to prove that it lives. */
export const PROOF_MS = 700;
/** A hidden page closes its socket after this; a glance at another app costs nothing. */
export const HIDDEN_GRACE_MS = 10_000;
/** From here on the pill says `offline since` instead of counting seconds. */
export const OFFLINE_AFTER_MS = 15_000;
/** Waits between attempts; the last one repeats. */
export const BACKOFF_MS = [100, 300, 700, 1500, 3000, 5000] as const;

/** Close codes of the gateway: this session is over; too many pages are open. */
export const CLOSE_POLICY = 1008;
export const CLOSE_CROWDED = 1013;

/** What the top bar's pill shows. `since` is the moment from which everything on the page is held. */
export type LinkState =
  | { is: 'connecting' }
  | { is: 'live' }
  | { is: 'reconnecting'; since: number }
  | { is: 'offline'; since: number };

export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e?: { code?: number }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** The clock is handed in, so a test can turn it. */
export interface Clock {
  now(): number;
  after(ms: number, run: () => void): number;
  cancel(timer: number): void;
}

export interface LinkEvents {
  /** The pill's state changed. */
  state(s: LinkState): void;
  /** A message was understood. */
  message(m: FromGateway): void;
  /** From now on nothing on the page is live. */
  lost(since: number): void;
  /** A socket ended, with the gateway's reason if it gave one, after so many attempts without a hello. */
  closed(code: number | null, attempts: number): void;
}

export class Link {
  private socket: SocketLike | null = null;
  private greeted = false;
  private answered = false;
  private visible = true;
  private attempts = 0;
  private heardAt = 0;
  private lostAt: number | null = null;
  /** What the page wants to watch, and what the gateway was last told. */
  private wanted: number[] = [];
  private watched: number[] | null = null;
  private shown: LinkState = { is: 'connecting' };
  private readonly timers = new Map<string, number>();

  constructor(
    private readonly open: () => SocketLike,
    private readonly clock: Clock,
    private readonly events: LinkEvents,
  ) {}

  start(): void {
    this.connect();
  }

  get live(): boolean {
    return this.shown.is === 'live';
  }

  /** Tag numbers of this connection; sent at once when there is one, and only when they changed. */
  watch(tags: number[]): void {
    this.wanted = tags;
    if (!this.greeted || !this.socket || !this.visible) return;
    const same = this.watched !== null && this.watched.length === tags.length && this.watched.every((t, i) => t === tags[i]);
    if (same) return;
    this.watched = tags;
    this.socket.send(sayWatch(tags));
    if (tags.length === 0) this.nowCurrent();
  }

  /** Says something now or not at all: false means it was not sent. */
  say(text: string): boolean {
    if (!this.socket || !this.greeted || !this.live) return false;
    this.socket.send(text);
    return true;
  }

  /** The browser hid the page: nothing is watched, and after a while nothing is connected. */
  hide(): void {
    if (!this.visible) return;
    this.visible = false;
    if (this.socket && this.greeted) {
      this.watched = [];
      this.socket.send(sayWatch([]));
      this.answered = false;
      this.lose();
    }
    this.timer('hidden', HIDDEN_GRACE_MS, () => this.drop(false));
    this.stop('retry');
  }

  /** Somebody looks again: be current within a second, and say so while we are not. */
  show(): void {
    if (this.visible) return;
    this.visible = true;
    this.stop('hidden');
    this.attempts = 0;
    this.wake();
    this.watch(this.wanted);
  }

  /** The phone says its network changed: the present socket must prove itself. */
  wake(): void {
    if (!this.visible) return;
    this.attempts = 0;
    if (!this.socket) return this.connect();
    if (!this.greeted) return;
    this.socket.send(sayPing());
    const asked = this.clock.now();
    this.timer('proof', PROOF_MS, () => {
      if (this.heardAt < asked) this.drop(true);
    });
  }

  private connect(): void {
    this.stop('retry');
    if (this.socket || !this.visible) return;
    this.attempts += 1;
    this.greeted = false;
    this.answered = false;
    this.watched = null;
    let socket: SocketLike;
    try {
      socket = this.open();
    } catch {
      return this.retry();
    }
    this.socket = socket;
    socket.onmessage = (e) => {
      if (this.socket === socket) this.hear(e.data);
    };
    // An error is followed by a close, which alone knows the reason.
    socket.onclose = (e) => {
      if (this.socket === socket) this.drop(true, e?.code ?? null);
    };
    this.timer('silence', HELLO_MS, () => this.drop(true));
  }

  private hear(data: unknown): void {
    this.heardAt = this.clock.now();
    if (this.greeted) this.timer('silence', SILENCE_MS, () => this.drop(true));
    if (typeof data !== 'string') return;
    let m: FromGateway | null;
    try {
      m = parseMessage(data);
    } catch (e) {
      if (!(e instanceof Unspoken)) throw e;
      console.warn('from the gateway, not understood:', e.message);
      return;
    }
    if (!m) return;
    if (m.t === 'hello') {
      this.greeted = true;
      this.attempts = 0;
      this.timer('silence', SILENCE_MS, () => this.drop(true));
    }
    // A reading that was on its way when the page was hidden would look live until somebody looks again.
    if (!this.greeted || (m.t === 'tags' && !this.visible)) return;
    this.events.message(m);
    if (m.t === 'tags' && this.watched !== null && !this.answered && this.visible) this.nowCurrent();
  }

  private nowCurrent(): void {
    this.answered = true;
    this.lostAt = null;
    this.stop('offline');
    this.show_({ is: 'live' });
  }

  /** The socket is finished; `again` tries anew. */
  private drop(again: boolean, code: number | null = null): void {
    const socket = this.socket;
    this.socket = null;
    this.greeted = false;
    this.answered = false;
    this.watched = null;
    this.stop('silence');
    this.stop('proof');
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    }
    this.lose();
    if (socket) this.events.closed(code, this.attempts);
    // As many pages are open as the gateway allows: knocking faster helps nobody.
    if (code === CLOSE_CROWDED) this.attempts = BACKOFF_MS.length;
    if (again && this.visible) this.retry();
  }

  /** Everything on the page is held from here. */
  private lose(): void {
    if (this.lostAt !== null) return;
    this.lostAt = this.clock.now();
    this.events.lost(this.lostAt);
    this.show_({ is: 'reconnecting', since: this.lostAt });
    this.timer('offline', OFFLINE_AFTER_MS, () => {
      if (this.lostAt !== null) this.show_({ is: 'offline', since: this.lostAt });
    });
  }

  private retry(): void {
    const ms = BACKOFF_MS[Math.min(Math.max(this.attempts - 1, 0), BACKOFF_MS.length - 1)] ?? 5000;
    this.timer('retry', ms, () => this.connect());
  }

  private show_(s: LinkState): void {
    if (this.shown.is === s.is) return;
    this.shown = s;
    this.events.state(s);
  }

  private timer(name: string, ms: number, run: () => void): void {
    this.stop(name);
    this.timers.set(
      name,
      this.clock.after(ms, () => {
        this.timers.delete(name);
        run();
      }),
    );
  }

  private stop(name: string): void {
    const t = this.timers.get(name);
    if (t !== undefined) this.clock.cancel(t);
    this.timers.delete(name);
  }
}
