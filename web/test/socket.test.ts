import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKOFF_MS, CLOSE_CROWDED, HELLO_MS, HIDDEN_GRACE_MS, Link, OFFLINE_AFTER_MS, PROOF_MS, SILENCE_MS, type LinkState } from '../src/link/socket';
import { FakeSocket, ManualClock } from './clock';
import { golden } from './golden';

function setUp() {
  const clock = new ManualClock();
  const sockets: FakeSocket[] = [];
  const states: LinkState[] = [];
  const lost: number[] = [];
  const closed: [number | null, number][] = [];
  const heard: string[] = [];
  let refuse = false;
  const link = new Link(
    () => {
      if (refuse) throw new Error('refused');
      const s = new FakeSocket();
      sockets.push(s);
      return s;
    },
    clock,
    {
      state: (s) => states.push(s),
      message: (m) => {
        heard.push(m.t);
        if (m.t === 'hello') link.watch([0, 3]);
      },
      lost: (t) => lost.push(t),
      closed: (code, n) => closed.push([code, n]),
    },
  );
  link.start();
  const last = () => {
    const s = sockets.at(-1);
    assert.ok(s);
    return s;
  };
  const greet = () => {
    last().hear(golden('hello.json'));
    last().hear(golden('tags.json'));
  };
  return { clock, sockets, states, lost, closed, heard, link, last, greet, refuse: (r: boolean) => (refuse = r), is: () => states.at(-1)?.is ?? 'connecting' };
}

test('live only after hello and the answer to the watch, not before', () => {
  const s = setUp();
  assert.equal(s.is(), 'connecting');
  s.last().hear(golden('hello.json'));
  assert.equal(s.is(), 'connecting', 'a hello alone shows no values');
  assert.deepEqual(s.last().watching, [0, 3]);
  s.last().hear(golden('plant.json'));
  assert.equal(s.is(), 'connecting');
  s.last().hear(golden('tags.json'));
  assert.equal(s.is(), 'live');
});

test('five silent seconds are a lost link; beats keep it', () => {
  const s = setUp();
  s.greet();
  for (let i = 0; i < 20; i += 1) {
    s.clock.turn(2000);
    s.last().hear(golden('beat.json'));
  }
  assert.equal(s.is(), 'live');
  s.clock.turn(SILENCE_MS - 1);
  assert.equal(s.is(), 'live');
  const gone = s.clock.t + 1;
  s.clock.turn(1);
  assert.equal(s.is(), 'reconnecting');
  assert.deepEqual(s.lost, [gone]);
  assert.ok(s.sockets[0]?.closed);
});

test('tries again with growing waits; offline after a while, since the moment of loss; live again at once', () => {
  const s = setUp();
  s.greet();
  const gone = s.clock.t;
  s.refuse(true);
  s.last().onclose?.();
  s.clock.turn(OFFLINE_AFTER_MS);
  assert.deepEqual(s.states.at(-1), { is: 'offline', since: gone });
  s.refuse(false);
  const patience = s.clock.t + (BACKOFF_MS.at(-1) ?? 0);
  while (s.sockets.length < 2 && s.clock.t < patience) s.clock.turn(50);
  assert.equal(s.sockets.length, 2);
  assert.equal(s.is(), 'offline', 'connected is not yet current');
  s.greet();
  assert.equal(s.is(), 'live');
  assert.equal(s.lost.length, 1, 'one loss is told once');
});

test('attempts never come faster than the backoff', () => {
  const s = setUp();
  const times: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    const n = s.sockets.length;
    s.last().onclose?.();
    while (s.sockets.length === n) s.clock.turn(50);
    times.push(s.clock.t);
  }
  const gaps = times.slice(1).map((t, i) => t - (times[i] ?? 0));
  assert.ok(gaps.slice(-4).every((g) => g >= 5000), gaps.join(' '));
  assert.ok((gaps[0] ?? 0) <= 500, 'the first retry is quick');
  assert.deepEqual(s.closed.map(([, n]) => n), Array.from({ length: 12 }, (_, i) => i + 1), 'each attempt is counted');
});

test('a socket that never says hello is given up', () => {
  const s = setUp();
  s.clock.turn(HELLO_MS + (BACKOFF_MS[0] ?? 0));
  assert.ok(s.sockets[0]?.closed);
  assert.equal(s.sockets.length, 2);
});

test('what an old socket still says changes nothing', () => {
  const s = setUp();
  s.greet();
  const old = s.last();
  const say = old.onmessage;
  old.onclose?.();
  const n = s.heard.length;
  say?.({ data: golden('tags.json') });
  assert.equal(s.heard.length, n);
  assert.equal(s.is(), 'reconnecting');
});

test('hidden: watches nothing, holds everything, closes after a grace; no attempts while hidden', () => {
  const s = setUp();
  s.greet();
  s.link.hide();
  assert.deepEqual(s.last().watching, []);
  assert.equal(s.lost.length, 1);
  assert.equal(s.link.live, false);
  s.clock.turn(HIDDEN_GRACE_MS);
  assert.ok(s.last().closed);
  s.clock.turn(3_600_000);
  assert.equal(s.sockets.length, 1);
});

test('a reading that comes late to a hidden page is not passed on: it would look live until somebody looks', () => {
  const s = setUp();
  s.greet();
  s.link.hide();
  const before = s.heard.length;
  s.last().hear(golden('tags.json'));
  assert.equal(s.heard.length, before);
  assert.equal(s.link.live, false);
  s.link.show();
  s.last().hear(golden('tags.json'));
  assert.equal(s.heard.at(-1), 'tags');
  assert.equal(s.is(), 'live');
});

test('visible again after sleep: a new socket at once, current with its first answer', () => {
  const s = setUp();
  s.greet();
  s.link.hide();
  s.clock.turn(HIDDEN_GRACE_MS);
  s.link.show();
  assert.equal(s.sockets.length, 2, 'no waiting');
  assert.notEqual(s.is(), 'live');
  s.greet();
  assert.equal(s.is(), 'live');
});

test('visible again within the grace: the old socket must prove itself, else it is replaced', () => {
  const s = setUp();
  s.greet();
  s.link.hide();
  s.clock.turn(1000);
  s.link.watch([0, 3, 4]);
  assert.deepEqual(s.last().watching, [], 'a change while hidden is not said');
  s.link.show();
  assert.deepEqual(s.last().watching, [0, 3, 4]);
  assert.ok(s.last().sent.includes('{"t":"ping"}'));
  assert.equal(s.link.live, false);
  s.clock.turn(PROOF_MS + (BACKOFF_MS[0] ?? 0) + 1);
  assert.ok(s.sockets[0]?.closed, 'no answer: replaced');
  assert.equal(s.sockets.length, 2);
  s.greet();
  assert.equal(s.is(), 'live');
});

test('visible again within the grace and answered: live on the same socket', () => {
  const s = setUp();
  s.greet();
  s.link.hide();
  s.clock.turn(1000);
  s.link.show();
  s.clock.turn(60);
  s.last().hear(golden('tags.json'));
  assert.equal(s.is(), 'live');
  s.clock.turn(PROOF_MS * 2);
  assert.equal(s.sockets.length, 1);
});

test('nothing is said while not live: a write is not kept for later', () => {
  const s = setUp();
  assert.equal(s.link.say('x'), false);
  s.greet();
  assert.equal(s.link.say('y'), true);
  s.last().onclose?.();
  assert.equal(s.link.say('z'), false);
  s.clock.turn(10_000);
  assert.ok(!s.sockets.some((k) => k.sent.includes('z')));
});

test('the gateway’s reason for closing is passed on; a crowded gateway is not hammered', () => {
  const s = setUp();
  s.greet();
  s.last().onclose?.({ code: CLOSE_CROWDED });
  assert.deepEqual(s.closed, [[CLOSE_CROWDED, 0]]);
  s.clock.turn(4900);
  assert.equal(s.sockets.length, 1);
  s.clock.turn(200);
  assert.equal(s.sockets.length, 2);
});

test('rubbish and binary from the gateway neither close nor change anything', () => {
  const s = setUp();
  s.greet();
  const n = s.heard.length;
  const warn = console.warn;
  console.warn = () => undefined;
  s.last().hear('{"t":"tags"}');
  s.last().onmessage?.({ data: new ArrayBuffer(8) });
  console.warn = warn;
  assert.equal(s.is(), 'live');
  assert.equal(s.heard.length, n);
});

test('the same watch list is not said twice', () => {
  const s = setUp();
  s.greet();
  s.link.watch([0, 3]);
  s.link.watch([0, 3]);
  s.link.watch([0]);
  assert.equal(s.last().sent.length, 2);
});
