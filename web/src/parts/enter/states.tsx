// One of a tag's states, by its word.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { stateName } from '../../format';
import type { Checked } from '../../setpoint';
import { Submit, type EditorProps } from './submit';

/** Opened at the present state, so that pressing Set without a choice changes nothing. */
export function States({ words, def, present, commit }: EditorProps & { words: string[] }) {
  const now = typeof present === 'number' ? present : null;
  const pick = useSignal<number | null>(now !== null && words[now] !== undefined ? now : null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const on = list.current?.querySelector<HTMLElement>('[aria-checked=true]') ?? list.current?.querySelector<HTMLElement>('button');
    on?.focus({ preventScroll: true });
    on?.scrollIntoView({ block: 'nearest' });
  }, []);
  const move = (by: number) => {
    const next = Math.min(words.length - 1, Math.max(0, (pick.peek() ?? -1) + by));
    pick.value = next;
    list.current?.querySelectorAll<HTMLElement>('button')[next]?.focus();
  };
  const checked: Checked = pick.value === null ? { ok: false, why: 'choose a state' } : { ok: true, value: pick.value };
  return (
    <div data-testid="states">
      <div
        class="states"
        role="radiogroup"
        aria-label={def.desc}
        ref={list}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown' || e.key === 'ArrowRight') move(1);
          else if (e.key === 'ArrowUp' || e.key === 'ArrowLeft') move(-1);
          else return;
          e.preventDefault();
        }}
      >
        {words.map((w, i) => (
          <button
            key={i}
            type="button"
            role="radio"
            class="state"
            data-state-index={i}
            aria-checked={pick.value === i}
            tabIndex={pick.value === i || (pick.value === null && i === 0) ? 0 : -1}
            onClick={() => (pick.value = i)}
          >
            <span class="dot" aria-hidden="true" />
            <span>{w}</span>
            {now === i ? <small class="quiet">now</small> : null}
          </button>
        ))}
      </div>
      {now !== null && words[now] === undefined ? <p class="quiet">Now {stateName(words, now)}</p> : null}
      <Submit def={def} checked={checked} commit={commit} />
    </div>
  );
}
