// The frame: top bar, the ways between pages, the page, at most one sheet over it.

import { useEffect } from 'preact/hooks';
import { Pill } from './parts/pill';
import { DictSheet } from './parts/selectdict';
import { SetSheet } from './parts/setpoint';
import { Rail, Tabs, TABS } from './parts/tabs';
import { kept } from './kept';
import { pageAddress } from './route';
import { crowded, hello, locked, page, said, sheet, store } from './state';
import { NoTag, TagSheet } from './views/detail';
import { Mistakes } from './views/mistakes';
import { NoPages, PageView } from './views/page';
import { GroupSheet, MoreSheet, StatusSheet } from './views/system';

export function App() {
  const p = page.value;
  const site = hello.value?.site ?? '';
  useEffect(() => {
    if (!p) return;
    document.title = `${p.name} · ${site}`;
    kept.set('page', p.id);
    // Back must find the page it left, not "the last one".
    if (location.pathname === '/') window.history.replaceState(window.history.state, '', pageAddress(p.id));
  }, [p, site]);
  return (
    <>
      <header class="top">
        <div class="top-in">
          <h1>
            <small data-testid="site">{site}</small>
            <span data-testid="title">{p?.name ?? 'Forebay'}</span>
          </h1>
          <Pill />
        </div>
      </header>
      <Rail />
      <main id="main" tabIndex={-1}>
        {locked.value ? <Locked /> : null}
        {crowded.value ? (
          <div class="notice" role="alert" data-testid="crowded">
            <h2>Too many pages are open</h2>
            <p>The gateway allows no more. Close one elsewhere; this one tries again by itself.</p>
          </div>
        ) : null}
        <Mistakes />
        {p ? <PageView key={p.id} page={p} /> : <NoPages />}
      </main>
      <Tabs />
      <Over />
      <p class="sr" aria-live="polite" data-testid="said">
        {said}
      </p>
    </>
  );
}

/** Nothing works from here but a new link, so it says how to get one. */
function Locked() {
  return (
    <div class="notice" role="alert" data-testid="locked">
      <h2>This browser is not let in any more</h2>
      <p>
        Ask for a new one-time link: on the gateway, <code>forebay link</code> prints one. What you see below is old.
      </p>
    </div>
  );
}

function Over() {
  const s = sheet.value;
  // A sheet of a tag needs its definition; before the first hello there is none.
  if (!s || !hello.value) return null;
  switch (s.is) {
    case 'status':
      return <StatusSheet />;
    case 'more':
      return <MoreSheet from={TABS} />;
    case 'group':
      return <GroupSheet name={s.name} />;
    case 'scale':
      return <>{s.render()}</>;
    default: {
      const tag = store.get(s.tag);
      if (!tag) return <NoTag name={s.tag} />;
      if (s.is === 'tag') return <TagSheet key={s.tag} tag={tag} />;
      if (s.is === 'set') return <SetSheet key={s.tag} tag={tag} />;
      return <DictSheet tag={tag} picked={s.picked} opts={s.opts} done={s.done} />;
    }
  }
}
