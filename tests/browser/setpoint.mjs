// A set-point: through the sheet, to the PLC's own register, and back as confirmed; and every way it can be refused.

import { check, goTo, letIn, note, pause, plant, quality, row, shot, story, until, value } from './lib/stage.mjs';

const SHEET = 'setpoint-sheet';
const plain = (text) => text.replaceAll('\u2212', '-').replaceAll('\u202f', '').replaceAll('\u00a0', ' ');

/** Opens the sheet of a tag. */
async function open(page, tag) {
  await row(page, tag).click();
  await page.getByTestId(SHEET).waitFor();
  return page.getByTestId(SHEET);
}

/** Types a number on the sheet's own keys. */
async function type(sheet, text) {
  await sheet.locator('[data-key=clear]').click();
  const digits = text.replace('-', '');
  for (const key of digits) await sheet.locator(`[data-key="${key}"]`).click();
  if (text.startsWith('-')) await sheet.locator('[data-key="±"]').click();
}

async function set(page, tag, text) {
  const sheet = await open(page, tag);
  await type(sheet, text);
  const button = sheet.getByTestId('submit');
  check(`the button repeats what will be done: ${text}`, plain(await button.innerText()).includes(text), await button.innerText());
  await button.click();
  await sheet.waitFor({ state: 'detached' });
}

const outcome = (page, tag) => row(page, tag).getAttribute('data-outcome');
const becomes = (page, tag, state) => until(`${tag}: ${state}`, () => outcome(page, tag), (is) => is === state);

await story(async ({ browser, view }) => {
  const { page } = await letIn(browser, view);
  await goTo(page, 'Default', 'Default Main');
  await until('the set-points are good', () => quality(page, 'FloatSet'), (q) => q === 'good');

  await set(page, 'IntSet', '42');
  await becomes(page, 'IntSet', 'confirmed');
  check('the PLC holds it', (await plant('peek plc1 4x:1')) === '42', await plant('peek plc1 4x:1'));
  await until('the row shows it', () => value(page, 'IntSet'), (v) => v === '42');
  await shot(page, `confirmed-${view}`);

  await set(page, 'FloatSet', '-12.5');
  await becomes(page, 'FloatSet', 'confirmed');
  check('a float stands in the PLC', Number(await plant('value plc1 4x:3 float32')) === -12.5, await plant('value plc1 4x:3 float32'));

  const states = await open(page, 'MultiSet');
  await shot(page, `states-${view}`);
  await states.locator('[data-state-index="2"]').click();
  await states.getByTestId('submit').click();
  await becomes(page, 'MultiSet', 'confirmed');
  check('a state stands in the PLC', (await plant('peek plc1 4x:7')) === '2', await plant('peek plc1 4x:7'));

  // Over its limit: the sheet says so and its button is dead; the gateway refuses whoever asks without the sheet.
  const sheet = await open(page, 'IntSet');
  await type(sheet, '101');
  check('the sheet says why not', plain(await sheet.getByTestId('why').innerText()).includes('100'), await sheet.getByTestId('why').innerText());
  check('and its button is dead', await sheet.getByTestId('submit').isDisabled());
  await shot(page, `over-limit-${view}`);
  await page.getByTestId('sheet-close').click();
  await sheet.waitFor({ state: 'detached' });
  const refused = await page.evaluate(
    () =>
      new Promise((done) => {
        const ws = new WebSocket(`ws://${location.host}/ws`);
        ws.onmessage = ({ data }) => {
          const m = JSON.parse(data);
          if (m.t === 'hello') {
            const tag = m.tags.findIndex((t) => t.name === 'IntSet');
            ws.send(JSON.stringify({ t: 'watch', tags: [tag] }));
            ws.send(JSON.stringify({ t: 'set', id: 1, tag, value: 101 }));
          }
          if (m.t === 'set' && m.state !== 'sent') done(m);
        };
      }),
  );
  check('the gateway refuses it with the reason', refused.state === 'refused' && refused.why.includes('100'), refused);
  check('the PLC never saw it', (await plant('peek plc1 4x:1')) === '42');

  // The PLC refuses: the row says so, with the PLC's reason.
  await plant('behaviour plc1 refuse 4');
  await set(page, 'IntSet', '7');
  await becomes(page, 'IntSet', 'refused');
  check('the row says why', plain(await note(page, 'IntSet')).includes('refused:'), await note(page, 'IntSet'));
  await shot(page, `refused-${view}`);
  await plant('behaviour plc1 normal');
  await until('the value is good again', () => quality(page, 'IntSet'), (q) => q === 'good');

  // The PLC is silent: nothing is kept for later.
  await plant('behaviour plc1 silent');
  await until('the value is held', () => quality(page, 'IntSet'), (q) => q === 'held');
  await set(page, 'IntSet', '8');
  const { seen } = await until('the write fails', () => outcome(page, 'IntSet'), (is) => is === 'refused' || is === 'expired');
  await shot(page, `silent-${seen}-${view}`);
  await plant('behaviour plc1 normal');
  await until('good again', () => quality(page, 'IntSet'), (q) => q === 'good');
  await pause(1000); // five polls: a write that was kept would be carried out by now
  check('nothing was kept for later', (await plant('peek plc1 4x:1')) === '42', await plant('peek plc1 4x:1'));

  // Escape takes nothing with it.
  await open(page, 'FloatSet');
  await page.keyboard.press('Escape');
  await page.getByTestId(SHEET).waitFor({ state: 'detached' });
  check('no error on the console', page.errors.length === 0, page.errors);
});
