// Colour as arithmetic: contrast by WCAG, and a colour moved until it can be read.

export type Rgb = [number, number, number];

/** `#rgb`, `#rrggbb` or `rgb(…)`; null for anything else. */
export function parseColour(s: string): Rgb | null {
  const t = s.trim();
  const short = /^#([\da-f])([\da-f])([\da-f])$/i.exec(t);
  if (short) return [1, 2, 3].map((i) => parseInt((short[i] ?? '0').repeat(2), 16)) as Rgb;
  const long = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(t);
  if (long) return [1, 2, 3].map((i) => parseInt(long[i] ?? '0', 16)) as Rgb;
  const rgb = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(t);
  return rgb ? ([1, 2, 3].map((i) => Number(rgb[i])) as Rgb) : null;
}

function luminance(c: Rgb): number {
  const [r, g, b] = c.map((v) => {
    const s = v / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** The colour itself, or the nearest towards black or white that reaches the ratio on this ground. */
export function readable(c: Rgb, ground: Rgb, ratio: number): Rgb {
  const end: Rgb = luminance(ground) > 0.18 ? [0, 0, 0] : [255, 255, 255];
  for (let k = 0; k <= 20; k += 1) {
    const m = c.map((v, i) => Math.round(v + ((end[i] ?? 0) - v) * (k / 20))) as Rgb;
    if (contrast(m, ground) >= ratio) return m;
  }
  return end;
}

/** Where an accent is hardest to read in a theme, and how well it must be read there: then it is everywhere. */
export const hardest = (theme: string): [token: string, ratio: number] => (theme === 'sun' ? ['--ground', 7] : ['--press', 4.6]);

export function css([r, g, b]: Rgb, alpha = 1): string {
  return alpha === 1 ? `rgb(${r},${g},${b})` : `rgba(${r},${g},${b},${alpha})`;
}

let probe: CanvasRenderingContext2D | null = null;

/** Any colour a browser knows by name, as numbers; null when it does not know it. */
export function nameToRgb(name: string): Rgb | null {
  probe ??= document.createElement('canvas').getContext('2d');
  if (!probe) return null;
  probe.fillStyle = '#010203';
  probe.fillStyle = name;
  if (probe.fillStyle === '#010203') return null;
  return parseColour(String(probe.fillStyle));
}
