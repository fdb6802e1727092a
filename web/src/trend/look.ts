// How pens and axes are coloured in the theme there is now.

import { css, nameToRgb, parseColour, readable, type Rgb } from '../colour';
import type { Pen } from './spec';

/** Pens without a colour of their own; each differs in lightness too. */
const PALETTE = ['#2f7fb8', '#c76a1e', '#3f9a5f', '#9a5fb5', '#b8455f', '#7a7f36', '#4a5ea8', '#7b5a45'];

export interface Look {
  ink: string;
  ink2: string;
  line: string;
  surface: string;
  /** Of each pen, as a line. */
  lines: string[];
  /** Of each pen, as text at its axis. */
  texts: string[];
}

/** Colours from the page's tokens, and the pens' own moved until they can be seen on it. */
export function lookOf(pens: Pen[]): Look {
  const root = document.documentElement;
  const style = getComputedStyle(root);
  const get = (token: string) => style.getPropertyValue(token).trim();
  const surface = get('--surface');
  const ground: Rgb = parseColour(surface) ?? [255, 255, 255];
  const own = pens.map((p, i): Rgb => (p.color ? nameToRgb(p.color) : null) ?? parseColour(PALETTE[i % PALETTE.length] ?? '') ?? [90, 90, 90]);
  const sun = root.dataset['theme'] === 'sun';
  // A line is a graphic, an axis is text.
  const at = (ratio: number) => own.map((c) => css(readable(c, ground, ratio)));
  return { ink: get('--ink'), ink2: get('--ink-2'), line: get('--line'), surface, lines: at(sun ? 4.5 : 3), texts: at(sun ? 7 : 4.5) };
}
