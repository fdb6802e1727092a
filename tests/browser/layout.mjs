// Every page at every size: nothing scrolls sideways, everything that is pressed is big enough, nothing complains.

import { check, letIn, live, row, shot, story, until, VIEWS } from './lib/stage.mjs';

/** The least height of what is pressed: by a finger, and by a mouse. */
const FINGER_PX = 44;
const MOUSE_PX = 32;

/** Everything that is pressed and visible, but smaller than that. */
const small = (page, least) =>
  page.evaluate((least) => {
    const out = [];
    for (const e of document.querySelectorAll('button, a[href], input, select, summary, [role=button], [role=radio]')) {
      const r = e.getBoundingClientRect();
      if (r.width === 0 || r.height === 0 || getComputedStyle(e).visibility === 'hidden') continue;
      // Half a pixel is rounding.
      if (r.height < least - 0.5) out.push(`${e.className || e.tagName} "${(e.innerText || e.getAttribute('aria-label') || '').slice(0, 30)}" ${r.height.toFixed(1)} px`);
    }
    return [...new Set(out)];
  }, least);

/** By how much the page is wider than its window, and what sticks out. */
const wide = (page) =>
  page.evaluate(() => {
    const by = document.documentElement.scrollWidth - window.innerWidth;
    if (by <= 0) return { by };
    const over = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth + 0.5);
    return { by, over: over.slice(0, 5).map((e) => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`) };
  });

/** Numbers that don't fit their place. */
const cut = (page) =>
  page.evaluate(() => [...document.querySelectorAll('.row .v, .legend-row .v')].filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflow !== 'visible').map((e) => e.textContent));

async function fits(page, view, where) {
  const what = `${view} ${where}`;
  const least = VIEWS[view].hasTouch ? FINGER_PX : MOUSE_PX;
  const sideways = await wide(page);
  check(`${what}: no sideways scroll`, sideways.by <= 0, sideways);
  const tooSmall = await small(page, least);
  check(`${what}: everything pressed is ${least} px high`, tooSmall.length === 0, tooSmall);
  const clipped = await cut(page);
  check(`${what}: no number is cut`, clipped.length === 0, clipped);
}

await story(async ({ browser, view: only }) => {
  for (const view of only === 'all' ? Object.keys(VIEWS) : [only]) {
    const { context, page } = await letIn(browser, view);
    const pages = await page.evaluate(
      () => new Promise((done) => {
        const ws = new WebSocket(`ws://${location.host}/ws`);
        ws.onmessage = ({ data }) => {
          const m = JSON.parse(data);
          if (m.t === 'hello') {
            ws.close();
            done(m.pages.map((p) => p.id));
          }
        };
      }),
    );
    check(`${view}: the site's pages are known`, pages.length > 5, pages);
    for (const id of pages) {
      await page.goto(new URL(`/p/${encodeURIComponent(id)}`, page.url()).href);
      await live(page);
      await fits(page, view, id);
      await shot(page, `page-${view}-${id}`);
    }
    // The sheets.
    await page.goto(new URL(`/p/${encodeURIComponent(pages[0])}`, page.url()).href);
    await live(page);
    const sheets = [['pill', 'status-sheet'], ['more', 'more-sheet']];
    for (const [button, sheet] of sheets) {
      if (!(await page.getByTestId(button).isVisible())) continue;
      await page.getByTestId(button).click();
      await page.getByTestId(sheet).waitFor();
      await fits(page, view, sheet);
      await shot(page, `${sheet}-${view}`);
      await page.getByTestId('sheet-close').click();
      await page.getByTestId(sheet).waitFor({ state: 'detached' });
    }
    for (const [tag, sheet] of [['Forebay_Level', 'tag-sheet'], ['Forebay_LevelSet', 'setpoint-sheet']]) {
      await row(page, tag).click();
      await page.getByTestId(sheet).waitFor();
      await until(`${view} ${sheet} is there`, () => page.getByTestId(sheet).isVisible());
      await fits(page, view, sheet);
      await shot(page, `${sheet}-${view}`);
      await page.getByTestId('sheet-close').click();
      await page.getByTestId(sheet).waitFor({ state: 'detached' });
    }
    check(`${view}: no error on the console`, page.errors.length === 0, page.errors);
    await context.close();
  }
});
