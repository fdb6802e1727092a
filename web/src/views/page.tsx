// What wwwserver.yaml says, item by item, in its order.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import type { Item, Json, PageDef } from '../link/speak';
import { SelectDict } from '../parts/selectdict';
import { ValueRow } from '../parts/value';
import { hello, store } from '../state';
import { Trend } from './trend';

const text = (v: Json | undefined) => (typeof v === 'string' || typeof v === 'number' ? String(v) : '');

/** Tags that the rows of a page show; a trend watches its own. */
export function tagsOf(page: PageDef): string[] {
  return page.items.flatMap((i) => (typeof i['tagname'] === 'string' ? [i['tagname']] : []));
}

export function PageView({ page }: { page: PageDef }) {
  // Before the first paint, so that nothing stands there unwatched.
  useLayoutEffect(() => store.watch(tagsOf(page)), [page]);
  const only = page.items.filter((i) => i.type === 'uplot').length === 1 && page.items.every((i) => ['uplot', 'h1', 'h2', 'h3', 'hr', 'br'].includes(i.type));
  return <div class={only ? 'page lone' : 'page'}>{blocks(page.items)}</div>;
}

/** Rows between full-width items share one grid, so that they fill 1 to 4 columns in the site's order. */
function blocks(items: Item[]): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let rows: ComponentChildren[] = [];
  const flush = () => {
    if (rows.length > 0) out.push(<div class="grid" key={`g${out.length}`}>{rows}</div>);
    rows = [];
  };
  items.forEach((item, i) => {
    if (item.type === 'value' || item.type === 'setpoint') {
      rows.push(<Cell key={i} item={item} />);
      return;
    }
    flush();
    out.push(<Full key={i} item={item} />);
  });
  flush();
  return out;
}

function Cell({ item }: { item: Item }) {
  const name = text(item['tagname']);
  const tag = store.get(name);
  if (!tag) return <Placeholder words={`${name || 'an item'} is not a tag of this site`} />;
  return <ValueRow key={name} tag={tag} settable={item.type === 'setpoint'} />;
}

function Full({ item }: { item: Item }) {
  const desc = text(item['desc']);
  switch (item.type) {
    case 'h1':
      return <h2 class="h h1">{desc}</h2>;
    case 'h2':
      return <h3 class="h h2">{desc}</h3>;
    case 'h3':
      return <h4 class="h h3">{desc}</h4>;
    case 'p':
      return <p class="para">{desc}</p>;
    case 'hr':
      return <hr />;
    case 'br':
      return <div class="br" aria-hidden="true" />;
    case 'linebreak':
      return null; // a new row begins because the grid ended
    case 'selectdict': {
      const name = text(item['tagname']);
      const tag = store.get(name);
      return tag ? <SelectDict key={name} tag={tag} item={item} /> : <Placeholder words={`${name || 'an item'} is not a tag of this site`} />;
    }
    case 'uplot':
      return <Trend item={item} />;
    default: {
      // A placeholder names what was to stand here and why it doesn't; anything else is of a newer gateway.
      const kind = text(item['kind']) || item.type;
      return <Placeholder words={`${NAMES[kind] ?? kind}: ${text(item['why']) || 'not drawn yet'} · ${text(item['at'])}`} />;
    }
  }
}

const NAMES: Record<string, string> = { opnotes: 'Notes', alarms: 'The alarm list', callout: 'The call-out list', files: 'Files' };

function Placeholder({ words }: { words: string }) {
  return (
    <p class="placeholder" data-testid="placeholder">
      {words}
    </p>
  );
}

/** Before the first hello there is nothing to show but that. */
export function NoPages() {
  if (hello.value?.mistakes) return null; // they are all there is to say
  return (
    <p class="empty" data-testid="empty">
      {hello.value ? 'This site has no pages yet: write them in wwwserver.yaml' : 'connecting…'}
    </p>
  );
}
