// Which theme there is now: the one chosen on this phone, or the phone's own.

import { kept } from './kept';

export const THEMES = ['light', 'dark', 'sun'] as const;
export type Theme = (typeof THEMES)[number] | 'auto';

/** The choice that was made on this phone. */
export function chosenTheme(): Theme {
  const was = kept.get('theme');
  return THEMES.find((t) => t === was) ?? 'auto';
}

/** Puts it on the document; the style sheet does the rest. */
export function setTheme(t: Theme = chosenTheme()): void {
  document.documentElement.dataset['theme'] = t !== 'auto' ? t : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
