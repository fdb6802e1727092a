// A sheet from the bottom, a dialog in the middle on large screens. Escape, Back, a tap outside and a swipe down close it.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { closeSheet } from '../route';
import { Icon } from './icon';

/** A swipe this far down is a cancel. */
const SWIPE_PX = 90;

export function SheetFrame(props: { title: string; sub?: string; testid: string; wide?: boolean; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const d = ref.current;
    d?.showModal();
    // The sheet itself, not its close button; an entry takes the focus from here.
    d?.focus();
    return () => d?.close();
  }, []);
  const drag = useRef<number | null>(null);
  const move = (e: PointerEvent) => {
    const d = ref.current;
    if (drag.current === null || !d) return;
    d.style.transform = `translateY(${Math.max(0, e.clientY - drag.current)}px)`;
  };
  const end = (e: PointerEvent) => {
    const d = ref.current;
    if (drag.current === null || !d) return;
    const far = e.clientY - drag.current > SWIPE_PX && e.type === 'pointerup';
    drag.current = null;
    d.style.transform = '';
    if (far) closeSheet();
  };
  return (
    <dialog
      ref={ref}
      class={props.wide ? 'sheet wide' : 'sheet'}
      data-testid={props.testid}
      aria-label={props.title}
      tabIndex={-1}
      onCancel={(e) => {
        e.preventDefault();
        closeSheet();
      }}
      onClick={(e) => {
        if (e.target === ref.current) closeSheet();
      }}
    >
      <div class="sheet-in">
        <header
          class="sheet-head"
          onPointerDown={(e) => {
            if ((e.target as HTMLElement).closest('button')) return;
            drag.current = e.clientY;
            e.currentTarget.setPointerCapture(e.pointerId);
          }}
          onPointerMove={move}
          onPointerUp={end}
          onPointerCancel={end}
        >
          <span class="grip" aria-hidden="true" />
          <div class="sheet-title">
            <h2>{props.title}</h2>
            {props.sub ? <p class="quiet">{props.sub}</p> : null}
          </div>
          <button type="button" class="ghost round" data-testid="sheet-close" aria-label="Close" onClick={closeSheet}>
            <Icon name="cross" />
          </button>
        </header>
        <div class="sheet-body">{props.children}</div>
      </div>
    </dialog>
  );
}
