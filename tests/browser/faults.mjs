// The plant goes and comes back; then the gateway does. Nothing old ever looks live.

import { ask, check, figure, goTo, letIn, live, pill, pillText, plant, row, rows, shot, story, until } from './lib/stage.mjs';

const NO_DEVICE = /timed out|offline|not confirmed/;
/** How a row looks. */
const look = (page, tag) =>
  row(page, tag).locator('.num').first().evaluate((num) => {
    const v = num.querySelector('.v');
    const css = [num, v].map((e) => getComputedStyle(e));
    return css.map((c) => `${c.color} ${c.opacity} ${c.textDecorationLine} ${c.textDecorationStyle}`).join(' | ');
  });

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  const good = (all) => all.length > 8 && all.every((r) => r.quality === 'good');
  await until('all values are good', () => rows(page), good);
  const goodLook = await look(page, 'Forebay_Level');

  await plant('kill');
  const { seen: held, took } = await until('the plant is killed: every value is held', () => rows(page), (all) => all.every((r) => r.quality === 'held'));
  figure('held after, ms', Math.round(took));
  await until('each with the reason', () => rows(page), (all) => all.every((r) => NO_DEVICE.test(r.note)));
  check('the numbers stay', held.every((r) => /\S/.test(r.value) && r.value !== '—'), held);
  check('and look held', (await look(page, 'Forebay_Level')) !== goodLook, goodLook);
  check('with a mark that is no colour', (await row(page, 'Forebay_Level').locator('.note svg').count()) > 0);
  await until('the pill counts the silent devices', () => page.getByTestId('pill').innerText(), (text) => /4\s*silent/.test(text));
  check('the link itself is live', (await pill(page)) === 'live');
  await shot(page, `plant-killed-${view}`);
  await page.getByTestId('pill').click();
  const status = page.getByTestId('status-sheet');
  await status.waitFor();
  const devices = await status.locator('[data-device]').evaluateAll((all) => all.map((d) => `${d.dataset.device} ${d.dataset.state}`));
  check('the status names each device as offline', devices.length === 4 && devices.every((d) => d.endsWith(' offline')), devices);
  await shot(page, `status-offline-${view}`);
  await page.getByTestId('sheet-close').click();
  await status.waitFor({ state: 'detached' });

  await plant('restart');
  const back = await until('the plant is back: every value is good', () => rows(page), good);
  figure('good again after, ms (slowest poll 1 s)', Math.round(back.took));
  check('within the slowest poll, a second, and a second for a busy machine', back.took < 3000, back.took);
  const before = new Map((await rows(page)).map((r) => [r.tag, r.value]));
  await until('and they move', () => rows(page), (all) => all.some((r) => r.value !== before.get(r.tag)), 60_000);
  check('no error on the console', page.errors.length === 0, page.errors);

  // kill -9 of the gateway: from that moment on nothing is good.
  page.cut = true;
  await ask('kill');
  const gone = await until('the gateway is killed: every value is held', () => rows(page), (all) => all.every((r) => r.quality === 'held'));
  figure('held after the gateway died, ms', Math.round(gone.took));
  check('the pill says so', ['reconnecting', 'offline'].includes(await pill(page)), await pill(page));
  await until('and counts', () => pillText(page), (text) => /reconnecting \d+|offline since/.test(text));
  await shot(page, `gateway-killed-${view}`);
  await row(page, 'Forebay_LevelSet').click();
  const sheet = page.getByTestId('setpoint-sheet');
  await sheet.waitFor();
  check('nothing can be set meanwhile', await sheet.getByTestId('submit').isDisabled());
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  // Fifteen seconds; once is enough.
  if (view === 'phone') await until('after a while it says since when', () => pillText(page), (text) => /offline since \d/.test(text), 40_000);
  await ask('start');
  await live(page);
  await until('restarted: everything is good again, without a new link', () => rows(page), good);
  page.cut = false;
  await goTo(page, 'Turbines', 'Turbine 1');
  await until('and other pages too', () => rows(page), (all) => all.length > 5 && all.every((r) => r.quality === 'good'));
  check('no error on the console', page.errors.length === 0, page.errors);
});
