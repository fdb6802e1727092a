// The rows under a plot: which line is which, its value now or at the cursor, its axis.

import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { DASH, formatNumber, formatValue, parseTyped, stateName } from '../format';
import { Icon } from '../parts/icon';
import { SheetFrame } from '../parts/sheet';
import { Mark } from '../parts/value';
import { closeSheet, openSheet } from '../route';
import { store } from '../state';
import type { Plot, PlotState } from '../trend/plot';
import type { ScaleChoice } from '../trend/range';
import type { Pen, Spec } from '../trend/spec';

/** A press this long on a legend row opens its axis. */
const LONG_MS = 450;

/** A pen's value in words. */
export function penText(pen: Pen, v: number): string {
  return Number.isNaN(v) ? DASH : pen.multi ? stateName(pen.multi, v) : formatNumber(v, pen.dp);
}

export function LegendRow({ pen, index, plot, state, spec }: { pen: Pen; index: number; plot: Plot | null; state: PlotState | null; spec: Spec }) {
  const tag = store.get(pen.tag);
  const hidden = useSignal(false);
  const timer = useRef(0);
  const long = useRef(false);
  const quality = useComputed(() => tag?.reading.value.quality ?? 'missing');
  const now = useComputed(() => {
    const r = tag?.reading.value;
    if (!tag || !r || r.quality === 'missing') return '—';
    return typeof r.value === 'number' && !tag.def.multi ? formatNumber(r.value, pen.dp) : formatValue(tag.def, r.value).text;
  });
  const at = state?.cursor ?? null;
  const v = state?.values[index] ?? NaN;
  const past = at !== null || state?.following === false;
  const shown = past ? penText(pen, v) : now.value;
  const colour = plot?.colour(index) ?? 'currentColor';
  const toggle = () => {
    hidden.value = !hidden.value;
    plot?.toggle(index);
  };
  const down = () => {
    long.current = false;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      long.current = true;
      axis();
    }, LONG_MS);
  };
  const axis = () => {
    if (plot && !pen.multi) openSheet({ is: 'scale', render: () => <ScaleSheet pen={pen} plot={plot} spec={spec} /> });
  };
  const up = () => clearTimeout(timer.current);
  return (
    <div class="legend-row" data-tag={pen.tag} data-quality={past ? 'good' : quality.value} data-off={hidden.value ? 'yes' : 'no'}>
      <button
        type="button"
        class="legend-main"
        aria-pressed={!hidden.value}
        onPointerDown={down}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={up}
        onContextMenu={(e) => e.preventDefault()}
        onClick={() => {
          if (!long.current) toggle();
        }}
      >
        <svg class="swatch" width="26" height="14" viewBox="0 0 26 14" aria-hidden="true">
          {pen.multi ? (
            <rect x="1" y="2" width="24" height="10" fill={colour} opacity="0.5" />
          ) : (
            <line x1="1" y1="7" x2="25" y2="7" stroke={colour} stroke-width={Math.max(2.5, pen.width)} stroke-dasharray={pen.dash.join(' ')} />
          )}
        </svg>
        <span class="name">{pen.label}</span>
        <span class="num">
          {past ? null : <Mark kind={quality.value} />}
          <span class="v">{shown}</span>
          <span class="u">{pen.units}</span>
        </span>
      </button>
      {pen.multi ? null : (
        <button type="button" class="ghost round" aria-label={`Axis of ${pen.label}`} onClick={axis}>
          <Icon name="sliders" />
        </button>
      )}
    </div>
  );
}

function ScaleSheet({ pen, plot, spec }: { pen: Pen; plot: Plot; spec: Spec }) {
  const site = spec.axes.find((a) => a.scale === pen.scale)?.range ?? null;
  const was = plot.choices.get(pen.scale) ?? ({ mode: site ? 'site' : 'fit', own: null } satisfies ScaleChoice);
  const lo = useSignal(String(was.own?.[0] ?? site?.[0] ?? ''));
  const hi = useSignal(String(was.own?.[1] ?? site?.[1] ?? ''));
  const a = parseTyped(lo.value);
  const b = parseTyped(hi.value);
  const choose = (c: ScaleChoice) => {
    plot.choose(pen.scale, c);
    closeSheet();
  };
  return (
    <SheetFrame title={`Axis of ${pen.label}`} sub={pen.tag} testid="scale-sheet">
      <div class="stack">
        {site ? (
          <button type="button" class="option" aria-pressed={was.mode === 'site'} onClick={() => choose({ mode: 'site', own: null })}>
            As the site says: {site[0]} to {site[1]} {pen.units}
          </button>
        ) : null}
        <button type="button" class="option" aria-pressed={was.mode === 'fit'} onClick={() => choose({ mode: 'fit', own: null })}>
          Fit to what is shown
        </button>
        <div class="pair">
          <label>
            from <input inputMode="decimal" value={lo.value} onInput={(e) => (lo.value = e.currentTarget.value)} />
          </label>
          <label>
            to <input inputMode="decimal" value={hi.value} onInput={(e) => (hi.value = e.currentTarget.value)} />
          </label>
        </div>
        <button
          type="button"
          class="big"
          disabled={a === null || b === null || a >= b}
          onClick={() => {
            if (a !== null && b !== null) choose({ mode: 'own', own: [a, b] });
          }}
        >
          Use this range
        </button>
      </div>
    </SheetFrame>
  );
}
