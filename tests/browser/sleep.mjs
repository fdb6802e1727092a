// A phone in a pocket and a dropped Wi-Fi: not current, and says so; current again within a second of coming back.

import { check, figure, goTo, letIn, pause, pill, plant, rows, shot, story, until, value } from './lib/stage.mjs';
import { wifi } from './lib/wifi.mjs';

/** "Current again within a second"; a loaded test machine gets one more. */
const BACK_MS = 2000;
/** What the gateway's silence may take to be noticed: 5 s without a beat. */
const NOTICED_MS = 8000;

/** The browser says the page is hidden or seen, as a phone does when its screen goes dark. */
const visible = (page, is) =>
  page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => state === 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
  }, is ? 'visible' : 'hidden');

const allHeld = (all) => all.length > 8 && all.every((r) => r.quality !== 'good');
/** IntSet is polled every 200 ms, so a hand at the PLC tells whether the page is current. */
const shows = (page, n) => async () => (await pill(page)) === 'live' && (await value(page, 'IntSet')) === String(n);

await story(async ({ browser, view }) => {
  const { context, page } = await letIn(browser, view);
  const there = new URL(page.url());
  const air = await wifi(Number(there.port));
  // The cookie is the address's, not the port's: the same browser goes on through the bad Wi-Fi.
  there.port = String(air.port);
  await page.goto(there.href);
  await goTo(page, 'Default', 'Default Main');
  await plant('poke plc1 4x:1 1');
  await until('the page is current', shows(page, 1));

  // A glance at another app, a nap, and a long sleep in which the socket is closed.
  for (const [what, ms] of [['a glance', 300], ['a nap', 6000], ['a sleep', 12_000]]) {
    await visible(page, false);
    await until(`${what}: hidden, nothing looks live`, () => rows(page), (all) => allHeld(all.filter((r) => r.quality !== 'missing')));
    check(`${what}: and the pill doesn't say live`, (await pill(page)) !== 'live', await pill(page));
    const n = 10 + Math.round(ms / 1000);
    await plant(`poke plc1 4x:1 ${n}`);
    await pause(ms); // the phone sleeps
    await visible(page, true);
    const { took } = await until(`${what}: seen again, current within a second`, shows(page, n));
    figure(`current after ${what}, ms`, Math.round(took));
    check(`${what}: that is within a second, and one for a busy machine`, took < BACK_MS, took);
  }

  // The Wi-Fi drops: nobody hangs up, nothing comes any more.
  page.cut = true;
  air.lose();
  await context.setOffline(true);
  const { took: noticed } = await until('the Wi-Fi is gone: every value is held', () => rows(page), allHeld, NOTICED_MS);
  figure('a dropped Wi-Fi is noticed after, ms', Math.round(noticed));
  check('the pill says so', ['reconnecting', 'offline'].includes(await pill(page)), await pill(page));
  await shot(page, `no-wifi-${view}`);
  await plant('poke plc1 4x:1 77');
  await pause(3000); // walking to where there is signal again
  air.find();
  await context.setOffline(false);
  const back = await until('the Wi-Fi is back: current within a second', shows(page, 77));
  figure('current after the Wi-Fi is back, ms', Math.round(back.took));
  check('that is within a second, and one for a busy machine', back.took < BACK_MS, back.took);

  // A line that hangs without any sign from the phone: only the missing beat tells.
  air.lose();
  await until('a hanging line: every value is held', () => rows(page), allHeld, NOTICED_MS);
  air.find();
  await plant('poke plc1 4x:1 78');
  const { took: retried } = await until('and it comes back by itself', shows(page, 78));
  figure('current after a hanging line, ms (without any sign)', Math.round(retried));
  page.cut = false;
  check('no error on the console', page.errors.length === 0, page.errors);
  air.close();
});
