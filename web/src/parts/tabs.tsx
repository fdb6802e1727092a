// The way between pages: a bar at the bottom of a phone, a rail at the left from 900 px up or in a low landscape.

import type { PageDef } from '../link/speak';
import { goTo, openSheet } from '../route';
import { entries, page, sheet, type Entry } from '../state';
import { ThemeChoice } from '../views/system';
import { Icon, type IconName } from './icon';

/** Entries in the bottom bar before "More". */
export const TABS = 4;

/** A page's icon comes from what stands on it, or will. */
export function iconOf(p: PageDef): IconName {
  const n = (t: string) => p.items.filter((i) => (i.type === 'placeholder' ? i['kind'] : i.type) === t).length;
  if (n('alarms') > 0) return 'bell';
  if (n('uplot') > 0 && n('value') + n('setpoint') <= 4) return 'chart';
  if (n('opnotes') > 0) return 'note';
  if (n('files') > 0) return 'folder';
  if (n('setpoint') + n('selectdict') > n('value')) return 'sliders';
  return n('value') > 0 ? 'gauge' : 'list';
}

function here(e: Entry): boolean {
  const id = page.value?.id;
  return e.is === 'page' ? e.page.id === id : e.pages.some((p) => p.id === id);
}

export function Tabs() {
  const list = entries.value.slice(0, TABS);
  const beyond = entries.value.slice(TABS).some(here);
  return (
    <nav class="tabs" data-testid="tabs" aria-label="Pages">
      {list.map((e) => (
        <button
          key={e.name}
          type="button"
          class="tab"
          data-page={e.is === 'page' ? e.page.id : undefined}
          data-group={e.is === 'group' ? e.name : undefined}
          aria-current={here(e) ? 'page' : undefined}
          onClick={() => (e.is === 'page' ? goTo(e.page.id) : openSheet({ is: 'group', name: e.name }))}
        >
          <Icon name={e.is === 'page' ? iconOf(e.page) : e.pages.some((p) => iconOf(p) === 'chart') ? 'chart' : 'group'} />
          <span>{e.name}</span>
        </button>
      ))}
      <button type="button" class="tab" data-testid="more" aria-current={beyond ? 'page' : undefined} aria-expanded={sheet.value?.is === 'more'} onClick={() => openSheet({ is: 'more' })}>
        <Icon name="more" />
        <span>More</span>
      </button>
    </nav>
  );
}

export function Rail() {
  return (
    <nav class="rail" data-testid="rail" aria-label="Pages">
      <div class="rail-list">
        {entries.value.map((e) =>
          e.is === 'page' ? (
            <RailButton key={e.name} p={e.page} />
          ) : (
            <div key={e.name} class="rail-group">
              <h2>{e.name}</h2>
              {e.pages.map((p) => (
                <RailButton key={p.id} p={p} />
              ))}
            </div>
          ),
        )}
      </div>
      <div class="rail-foot">
        <ThemeChoice />
      </div>
    </nav>
  );
}

function RailButton({ p }: { p: PageDef }) {
  return (
    <button type="button" class="rail-button" data-page={p.id} aria-current={page.value?.id === p.id ? 'page' : undefined} onClick={() => goTo(p.id)}>
      <Icon name={iconOf(p)} />
      <span>{p.name}</span>
    </button>
  );
}
