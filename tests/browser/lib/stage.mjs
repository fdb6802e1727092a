// What every story stands on: the test that started it, a browser, and ways to look at the page.
//
// In: one command line word (the view), answers of the test on stdin. Out: one JSON object per line on stdout: checks,
// figures, and questions to the test ({"ask": …}), which holds the plant and the gateway. Exit code 0 when every check held.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where pictures go: thrown away with the build, unless they are the ones of the README. */
export const SHOTS = join(HERE, '..', '..', 'target', 'browser');
export const README_SHOTS = join(HERE, 'screenshots');
/** A step that takes milliseconds on an idle machine. */
export const PATIENCE_MS = 20_000;

export const VIEWS = {
  // The smallest phone that still gets updates.
  small: { viewport: { width: 320, height: 568 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  landscape: { viewport: { width: 844, height: 390 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  tablet: { viewport: { width: 768, height: 1024 }, deviceScaleFactor: 1, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};

const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** What a browser says on its console when nobody answers; expected while a story cuts the line, an error otherwise. */
const LINE_IS_CUT = /WebSocket connection to|ERR_CONNECTION|ERR_INTERNET_DISCONNECTED|ERR_EMPTY_RESPONSE|Failed to load resource|ERR_NETWORK/;

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks the test to do something: "plant", "kill", "start", "link", "tool". */
export async function ask(what, more = {}) {
  tell({ ask: what, ...more });
  const { value } = await answers.next();
  const answer = JSON.parse(value);
  if (answer.error) throw new Error(`${what} ${JSON.stringify(more)}: ${answer.error}`);
  return answer.answer;
}
/** One command to the plant, its answer as text. */
export const plant = (say) => ask('plant', { say });

let failed = 0;
let passed = 0;
/** Records one check; the story goes on. */
export function check(name, ok, got) {
  if (ok) passed += 1;
  else failed += 1;
  tell(ok ? { check: name, ok } : { check: name, ok: false, got });
  return ok;
}
/** A measured figure, for people. */
export const figure = (name, value) => tell({ figure: name, value });

/** Looks until `good` accepts what it sees; then the check has passed. Throws when it never does: the story ends there. */
export async function until(name, look, good = Boolean, within = PATIENCE_MS) {
  const began = performance.now();
  for (;;) {
    let seen;
    let threw = false;
    try {
      seen = await look();
    } catch (error) {
      // What is looked at may just be drawn anew.
      threw = true;
      seen = error.message.split('\n')[0];
    }
    const took = performance.now() - began;
    if (!threw && good(seen)) {
      check(name, true);
      return { seen, took };
    }
    if (took > within) {
      check(name, false, { within_ms: within, last_seen: seen });
      throw new Error(`${name}: not within ${within} ms`);
    }
    await pause(15);
  }
}

/** Runs a story: a browser, the view of the command line, its checks, its end. */
export async function story(body) {
  const view = process.argv[2] ?? 'phone';
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ARGS });
  mkdirSync(SHOTS, { recursive: true });
  try {
    await body({ browser, view, name: process.argv[1].replace(/.*\/|\.mjs$/g, '') });
  } catch (error) {
    check('the story came to its end', false, `${error.stack}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        const path = join(SHOTS, `failed-${process.argv[1].replace(/.*\/|\.mjs$/g, '')}-${view}.png`);
        await page.screenshot({ path }).catch(() => undefined);
        tell({ failed_shot: path });
      }
    }
  }
  await browser.close();
  tell({ passed, failed });
  process.exit(passed > 0 && failed === 0 ? 0 : 1);
}

/** A browser window of this view that nobody has let in yet, with an ear for what its console says. */
export async function newWindow(browser, view, more = {}) {
  const context = await browser.newContext({ ...VIEWS[view], locale: 'en-GB', timezoneId: 'UTC', colorScheme: 'light', ...more });
  const page = await context.newPage();
  const errors = [];
  page.cut = false;
  page.on('console', (m) => {
    if (m.type() === 'error' && !(page.cut && LINE_IS_CUT.test(m.text()))) errors.push(m.text());
  });
  page.on('pageerror', (e) => errors.push(`${e}`));
  page.errors = errors;
  return { context, page };
}

/** A window that was let in by a one-time link and shows live values. */
export async function letIn(browser, view, more = {}) {
  const { context, page } = await newWindow(browser, view, more);
  await page.goto(await ask('link'));
  await page.getByRole('button', { name: 'Let this browser in' }).click();
  await live(page);
  return { context, page };
}

export const pill = (page) => page.getByTestId('pill').getAttribute('data-state');
export const pillText = (page) => page.getByTestId('pill-text').innerText();
/** Waits until the page says that it is current. */
export const live = (page, within) => until('the pill says live', () => pill(page), (is) => is === 'live', within);

export const row = (page, tag) => page.locator(`.row[data-tag="${tag}"]`).first();
export const quality = (page, tag) => row(page, tag).getAttribute('data-quality');
export const value = (page, tag) => row(page, tag).getByTestId('v').innerText();
export const note = (page, tag) => row(page, tag).getByTestId('note').innerText();
/** All rows of the page at one instant: tag, quality, value, note. */
export const rows = (page) =>
  page.locator('main .row[data-tag]').evaluateAll((all) =>
    all.map((r) => ({
      tag: r.dataset.tag,
      quality: r.dataset.quality,
      value: r.querySelector('[data-testid=v]')?.textContent ?? '',
      note: r.querySelector('[data-testid=note]')?.textContent ?? '',
    })),
  );

/** To a page as a person goes: the tabs and "More" of a phone, the rail of a desktop. */
export async function goTo(page, group, name) {
  const rail = page.getByTestId('rail');
  if (await rail.isVisible()) {
    await rail.getByRole('button', { name, exact: true }).click();
  } else {
    const tabs = page.getByTestId('tabs');
    const tab = tabs.getByRole('button', { name: group ?? name, exact: true });
    if ((await tab.count()) > 0) await tab.click();
    else await page.getByTestId('more').click();
    if (group !== null || (await tab.count()) === 0) {
      await page.locator('dialog').getByRole('button', { name, exact: true }).click();
    }
  }
  await until(`the page ${name} is there`, () => page.getByTestId('title').innerText(), (title) => title === name);
  await page.locator('dialog').waitFor({ state: 'detached' });
}

export const shot = (page, name, folder = SHOTS) => {
  mkdirSync(folder, { recursive: true });
  // A sheet that is just opening is taken as it will stand.
  return page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
};
