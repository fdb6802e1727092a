// Values move, and are what the PLC's own registers say.

import { check, figure, goTo, letIn, plant, quality, rows, shot, story, until, value } from './lib/stage.mjs';

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  await until('every value of the first page is good', () => rows(page), (all) => all.length > 8 && all.every((r) => r.quality === 'good'));
  const first = new Map((await rows(page)).map((r) => [r.tag, r.value]));
  check('none is empty', [...first.values()].every((v) => v.trim() !== ''), [...first]);
  const { seen, took } = await until(
    'at least two values move by themselves',
    () => rows(page),
    (all) => all.filter((r) => r.value !== first.get(r.tag)).length >= 2,
    60_000,
  );
  figure('values that moved', { tags: seen.filter((r) => r.value !== first.get(r.tag)).map((r) => r.tag), after_ms: Math.round(took) });
  await until(
    'the level is what the PLC holds',
    async () => [await value(page, 'Forebay_Level'), Number(await plant('value station 4x:11 float32')).toFixed(2)],
    ([shown, held]) => shown === held,
  );
  await shot(page, `station-${view}`);

  // A hand at the PLC: its register changes, the page follows. Loopback, so what is measured is us and the poll.
  await goTo(page, 'Default', 'Default Main');
  await until('the demo page is good', () => quality(page, 'IntSet'), (q) => q === 'good');
  for (const n of [17, -99, 64]) {
    await plant(`poke plc1 4x:1 ${n & 0xffff}`);
    const { took: ms } = await until(`register → page: ${n}`, () => value(page, 'IntSet'), (v) => v.replace('\u2212', '-') === String(n));
    figure('register → page, ms (poll 200 ms)', Math.round(ms));
  }
  check('no error on the console', page.errors.length === 0, page.errors);
});
