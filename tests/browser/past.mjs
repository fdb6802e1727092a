// What the page says of the past: how long it is kept and what that costs; what a text was; a database that is damaged,
// then one that is none any more; a clock that nobody set. One gateway, stopped and started between the acts; the browser stays.

import { ask, check, figure, goTo, letIn, live, pause, rows, shot, story, until } from './lib/stage.mjs';

const TAG = 'Forebay_Level';
const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

/** So many days of a level that comes and goes with the tide, a record every ten minutes, up to an hour ago. */
function tide(days) {
  const lines = ['time,tag,value,quality'];
  const end = Date.now() - 60 * MINUTE_MS;
  for (let t = end - days * DAY_MS; t < end; t += 10 * MINUTE_MS) {
    lines.push(`${new Date(t).toISOString()},${TAG},${(3 + Math.sin((t / DAY_MS) * 4 * Math.PI)).toFixed(3)},good`);
  }
  return `${lines.join('\n')}\n`;
}

/** A fact behind the pill. */
const fact = (page, name) =>
  page.getByTestId('status-sheet').locator('dl > div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator('dd').innerText();

/** What `look` sees behind the pill. */
async function behindThePill(page, look) {
  await page.getByTestId('pill').click();
  await page.getByTestId('past').waitFor();
  await look();
  await page.getByTestId('sheet-close').click();
  await page.getByTestId('status-sheet').waitFor({ state: 'detached' });
}

/** The tag's own trend over a month, and how many points are in it. */
async function month(page, enough) {
  await page.locator(`.row[data-tag="${TAG}"]`).click();
  const sheet = page.getByTestId('tag-sheet');
  await sheet.waitFor();
  await sheet.locator('[data-chip="1 mo"]').click();
  const drawn = () => sheet.getByTestId('trend').getAttribute('data-points');
  const { seen } = await until(`a month of it is drawn, ${enough} points or more`, drawn, (n) => Number(n) >= enough);
  return { sheet, points: Number(seen) };
}

async function closeSheet(page, sheet) {
  await page.getByTestId('sheet-close').click();
  await sheet.waitFor({ state: 'detached' });
}

/** Stops the gateway, does something to what it keeps, and starts it again; the page comes back by itself. */
async function meanwhile(page, act) {
  page.cut = true;
  const began = performance.now();
  check('the gateway ends cleanly', await ask('stop'));
  const stopped = performance.now();
  await act();
  const acted = performance.now();
  await ask('start');
  const started = performance.now();
  await live(page);
  figure('stop, act, start, live, ms', [stopped - began, acted - stopped, started - acted, performance.now() - started].map(Math.round));
  await until('every value is good again', () => rows(page), (all) => all.length > 8 && all.every((r) => r.quality === 'good'));
  page.cut = false;
}

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  await goTo(page, null, 'Station');
  await meanwhile(page, async () => figure('imported', await ask('import', { csv: tide(40) })));

  // How long it is kept. What the flash says of itself, this machine has none to ask: those two members alone are put in.
  await behindThePill(page, async () => {
    await until('how many days are kept', () => fact(page, 'Kept'), (text) => /^you keep (more than )?[\d\u202f]+ days$/.test(text));
  });
  await page.route('**/api/history/status', async (route) => {
    const answer = await route.fetch();
    const said = await answer.json();
    const wear = [{ device: 'mmcblk2', used_percent: 40, near_end: false }, { device: 'mmcblk3', used_percent: 110, near_end: true }];
    await route.fulfill({ response: answer, json: { ...said, device_bytes_per_day: 34_560_000, wear } });
  });
  await behindThePill(page, async () => {
    await until('what is written in a day', () => fact(page, 'Flash'), (text) => text === 'writes 34.6 MB a day');
    const wear = [await fact(page, 'mmcblk2'), await fact(page, 'mmcblk3')];
    check('the life of the flash', wear[0] === '40 % of its life used' && wear[1] === '110 % of its life used: replace it soon', wear);
    check('nothing is said of damage', (await page.getByTestId('past').innerText()).includes('amage') === false);
    await shot(page, `past-kept-${view}`);
  });
  await page.unroute('**/api/history/status');
  const before = await month(page, 100);
  await shot(page, `past-month-${view}`);
  await closeSheet(page, before.sheet);

  // A text is no curve: what it was stands in a table, and what it becomes comes to it.
  await goTo(page, 'Default', 'Default Main');
  await page.locator('.row[data-tag="StringVal"]').click();
  const text = page.getByTestId('tag-sheet');
  await text.waitFor();
  const records = () => text.getByTestId('records').locator('tbody tr').evaluateAll((all) => all.map((r) => [...r.children].map((c) => c.textContent)));
  await until('a recorded text has its rows', records, (all) => all.length > 0 && /^\d\d:\d\d:\d\d$/.test(all[0][0]) && all[0][1] === 'a string' && all[0][2] === 'good');
  await ask('tool', { words: ['set', 'StringVal', 'a much longer string'] });
  await until('what it becomes is a row too', records, (all) => all[0][1] === 'a much longer string' && all.some((r) => r[1] === 'a string'));
  await shot(page, `past-text-${view}`);
  await closeSheet(page, text);
  await goTo(page, null, 'Station');

  // Bytes in the middle of the database are overwritten while the gateway is off.
  await meanwhile(page, async () => figure('bytes of the damaged database', await ask('damage', { where: 'middle' })));
  await behindThePill(page, async () => {
    const { seen } = await until(
      'the page says that it was damaged, set aside, and what was got back',
      () => fact(page, 'Damage'),
      (text) => /^found \d\d:\d\d: set aside, a new one started, [\d\u202f]+ samples got back$/.test(text),
    );
    const got = Number(seen.replace(/.*started, |\D/g, ''));
    figure('got back', seen);
    check('most of it', got > 2880, got);
    await shot(page, `past-damaged-${view}`);
  });
  const after = await month(page, before.points / 2);
  figure('points of the month, before and after', [before.points, after.points]);
  await until('the trend says it too', () => after.sheet.getByTestId('damage').innerText(), (text) => /damaged at \d\d:\d\d: [\d\u202f]+ samples got back/.test(text));
  await shot(page, `past-salvaged-${view}`);
  await closeSheet(page, after.sheet);

  // Not one page of it is left: it is no database any more.
  await pause(1100); // the name of what is set aside has the second in it, and the page shows the last one
  await meanwhile(page, () => ask('damage', { where: 'all' }));
  await behindThePill(page, async () => {
    await until('nothing could be got back', () => fact(page, 'Damage'), (text) => text.endsWith('a new one started, nothing could be got back'));
  });
  const anew = await month(page, 1);
  check('recording goes on in a new one', anew.points < after.points / 2, [anew.points, after.points]);
  await closeSheet(page, anew.sheet);

  // A battery that died: the clock shows less than what it stamped before. (It had stamped tomorrow.)
  const tomorrow = new Date(Date.now() + DAY_MS).toISOString();
  await meanwhile(page, () => ask('import', { csv: `time,tag,value,quality\n${tomorrow},${TAG},2.5,good\n` }));
  await behindThePill(page, async () => {
    await until('the clock is not to be believed', () => fact(page, 'Gateway clock'), (text) => text.endsWith('not known to be right'));
    await shot(page, `past-clock-${view}`);
  });
  await page.locator(`.row[data-tag="${TAG}"]`).click();
  const sheet = page.getByTestId('tag-sheet');
  await sheet.waitFor();
  await until('the trend says that the time is uncertain', () => sheet.getByTestId('unsure').innerText(), (text) => /time uncertain: the gateway's clock is not known to be right$/.test(text));
  await shot(page, `past-unsure-${view}`);
  await closeSheet(page, sheet);
  // Until its time is known, what is recorded stands behind what was there; that stretch is marked.
  const there = new URL(page.url());
  await page.goto(`${there.origin}${there.pathname}?from=${Date.parse(tomorrow) - 60 * MINUTE_MS}&to=${Date.parse(tomorrow) + 60 * MINUTE_MS}`);
  await live(page);
  const unsure = page.getByTestId('unsure').first();
  await until('and from when to when', () => unsure.innerText(), (text) => /time uncertain from \d.*\d\d:\d\d to .*\d\d:\d\d: the gateway's clock was not known to be right$/.test(text));
  await unsure.scrollIntoViewIfNeeded();
  await shot(page, `past-unsure-stretch-${view}`);
  check('no error on the console', page.errors.length === 0, page.errors);
});
