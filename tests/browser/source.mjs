// A tag's sheet says where its value comes from: register, device, how often; and that of a silent device why not.

import { check, goTo, letIn, plant, row, shot, story, until } from './lib/stage.mjs';

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  const sheet = page.getByTestId('tag-sheet');
  const facts = async () => Object.fromEntries(await sheet.locator('.facts > div').evaluateAll((all) => all.map((f) => [f.querySelector('dt').textContent, f.querySelector('dd').textContent])));
  const close = async () => {
    await page.getByTestId('sheet-close').click();
    await sheet.waitFor({ state: 'detached' });
  };
  let asked = 0;
  page.on('request', (r) => (asked += r.url().includes('/api/source') ? 1 : 0));

  await row(page, 'Forebay_Level').click();
  const { seen: level } = await until('the level says its register', facts, (f) => f.Register === 'STATION:1:4x:11');
  check('what it holds', level.Holds === 'float32', level);
  await until('and the device, how often it is read, and that it answers', facts, (f) => /^STATION at 127\.0\.0\.1:\d+, read every 0\.5 s, answers$/.test(f.Device ?? ''));
  check('it was asked once', asked === 1, asked);
  await shot(page, `source-${view}`);
  await plant('kill');
  await until('a silent device says why', facts, (f) => /read every 0\.5 s, (?!answers)./.test(f.Device ?? ''));
  await plant('restart');
  await until('and when it answers again', facts, (f) => /, answers$/.test(f.Device ?? ''));
  await close();

  await row(page, 'Own_level').click();
  await until('a described device says the register with its base', facts, (f) => f.Register === 'STATION:1:4x:11' && /^STATION at /.test(f.Device));
  await close();

  // A text that isn't recorded has no past to show, which the browser's console calls an error.
  check('no error on the console', page.errors.length === 0, page.errors);
  await goTo(page, 'Default', 'Default Main');
  await row(page, 'StringVal').click();
  const { seen: own } = await until('a tag of no device says so', facts, (f) => f.From === 'no device: a script or a page sets it');
  check('and has no register', !own.Register && !own.Device, own);
  check('each sheet asked for its own', asked === 3, asked);
});
