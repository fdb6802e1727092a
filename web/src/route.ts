// Addresses: /p/<page>, /t/<tag>. Back closes a sheet before it leaves a page; the last page opens again.

import { kept } from './kept';
import { pageId, sheet, type Sheet } from './state';

/** Reads the address bar; called at start and on every back or forward. */
export function readAddress(): void {
  const [, kind, rest] = /^\/([pt])\/(.+?)\/?$/.exec(location.pathname) ?? [];
  const name = rest === undefined ? null : decode(rest);
  if (kind === 'p' && name !== null) {
    pageId.value = name;
    sheet.value = null;
  } else if (kind === 't' && name !== null) {
    pageId.value ??= kept.get('page');
    sheet.value = { is: 'tag', tag: name };
  } else {
    pageId.value = kept.get('page');
    sheet.value = null;
  }
}

function decode(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

export function pageAddress(id: string): string {
  return `/p/${encodeURIComponent(id)}${location.search}`;
}

/** To a page; from a sheet, the page takes the sheet's place. */
export function goTo(id: string): void {
  const replace = sheet.peek() !== null || pageId.peek() === id;
  if (replace) history.replaceState(null, '', pageAddress(id));
  else history.pushState(null, '', pageAddress(id));
  kept.set('page', id);
  sheet.value = null;
  if (pageId.peek() !== id) window.scrollTo(0, 0);
  pageId.value = id;
}

/** Over the page; Back closes it. A sheet over a sheet takes its place. */
export function openSheet(s: Sheet): void {
  const address = s.is === 'tag' ? `/t/${encodeURIComponent(s.tag)}${location.search}` : location.pathname + location.search;
  if (sheet.peek()) history.replaceState({ sheet: true }, '', address);
  else history.pushState({ sheet: true }, '', address);
  sheet.value = s;
}

export function closeSheet(): void {
  if (!sheet.peek()) return;
  if ((history.state as { sheet?: boolean } | null)?.sheet) {
    history.back();
    return;
  }
  // Opened by its address: there is nothing of ours to go back to.
  sheet.value = null;
  const id = pageId.peek();
  history.replaceState(null, '', id === null ? '/' : pageAddress(id));
}
