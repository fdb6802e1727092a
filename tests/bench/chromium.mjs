// The first value a person sees: Chromium as a slow phone (CPU 4× slower) on bad Wi-Fi (10 Mbit/s, 40 ms), nothing cached.
//
// In: one command line word of JSON, {"rounds": 5, "value": "733", "targets": [{"name": …, "url": …, "cookie": "k=v"?}]}.
// Out: one line of JSON, {"NAME": {"seconds": […], "kilobytes": […]}}; kilobytes are those of the network, headers included.

import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../browser/package.json', import.meta.url))('playwright-core');

const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
const CPU_SLOWER = 4;
const WIFI = { offline: false, latency: 40, downloadThroughput: 10e6 / 8, uploadThroughput: 10e6 / 8 };
const PATIENCE_MS = 60_000;

/** Runs in the page: notes when a text node with the value is there and the frame with it was drawn. */
function watchFor(value) {
  const shows = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return !/^(SCRIPT|STYLE)$/.test(node.parentNode?.nodeName) && node.data.includes(value);
    return [...node.childNodes].some(shows);
  };
  const observer = new MutationObserver((records) => {
    const changed = records.flatMap((record) => (record.type === 'childList' ? [...record.addedNodes] : [record.target]));
    if (!changed.some(shows)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => globalThis.benchSaw(String(performance.now()))));
  });
  observer.observe(document, { childList: true, characterData: true, subtree: true });
}

async function load(browser, { url, cookie }, value) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true });
  if (cookie) {
    const [name, ...rest] = cookie.split('=');
    await context.addCookies([{ name, value: rest.join('='), url }]);
  }
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  let bytes = 0;
  devtools.on('Network.loadingFinished', (done) => (bytes += done.encodedDataLength));
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', WIFI);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWER });
  await page.addInitScript(watchFor, value);
  // The page tells us by itself: asking it again and again would take a tenth of a second of its slow processor.
  await devtools.send('Runtime.enable');
  await devtools.send('Runtime.addBinding', { name: 'benchSaw' });
  const saw = new Promise((done) => devtools.on('Runtime.bindingCalled', ({ payload }) => done(Number(payload))));
  const patience = new Promise((_, fail) => setTimeout(() => fail(new Error(`${url} never showed ${value}`)), PATIENCE_MS).unref());
  await page.goto(url, { waitUntil: 'commit', timeout: PATIENCE_MS });
  const seconds = (await Promise.race([saw, patience])) / 1000;
  await context.close();
  return { seconds, kilobytes: bytes / 1000 };
}

const { rounds, value, targets } = JSON.parse(process.argv[2]);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ARGS });
const results = Object.fromEntries(targets.map(({ name }) => [name, { seconds: [], kilobytes: [] }]));
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const target of targets) {
      const { seconds, kilobytes } = await load(browser, target, value);
      results[target.name].seconds.push(seconds);
      results[target.name].kilobytes.push(kilobytes);
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(`${JSON.stringify(results)}\n`);
