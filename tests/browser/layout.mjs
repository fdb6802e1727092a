// Every page at every size: nothing scrolls sideways, no text is cut, everything that is pressed is big enough, nothing complains.
// So it is when devices are silent and when the gateway is gone, too.

import { ask, check, letIn, live, pillText, plant, row, rows, shot, story, until, VIEWS } from './lib/stage.mjs';

/** The least height and width of what is pressed: by a finger, and by a mouse. */
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
      if (Math.min(r.width, r.height) < least - 0.5) out.push(`${e.className || e.tagName} "${(e.innerText || e.getAttribute('aria-label') || '').slice(0, 30)}" ${r.width.toFixed(1)} × ${r.height.toFixed(1)} px`);
    }
    return [...new Set(out)];
  }, least);

/** Groups of spans over a trend that don't stand on one line; from–to, which is no span, may stand on the next. */
const broken = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.chips')]
      .map((group) => [...group.querySelectorAll('[data-chip]:not([data-chip=from-to])')].map((e) => Math.round(e.getBoundingClientRect().top)))
      .filter((tops) => new Set(tops).size > 1),
  );

/** By how much the page is wider than its window, and what sticks out. */
const wide = (page) =>
  page.evaluate(() => {
    const by = document.documentElement.scrollWidth - window.innerWidth;
    if (by <= 0) return { by };
    const over = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth + 0.5);
    return { by, over: over.slice(0, 5).map((e) => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`) };
  });

/** Texts that don't fit their place: what hides what is too much for it, and shows less than all of it. */
const cut = (page) =>
  page.evaluate(() => {
    const hides = (e) => {
      const { overflowX, overflowY } = getComputedStyle(e);
      // In the bar the site's name may be shortened to a few letters, or left out: then it stands on a line that isn't seen.
      if (e.tagName === 'H1') return false;
      if (e.matches('h1 small') && (e.offsetTop >= e.parentElement.offsetTop + e.parentElement.offsetHeight || e.offsetWidth >= 40)) return false;
      return (overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1) || (overflowY === 'hidden' && e.scrollHeight > e.clientHeight + 2);
    };
    const shown = (e) => e.textContent.trim() !== '' && e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
    const texts = [...document.querySelectorAll('h1, h1 *, h2, h3, p, dt, dd, button, button *, .row *, .legend-row *, a')];
    return [...new Set(texts.filter((e) => shown(e) && !e.closest('[aria-hidden=true]') && hides(e)).map((e) => `${e.tagName}.${e.className} "${e.textContent.slice(0, 60)}"`))];
  });

/** Whether something of the plot lies under the word in its corner: half a day, for instance. */
const covered = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.plot-box')].flatMap((box) => {
      const [word, canvas] = [box.querySelector('.cursor-time'), box.querySelector('canvas')];
      if (!word?.textContent.trim() || !canvas) return [];
      const [w, c] = [word.getBoundingClientRect(), canvas.getBoundingClientRect()];
      const k = canvas.width / c.width;
      const { data } = canvas.getContext('2d').getImageData((w.left - c.left) * k, (w.top - c.top) * k, w.width * k, w.height * k);
      return data.some((v, i) => i % 4 === 3 && v > 60) ? [word.textContent] : [];
    }),
  );

async function fits(page, view, where) {
  const what = `${view} ${where}`;
  const least = VIEWS[view].hasTouch ? FINGER_PX : MOUSE_PX;
  const sideways = await wide(page);
  check(`${what}: no sideways scroll`, sideways.by <= 0, sideways);
  const tooSmall = await small(page, least);
  check(`${what}: everything pressed is ${least} px high and wide`, tooSmall.length === 0, tooSmall);
  const lines = await broken(page);
  check(`${what}: the spans stand on one line`, lines.length === 0, lines);
  const clipped = await cut(page);
  check(`${what}: no text is cut`, clipped.length === 0, clipped);
  await until(`${what}: nothing lies under a word`, () => covered(page), (all) => all.length === 0);
}

/** A zone whose day has just begun: then the axis of a day has its widest words where there is the least room. */
function pastMidnight() {
  const hour = new Date().getUTCHours();
  // Named the other way round: Etc/GMT+3 is three hours behind.
  return hour <= 12 ? `Etc/GMT+${hour}` : `Etc/GMT-${24 - hour}`;
}

const held = (all) => all.length > 5 && all.every((r) => r.quality === 'held');
const good = (all) => all.length > 5 && all.every((r) => r.quality === 'good');

/** Every remark that a row can have, and the longest words of the bar. */
async function troubled(page, view) {
  await plant('kill');
  await until(`${view}: the plant is gone`, () => rows(page), held);
  await until(`${view}: the bar says so`, () => page.getByTestId('pill').innerText(), (text) => /silent/.test(text));
  await fits(page, view, 'without its devices');
  await page.getByTestId('pill').click();
  await page.getByTestId('status-sheet').waitFor();
  await fits(page, view, 'status of silent devices');
  await page.getByTestId('sheet-close').click();
  await page.getByTestId('status-sheet').waitFor({ state: 'detached' });
  await plant('restart');
  await until(`${view}: the plant is back`, () => rows(page), good);
  page.cut = true;
  await ask('kill');
  await until(`${view}: the gateway is gone`, () => pillText(page), (text) => /reconnecting/.test(text));
  await fits(page, view, 'without its gateway');
  await shot(page, `gone-${view}`);
  await ask('start');
  await live(page);
  await until(`${view}: all is good again`, () => rows(page), good);
}

await story(async ({ browser, view: only }) => {
  for (const view of only === 'all' ? Object.keys(VIEWS) : [only]) {
    const { context, page } = await letIn(browser, view, { timezoneId: pastMidnight() });
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
    await troubled(page, view);
    await context.close();
  }
});
