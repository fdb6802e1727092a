// A bad Wi-Fi between a browser and the gateway: a relay that can swallow everything without hanging up.

import { connect, createServer } from 'node:net';

/** Relays to `port`; `lose()` loses all that is under way in both directions and all new connections, `find()` ends it. */
export async function wifi(port) {
  let lost = false;
  const pairs = new Set();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    const pass = (from, to) => from.on('data', (bytes) => !lost && to.write(bytes));
    pass(near, far);
    pass(far, near);
    const end = () => {
      // While the signal is gone nobody hears that the other side hung up.
      if (lost) return;
      near.destroy();
      far.destroy();
      pairs.delete(pair);
    };
    for (const side of [near, far]) side.on('close', end).on('error', end);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    lose() {
      lost = true;
    },
    /** Connections of before are dead, as after a phone has changed its access point. */
    find() {
      lost = false;
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      pairs.clear();
    },
    close() {
      server.close();
      this.find();
    },
  };
}
