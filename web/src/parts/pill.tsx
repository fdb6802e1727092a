// The one place for the link's state.

import { useComputed } from '@preact/signals';
import { formatClock } from '../format';
import type { LinkState } from '../link/socket';
import { openSheet } from '../route';
import { link, plant, tick } from '../state';

/** The link in words. */
export function linkWords(s: LinkState, now: number): string {
  switch (s.is) {
    case 'connecting':
      return 'connecting…';
    case 'live':
      return 'live';
    case 'reconnecting': {
      const sec = Math.max(0, Math.floor((now - s.since) / 1000));
      return sec < 1 ? 'reconnecting' : `reconnecting ${sec}\u202fs`;
    }
    case 'offline':
      return `offline since ${formatClock(s.since, now)}`;
  }
}

export function Pill() {
  const state = useComputed(() => link.value.is);
  const words = useComputed(() => {
    const s = link.value;
    return linkWords(s, s.is === 'reconnecting' || s.is === 'offline' ? tick.value : 0);
  });
  const silent = useComputed(() => plant.value?.devices.filter((d) => d.state !== 'ok').length ?? 0);
  return (
    <button type="button" class="pill" data-testid="pill" data-state={state} onClick={() => openSheet({ is: 'status' })}>
      <span class="pill-dot" aria-hidden="true" />
      <span data-testid="pill-text">{words}</span>
      {silent.value > 0 && state.value === 'live' ? (
        <span class="pill-count" title="devices that do not answer">
          {silent} silent
        </span>
      ) : null}
    </button>
  );
}
