// The one-time link: looking at it uses nothing up, the click lets one browser in, a second click none.

import { ask, check, letIn, live, newWindow, pill, shot, story, until } from './lib/stage.mjs';

const BUTTON = { name: 'Let this browser in' };
/** Of what is pressed on a page, how high the lowest is. */
const lowest = (page) => page.evaluate(() => Math.min(...[...document.querySelectorAll('a, button, input')].map((e) => e.getBoundingClientRect().height)));

await story(async ({ browser, view }) => {
  const link = await ask('link');
  const origin = new URL(link).origin;

  const stranger = await newWindow(browser, view);
  stranger.page.cut = true; // its console says 401, which is what it should
  const locked = await stranger.page.goto(origin);
  check('without a link the page is locked', locked.status() === 401, locked.status());
  check('and says how to get one', (await stranger.page.innerText('body')).includes('forebay link'));
  check('what is pressed there fits a finger', (await lowest(stranger.page)) >= 44, await lowest(stranger.page));
  await shot(stranger.page, `locked-${view}`);

  for (const who of ['a preview', 'a second preview']) {
    const { context, page } = await newWindow(browser, view);
    const answer = await page.goto(link);
    check(`${who} sees the button`, answer.status() === 200 && (await page.getByRole('button', BUTTON).count()) === 1);
    check(`${who} gets no cookie`, (await context.cookies()).length === 0);
    await context.close();
  }

  const first = await newWindow(browser, view);
  await first.page.goto(link);
  await shot(first.page, `link-${view}`);
  await first.page.getByRole('button', BUTTON).click();
  await live(first.page);
  const [cookie] = await first.context.cookies();
  check('the cookie is out of reach of scripts and other sites', cookie?.httpOnly === true && cookie?.sameSite === 'Strict', cookie);

  await stranger.page.goto(link);
  await stranger.page.getByRole('button', BUTTON).click();
  await until('a second click lets nobody in', () => stranger.page.innerText('body'), (text) => text.includes('has been used'));
  check('and leaves no cookie', (await stranger.context.cookies()).length === 0);

  await first.page.reload();
  await live(first.page);
  const again = await first.context.newPage();
  await again.goto(origin);
  await until('a second tab of the same browser is let in', () => pill(again), (is) => is === 'live');
  // The line breaks behind the first bytes, and the page's code doesn't come.
  const torn = await first.context.newPage();
  let asked = 0;
  await torn.route('**/assets/page-*', (route) => (asked++ === 0 ? route.abort() : route.continue()));
  await torn.goto(origin);
  await until("a page whose code was lost on the way gets it after all", () => pill(torn), (is) => is === 'live');
  check('by asking again', asked === 2, asked);
  check('no error on the console', first.page.errors.length === 0, first.page.errors);

  // Signed out, the browser is a stranger again.
  const other = await letIn(browser, view);
  other.page.cut = true;
  await other.page.evaluate(() => fetch('/api/logout', { method: 'POST' }).then((r) => r.status));
  const after = await other.page.goto(origin);
  check('signed out, the page is locked again', after.status() === 401, after.status());
});
