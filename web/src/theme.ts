// Three themes by tokens: the phone's wish, or a remembered choice; the site's colour only as accent, and only readable.

import { effect } from '@preact/signals';
import { css, hardest, nameToRgb, parseColour, readable } from './colour';
import { kept } from './kept';
import { setTheme, type Theme } from './paint';
import { hello, painted, theme } from './state';

export const THEMES: readonly { id: Theme; name: string }[] = [
  { id: 'auto', name: 'Phone' },
  { id: 'light', name: 'Light' },
  { id: 'dark', name: 'Dark' },
  { id: 'sun', name: 'Sun' },
];

export function applyTheme(): void {
  const root = document.documentElement;
  const paint = () => {
    const t = theme.value;
    setTheme(t);
    root.style.removeProperty('--accent');
    const wish = hello.value?.config['primary_color'];
    const rgb = typeof wish === 'string' ? (parseColour(wish) ?? nameToRgb(wish)) : null;
    const style = getComputedStyle(root);
    const [ground, ratio] = hardest(t);
    const on = parseColour(style.getPropertyValue(ground));
    if (rgb && on) root.style.setProperty('--accent', css(readable(rgb, on, ratio)));
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', style.getPropertyValue('--surface').trim());
    painted.value = painted.peek() + 1;
  };
  effect(paint);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
}

export function chooseTheme(t: Theme): void {
  kept.set('theme', t);
  theme.value = t;
}
