// The trend draws what history holds and what comes live; a value opens its own.

import { check, figure, goTo, letIn, live, shot, story, until } from './lib/stage.mjs';

const HOUR_MS = 3_600_000;

/** How many pixels of a plot's canvas are as colourful as a pen, and how many different columns have one. */
const ink = (plot) =>
  plot.locator('canvas').first().evaluate((canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const columns = new Set();
    let pixels = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
      if (a > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) {
        pixels += 1;
        columns.add((i / 4) % width);
      }
    }
    return { width, height, pixels, columns: columns.size };
  });

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  const answers = [];
  const asked = [];
  page.on('response', async (r) => {
    if (!r.url().includes('/api/history')) return;
    const { searchParams } = new URL(r.url());
    asked.push(Number(searchParams.get('to')) - Number(searchParams.get('from')));
    const body = await r.body().catch(() => Buffer.alloc(0));
    if (body.length < 32) return;
    // The number of points of the first series.
    answers.push({ status: r.status(), series: body.readUInt32LE(4), points: body.readUInt32LE(24) });
  });
  await page.reload(); // with an ear for history's answers
  await live(page);
  const plot = page.getByTestId('trend').first();
  await plot.scrollIntoViewIfNeeded();
  await until('the plot has a canvas', () => plot.locator('canvas').count(), (n) => n > 0);
  const { seen } = await until('the pens are drawn', () => ink(plot), (got) => got.pixels > 30);
  figure('coloured pixels of the hour', seen);
  await until('history answered', () => answers, (all) => all.some((a) => a.status === 200 && a.points > 0));
  figure('answers of history', answers[0]);
  await shot(page, `trend-hour-${view}`);

  // Five minutes' worth of page: what was just recorded fills more of it as time goes on.
  await goTo(page, 'Default', 'Set and follow');
  const follow = page.getByTestId('trend').first();
  await until('the second plot draws', () => ink(follow), (got) => got.pixels > 30);
  const before = (await ink(follow)).columns;
  const { seen: later } = await until('live values make the lines longer', () => ink(follow), (got) => got.columns > before, 30_000);
  figure('columns with a line', { before, later: later.columns });
  check('the plot is at least half as high as the phone', view !== 'phone' || (await follow.boundingBox()).height >= 844 * 0.4, await follow.boundingBox());
  await shot(page, `trend-follow-${view}`);

  // Another span, and back to live; the legend shows numbers.
  const hours = new Set(asked);
  await page.locator('[data-chip]').filter({ hasText: /^8/ }).first().click();
  await until('another span asks history anew', () => asked.filter((span) => !hours.has(span)), (all) => all.some((span) => span > 7 * HOUR_MS));
  await until('and is drawn', () => ink(follow), (got) => got.pixels > 0);
  const legend = () => page.locator('.legend-row .v').allInnerTexts();
  await until('the legend shows a number for each pen', legend, (all) => all.length === 4 && all.every((v) => /\d/.test(v)));

  // Tap a value: its own trend and what is known of it.
  await goTo(page, null, 'Station');
  await page.locator('.row[data-tag="Forebay_Level"]').click();
  const sheet = page.getByTestId('tag-sheet');
  await sheet.waitFor();
  await until('its trend draws', () => ink(sheet.getByTestId('trend')), (got) => got.pixels > 10);
  check('its address is the tag', new URL(page.url()).pathname === '/t/Forebay_Level', page.url());
  check('its facts are there', (await sheet.innerText()).includes('Forebay_Level'));
  await shot(page, `tag-sheet-${view}`);
  // For those who do not see the plot: the same as a table, and nothing else is offered where there is no room.
  await sheet.getByTestId('table').click();
  const cells = () => sheet.getByTestId('trend-table').locator('tbody td').allInnerTexts();
  await until('its trend is a table too', cells, (all) => all.length === 20 && all.some((text) => /\d/.test(text)));
  check('without file, picture and link', (await sheet.getByTestId('csv').count()) === 0);
  await page.goBack();
  await sheet.waitFor({ state: 'detached' });
  check('back closes it and finds the page', new URL(page.url()).pathname.startsWith('/p/'), page.url());

  // What the history says of itself stands behind the pill.
  await page.getByTestId('pill').click();
  const past = page.getByTestId('past');
  await past.waitFor();
  await until('how long the past is kept', () => past.innerText(), (text) => /you keep [\d\s,.]+ days|known after a day/.test(text));
  await shot(page, `past-${view}`);
  check('no error on the console', page.errors.length === 0, page.errors);
});
