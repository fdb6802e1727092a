// Fingers, mouse and keys over a plot: one finger pans the time, two zoom it, a tap places the cursor, a double tap is live.
// The page still scrolls vertically, because only horizontal movement is ours (`touch-action: pan-y`).

export interface Gestures {
  /** Drag by so many CSS pixels; positive shows earlier times. */
  pan(px: number): void;
  /** Zoom about a place, 0 left to 1 right. */
  zoom(factor: number, part: number): void;
  cursor(part: number | null): void;
  live(): void;
  /** The fingers are gone: load finer data now. */
  settle(): void;
}

/** Less movement than this is a tap. */
const SLOP_PX = 6;
const DOUBLE_MS = 320;

/** Listens until the returned function is called. */
export function listen(over: HTMLElement, g: Gestures): () => void {
  const down = new Map<number, number>();
  let startX = 0;
  let moved = false;
  let lastTap = -Infinity;
  let pinch = 0;
  const part = (clientX: number) => {
    const r = over.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - r.left) / Math.max(1, r.width)));
  };
  const spread = () => {
    const xs = [...down.values()];
    return xs.length >= 2 ? Math.abs((xs[0] ?? 0) - (xs[1] ?? 0)) : 0;
  };
  const ctl = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(k: K, run: (e: HTMLElementEventMap[K]) => void, passive = true) =>
    over.addEventListener(k, run, { signal: ctl.signal, passive });

  over.style.touchAction = 'pan-y';
  on('pointerdown', (e) => {
    if (e.pointerType === 'mouse' && e.button !== 0) return;
    down.set(e.pointerId, e.clientX);
    over.setPointerCapture(e.pointerId);
    if (down.size === 1) {
      startX = e.clientX;
      moved = false;
    } else {
      moved = true;
      pinch = spread();
    }
  });
  on('pointermove', (e) => {
    const before = down.get(e.pointerId);
    if (before === undefined) {
      if (e.pointerType === 'mouse') g.cursor(part(e.clientX));
      return;
    }
    if (down.size === 1 && !moved && Math.abs(e.clientX - startX) < SLOP_PX) return;
    moved = true;
    down.set(e.pointerId, e.clientX);
    g.pan((e.clientX - before) / down.size);
    if (down.size >= 2) {
      const now = spread();
      const xs = [...down.values()];
      if (pinch > 8 && now > 8) g.zoom(now / pinch, part(((xs[0] ?? 0) + (xs[1] ?? 0)) / 2));
      pinch = now;
    }
  });
  const up = (e: PointerEvent) => {
    if (!down.delete(e.pointerId)) return;
    if (down.size > 0) {
      pinch = spread();
      return;
    }
    if (moved || e.type === 'pointercancel') return g.settle();
    const t = e.timeStamp;
    if (t - lastTap < DOUBLE_MS) {
      lastTap = -Infinity;
      g.cursor(null);
      g.live();
    } else {
      lastTap = t;
      g.cursor(part(e.clientX));
    }
  };
  on('pointerup', up);
  on('pointercancel', up);
  on('pointerleave', (e) => {
    if (e.pointerType === 'mouse' && down.size === 0) g.cursor(null);
  });
  on(
    'wheel',
    (e) => {
      // A plain wheel scrolls the page; with Ctrl (also a trackpad's pinch) it zooms, sideways it pans.
      if (e.ctrlKey) {
        e.preventDefault();
        g.zoom(Math.exp(-e.deltaY / 200), part(e.clientX));
      } else if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
        e.preventDefault();
        g.pan(-e.deltaX);
      } else return;
      g.settle();
    },
    false,
  );
  over.tabIndex = 0;
  on(
    'keydown',
    (e) => {
      const w = over.clientWidth;
      if (e.key === 'ArrowLeft') g.pan(w / 8);
      else if (e.key === 'ArrowRight') g.pan(-w / 8);
      else if (e.key === '+' || e.key === '=') g.zoom(1.5, 0.5);
      else if (e.key === '-') g.zoom(1 / 1.5, 0.5);
      else if (e.key === 'Home' || e.key === 'l') g.live();
      else return;
      e.preventDefault();
      g.settle();
    },
    false,
  );
  return () => ctl.abort();
}
