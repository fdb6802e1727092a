// A trend with its chips and legend. The plot itself is fetched after the first values are drawn.

import { effect, useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { formatClock, formatNumber, formatTime, formatValue, parseTyped, stateName } from '../format';
import { history as fetcher } from '../link/gateway';
import type { Item } from '../link/speak';
import { Icon } from '../parts/icon';
import { SheetFrame } from '../parts/sheet';
import { Mark } from '../parts/value';
import { closeSheet, openSheet } from '../route';
import { drawn, gatewayTime, hello, link, painted, say, store } from '../state';
import type { Plot, PlotState, ScaleChoice } from '../trend/plot';
import { parseSpec, type Pen, type Spec } from '../trend/spec';
import { CHIPS } from '../trend/window';

/** A press this long on a legend row opens its axis. */
const LONG_MS = 450;

export function Trend({ item }: { item: Item }) {
  const spec = useMemo(() => parseSpec(item, (t) => store.get(t)?.def), [item]);
  return <TrendOf spec={spec} />;
}

export function TrendOf({ spec, bare }: { spec: Spec; bare?: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const state = useSignal<PlotState | null>(null);
  const ready = useSignal(0);
  const chip = useSignal<number | null>(CHIPS.find((c) => c.ms === spec.pastMs)?.ms ?? null);
  const picking = useSignal(false);

  useLayoutEffect(() => store.watch(spec.pens.map((p) => p.tag)), [spec]);
  useEffect(() => {
    let gone = false;
    const undo: (() => void)[] = [];
    // The live readings come first; the plot's code must not stand in their way.
    const stop = drawn.subscribe((yes) => {
      if (!yes || gone || plot.current) return;
      void import('../trend/plot').then(({ Plot }) => {
        if (gone || !host.current || plot.current) return;
        const p = new Plot(host.current, spec, {
          fetcher,
          now: gatewayTime,
          live: () => link.peek().is === 'live',
          reading: (i) => store.get(spec.pens[i]?.tag ?? '')?.reading.peek(),
          changed: (s) => (state.value = s),
        });
        plot.current = p;
        ready.value += 1;
        const wish = new URLSearchParams(location.search);
        const [from, to] = [Number(wish.get('from')), Number(wish.get('to'))];
        if (!bare && from > 0 && to > from) p.fix(from, to);
        spec.pens.forEach((pen, i) => {
          const tag = store.get(pen.tag);
          if (tag) undo.push(tag.reading.subscribe((r) => p.append(i, r)));
        });
        let was = link.peek().is;
        undo.push(
          effect(() => {
            const is = link.value.is;
            if (is === 'live' && was !== 'live') void p.reload();
            was = is;
          }),
          painted.subscribe(() => p.restyle()),
        );
      });
    });
    return () => {
      gone = true;
      stop();
      undo.forEach((u) => u());
      plot.current?.destroy();
      plot.current = null;
    };
  }, [spec]);

  const s = state.value;
  const p = ready.value > 0 ? plot.current : null;
  const span = (ms: number) => {
    chip.value = ms;
    picking.value = false;
    p?.live(ms);
  };
  return (
    <section class={bare ? 'trend full bare' : 'trend full'} data-testid="trend-item" aria-label={spec.title}>
      <div class="trend-head">
        {bare ? null : <h3>{spec.title}</h3>}
        <div class="chips" role="group" aria-label="Span">
          {CHIPS.map((c) => (
            <button key={c.ms} type="button" class="chip" data-chip={c.name} aria-pressed={chip.value === c.ms && s?.following !== false} onClick={() => span(c.ms)}>
              {c.name}
            </button>
          ))}
          {bare ? null : (
            <button type="button" class="chip" data-chip="from-to" aria-pressed={picking.value} onClick={() => (picking.value = !picking.value)}>
              from–to
            </button>
          )}
        </div>
      </div>
      {picking.value && s ? <FromTo from={s.from} to={s.to} apply={(a, b) => ((chip.value = null), p?.fix(a, b))} /> : null}
      <div class="plot-box">
        <div class="plot" data-testid="trend" ref={host} />
        {s?.words || !s ? (
          <p class="plot-words" data-testid="trend-words">
            {s?.words ?? 'loading…'}
          </p>
        ) : null}
        {s && !s.following ? (
          <button type="button" class="to-live" data-testid="to-live" onClick={() => p?.live()}>
            <Icon name="live" /> live
          </button>
        ) : null}
        <p class="cursor-time" data-testid="cursor-time">
          {s ? (s.cursor !== null ? clock(s.cursor) : s.following ? 'now' : `${formatClock(s.from, gatewayTime())} to ${formatClock(s.to, gatewayTime())}`) : ' '}
        </p>
      </div>
      {spec.pens.length === 0 ? <p class="empty">this trend names no tags</p> : null}
      <div class="legend">
        {spec.pens.map((pen, i) => (pen.legend ? <LegendRow key={i} pen={pen} index={i} plot={p} state={s} spec={spec} /> : null))}
      </div>
      {bare ? null : <Actions spec={spec} plot={p} />}
    </section>
  );
}

function clock(ms: number): string {
  const d = new Date(ms);
  return `${formatClock(ms, gatewayTime())}:${String(d.getSeconds()).padStart(2, '0')}`;
}

function LegendRow({ pen, index, plot, state, spec }: { pen: Pen; index: number; plot: Plot | null; state: PlotState | null; spec: Spec }) {
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
  const shown = !past ? now.value : Number.isNaN(v) ? '—' : pen.multi ? stateName(pen.multi, v) : formatNumber(v, pen.dp);
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

function FromTo({ from, to, apply }: { from: number; to: number; apply: (a: number, b: number) => void }) {
  const local = (ms: number) => {
    const d = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
    return d.toISOString().slice(0, 16);
  };
  const a = useSignal(local(from));
  const b = useSignal(local(to));
  const x = Date.parse(a.value);
  const y = Date.parse(b.value);
  return (
    <div class="pair from-to">
      <label>
        from <input type="datetime-local" value={a.value} onInput={(e) => (a.value = e.currentTarget.value)} />
      </label>
      <label>
        to <input type="datetime-local" value={b.value} onInput={(e) => (b.value = e.currentTarget.value)} />
      </label>
      <button type="button" class="solid" disabled={!(x < y)} onClick={() => apply(x, y)}>
        Show
      </button>
    </div>
  );
}

function Actions({ spec, plot }: { spec: Spec; plot: Plot | null }) {
  const link = useSignal<string | null>(null);
  const name = () => `${spec.title} ${new Date(plot?.window.from ?? 0).toISOString().slice(0, 16)}`.replace(/[^\w-]+/g, '-');
  useSignalEffect(() => {
    if (link.value) say('link ready');
  });
  const copy = async () => {
    if (!plot) return;
    const { from, to } = plot.window;
    const url = `${location.origin}${location.pathname}?from=${Math.round(from)}&to=${Math.round(to)}`;
    try {
      await navigator.clipboard.writeText(url);
      link.value = 'link copied';
    } catch {
      // Without TLS a page may not write to the clipboard: the person copies it.
      link.value = url;
    }
  };
  return (
    <div class="actions">
      <button type="button" class="ghost" data-testid="csv" disabled={!plot} onClick={() => plot && save(new Blob([plot.csv()], { type: 'text/csv' }), `${name()}.csv`)}>
        <Icon name="download" /> CSV
      </button>
      <button type="button" class="ghost" data-testid="png" disabled={!plot} onClick={() => plot && void picture(plot, spec, `${name()}.png`)}>
        <Icon name="image" /> PNG
      </button>
      <button type="button" class="ghost" data-testid="share" disabled={!plot} onClick={() => void copy()}>
        <Icon name="share" /> Link
      </button>
      {link.value ? <output class="quiet">{link.value}</output> : null}
    </div>
  );
}

function save(blob: Blob, name: string): void {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

/** The plot as it is, with its title, time range and legend. */
async function picture(plot: Plot, spec: Spec, name: string): Promise<void> {
  const from = plot.canvas();
  const k = devicePixelRatio;
  const css = getComputedStyle(document.documentElement);
  const c = document.createElement('canvas');
  const head = 54 * k;
  const row = 24 * k;
  c.width = from.width;
  c.height = from.height + head + row * spec.pens.length + 12 * k;
  const g = c.getContext('2d');
  if (!g) return;
  g.fillStyle = css.getPropertyValue('--surface');
  g.fillRect(0, 0, c.width, c.height);
  g.fillStyle = css.getPropertyValue('--ink');
  g.font = `600 ${16 * k}px system-ui, sans-serif`;
  g.fillText(`${hello.peek()?.site ?? ''} · ${spec.title}`, 12 * k, 22 * k);
  g.font = `${14 * k}px system-ui, sans-serif`;
  const { from: a, to: b } = plot.window;
  g.fillText(`${formatTime(a, 'datetime')} to ${formatTime(b, 'datetime')}`, 12 * k, 42 * k);
  g.drawImage(from, 0, head);
  spec.pens.forEach((p, i) => {
    const y = head + from.height + row * (i + 0.7);
    g.fillStyle = plot.colour(i);
    g.fillRect(12 * k, y - 6 * k, 22 * k, 3 * k);
    g.fillStyle = css.getPropertyValue('--ink');
    g.fillText(`${p.label}${p.units ? `, ${p.units}` : ''}`, 44 * k, y);
  });
  const blob = await new Promise<Blob | null>((done) => c.toBlob(done, 'image/png'));
  if (blob) save(blob, name);
}
