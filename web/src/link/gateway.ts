// Joins the line, the tags, the writes and the browser's events. The one place where the parts of link/ meet.

import { batch } from '@preact/signals';
import type { Early } from '../early';
import { crowded, drawn, gatewayTime, heardTime, hello, link, locked, page, plant, say, store } from '../state';
import { socketAddress } from './address';
import { overHttp, type Fetcher } from './history';
import { CLOSE_CROWDED, CLOSE_POLICY, Link, type SocketLike } from './socket';
import { saySet, type FromGateway } from './speak';
import { Writes } from './writes';

/** Built into the demo only: a shipped page cannot show invented values. */
declare const FAKE: boolean;

let line: Link | null = null;
let boot: string | null = null;

export const writes = new Writes((id, tag, value) => {
  const n = store.number(tag);
  return n !== undefined && (line?.say(saySet(id, n, value)) ?? false);
});

let fetcher: Fetcher = overHttp;
/** History, from wherever this page gets it. */
export const history: Fetcher = (url, signal) => fetcher(url, signal);

export function connect(): { tick(): void } {
  if (FAKE) {
    void import('./fake').then((f) => {
      fetcher = f.fakeFetcher;
      start(() => f.fakeSocket());
    });
  } else {
    start(() => takeEarly() ?? (new WebSocket(socketAddress()) as unknown as SocketLike));
  }
  return { tick: () => writes.tick(Date.now()) };
}

/** The socket that was opened before this code was read, with what it has heard meanwhile; once. */
function takeEarly(): SocketLike | null {
  const box = globalThis as { forebayEarly?: Early };
  const early = box.forebayEarly;
  delete box.forebayEarly;
  if (!early || early.socket.readyState > WebSocket.OPEN) return null;
  const socket = early.socket as unknown as SocketLike;
  queueMicrotask(() => early.heard.forEach((e) => socket.onmessage?.(e)));
  return socket;
}

function start(open: () => SocketLike): void {
  const l = new Link(
    open,
    {
      now: () => Date.now(),
      after: (ms, run) => window.setTimeout(run, ms),
      cancel: (t) => window.clearTimeout(t),
    },
    {
      state(s) {
        link.value = s;
        if (s.is === 'offline') say('offline');
        if (s.is === 'live') {
          locked.value = false;
          crowded.value = false;
          drawn.value = true;
        }
      },
      message: heard,
      lost(since) {
        batch(() => {
          store.holdAll(since + (gatewayTime() - Date.now()));
          writes.lost(Date.now());
        });
      },
      closed(code, attempts) {
        crowded.value = code === CLOSE_CROWDED;
        if (!FAKE && (attempts >= 2 || code === CLOSE_POLICY)) void stillLetIn();
      },
    },
  );
  line = l;
  store.onWatch = () => l.watch(store.watched());
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? l.hide() : l.show()));
  window.addEventListener('pageshow', () => l.show());
  window.addEventListener('online', () => l.wake());
  l.start();
  if (document.visibilityState === 'hidden') l.hide();
}

function heard(m: FromGateway): void {
  switch (m.t) {
    case 'hello':
      if (boot !== null && boot !== m.boot) {
        location.reload();
        return;
      }
      boot = m.boot;
      heardTime(m.now, true);
      batch(() => {
        store.hello(m.tags, m.now);
        // The same boot has the same pages: nothing on the screen is made anew, a trend stays where it was panned to.
        hello.value = { ...m, pages: hello.peek()?.pages ?? m.pages };
      });
      // The page to be drawn is known: ask for its values before drawing it. The views take over when they stand.
      setTimeout(store.watch(page.peek()?.items.flatMap((i) => (typeof i['tagname'] === 'string' ? [i['tagname']] : [])) ?? []), 500);
      store.flush();
      break;
    case 'tags':
      heardTime(m.now, false);
      store.update(m);
      break;
    case 'beat':
      heardTime(m.now, false);
      break;
    case 'plant':
      plant.value = m;
      break;
    case 'set':
      writes.news(m, Date.now());
      break;
    case 'error':
      console.warn('the gateway did not understand:', m.why);
  }
}

/** A socket that will not open says no reason; HTTP does. */
async function stillLetIn(): Promise<void> {
  try {
    const r = await fetch('/api/status', { credentials: 'same-origin', cache: 'no-store' });
    locked.value = r.status === 401 || r.status === 403;
  } catch {
    /* not reachable at all: the pill says so */
  }
}
