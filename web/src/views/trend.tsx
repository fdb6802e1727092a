// A trend with its chips and legend. The plot itself is fetched after the first values are drawn.

import { effect, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { formatClock, formatMoment } from '../format';
import { history as fetcher } from '../link/gateway';
import { askHistory, NoHistory } from '../link/history';
import { askPast, past, salvaged, uncertainIn } from '../link/past';
import type { Item } from '../link/speak';
import { Icon } from '../parts/icon';
import { drawn, gatewayTime, link, painted, store } from '../state';
import type { Plot, PlotState } from '../trend/plot';
import { CHIPS } from '../trend/spans';
import { parseSpec, type Spec } from '../trend/spec';
import { LegendRow } from './legend';
import { Actions } from './share';

/** The file with the trend's code. */
declare const PLOT: string;
const fetchPlot = () => import(PLOT) as Promise<typeof import('../trend/plot')>;

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
      void painting().then(fetchPlot).then(({ Plot }) => {
        if (gone || !host.current || plot.current) return;
        const p = new Plot(host.current, spec, {
          ask: (...q) => askHistory(fetcher, ...q),
          why,
          now: gatewayTime,
          live: () => link.peek().is === 'live',
          since: () => past.peek()?.oldest_ms ?? null,
          reading: (i) => store.get(spec.pens[i]?.tag ?? '')?.reading.peek(),
          changed: (s) => {
            state.value = s;
            void askPast();
          },
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
            if (is === 'live' && was !== 'live') {
              void p.reload();
              void askPast(true);
            }
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
  // What isn't over has no end to name.
  const isUnsure = s?.following && past.value?.clock_uncertain;
  const unsure = !isUnsure && s && uncertainIn(past.value, s.from, s.to);
  const failing = past.value?.failing;
  const wreck = past.value?.salvage;
  const damage = s && wreck && s.from < wreck.at_ms && wreck.at_ms < s.to ? wreck : null;
  const p = ready.value > 0 ? plot.current : null;
  const span = (ms: number) => {
    chip.value = ms;
    picking.value = false;
    p?.live(ms);
  };
  return (
    <section class={bare ? 'trend full bare' : 'trend full'} data-legend={spec.legend} data-testid="trend-item" aria-label={spec.title}>
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
      <div class="plot-legend">
        <div class="plot-box">
          <div class="plot" data-testid="trend" ref={host} style={spec.height === null ? {} : { height: `min(${spec.height}px, 90dvh)`, minHeight: 0 }} />
          {s?.words || !s ? (
            <p class="plot-words" data-testid="trend-words" data-beside={s?.points ? 'yes' : undefined}>
              {s?.words ?? 'loading…'}
            </p>
          ) : null}
          {s && !s.following ? (
            <button type="button" class="to-live" data-testid="to-live" onClick={() => p?.live()}>
              <Icon name="live" /> live
            </button>
          ) : null}
          {spec.time === 'none' ? null : (
            <p class="cursor-time" data-pos={spec.time} data-testid="cursor-time">
              {s ? (s.cursor !== null ? formatMoment(s.cursor, gatewayTime(), spec.timeRes) : s.following ? 'now' : between(s.from, s.to)) : ' '}
            </p>
          )}
        </div>
        {spec.legend === 'none' ? null : (
          <div class="legend">{spec.pens.map((pen, i) => (pen.legend ? <LegendRow key={i} pen={pen} index={i} plot={p} state={s} spec={spec} /> : null))}</div>
        )}
      </div>
      {failing ? (
        <p class="remark warn" data-testid="failing">
          <Icon name="cross" /> recording stopped: {failing}
        </p>
      ) : null}
      {damage ? (
        <p class="remark" data-testid="damage">
          <Icon name="cross" /> the history was found damaged at {formatClock(damage.at_ms, gatewayTime())}: {salvaged(damage)}
        </p>
      ) : null}
      {unsure || isUnsure ? (
        <p class="remark" data-testid="unsure">
          <Icon name="clock" /> time uncertain
          {unsure ? ` from ${between(...unsure)}` : ''}: the gateway's clock {unsure ? 'was' : 'is'} not known to be right
        </p>
      ) : null}
      {spec.pens.length === 0 ? <p class="empty">this trend names no tags</p> : null}
      <Actions spec={spec} plot={p} bare={bare} />
    </section>
  );
}

/** A span in words; the day of its end only where it is another one. */
const between = (from: number, to: number) => `${formatClock(from, gatewayTime())} to ${formatClock(to, from)}`;

/** When what was just said is on the screen. */
const painting = () => new Promise<void>((done) => requestAnimationFrame(() => setTimeout(done)));

function why(e: unknown): string {
  if (e instanceof NoHistory) return e.message;
  console.warn(e);
  return 'the trend could not be read';
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

