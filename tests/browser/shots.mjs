// The pictures of the README: real pages of the demo site, once they look alive.

import { copyFileSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { check, figure, goTo, letIn, README_SHOTS, rows, SHOTS, shot, story, until } from './lib/stage.mjs';

/** A picture in the README is looked at over a slow link too. */
const BYTES_MAX = 200_000;

const alive = (page) => until('all values are good', () => rows(page), (all) => all.length > 5 && all.every((r) => r.quality === 'good'));

/** Its plot holds points of every pen. */
const drawn = (page) => until('the trend is drawn', () => page.getByTestId('trend').first().getAttribute('data-points'), (n) => Number(n) > 5);

await story(async ({ browser }) => {
  const taken = [];
  const take = async (page, name) => {
    await shot(page, name);
    const { size } = statSync(join(SHOTS, `${name}.png`));
    check(`${name}.png is under ${BYTES_MAX} bytes`, size > 5000 && size < BYTES_MAX, size);
    figure(`${name}.png, bytes`, size);
    taken.push(name);
  };
  const phone = await letIn(browser, 'phone');
  await alive(phone.page);
  await drawn(phone.page);
  await take(phone.page, 'phone');
  await goTo(phone.page, 'Water', 'Forebay trend');
  await phone.page.locator('[data-chip]').first().click();
  await drawn(phone.page);
  await take(phone.page, 'trend');
  const desk = await letIn(browser, 'desktop');
  await alive(desk.page);
  await drawn(desk.page);
  await take(desk.page, 'desktop');
  const dark = await letIn(browser, 'phone', { colorScheme: 'dark' });
  await alive(dark.page);
  await shot(dark.page, 'phone-dark');
  if (process.env.FOREBAY_BLESS) {
    mkdirSync(README_SHOTS, { recursive: true });
    for (const name of taken) copyFileSync(join(SHOTS, `${name}.png`), join(README_SHOTS, `${name}.png`));
  }
});
