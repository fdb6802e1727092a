// Everything about one tag: its value large, the last hour, and what is known of it.

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks';
import { decimals, formatAge, formatClock, formatNumber, formatValue } from '../format';
import { history as fetcher } from '../link/gateway';
import { askHistory } from '../link/history';
import { askSource, sourceWords, type Source } from '../link/source';
import type { TagDef } from '../link/speak';
import type { TagState } from '../link/tags';
import { Icon } from '../parts/icon';
import { Present } from '../parts/setpoint';
import { SheetFrame } from '../parts/sheet';
import { openSheet } from '../route';
import { limitWords } from '../setpoint';
import { gatewayNow, gatewayTime, link, plant, store } from '../state';
import { specOfTag } from '../trend/spec';
import { HOUR_MS } from '../trend/spans';
import { Records } from './records';
import { TrendOf } from './trend';

export function TagSheet({ tag }: { tag: TagState }) {
  const { def } = tag;
  useLayoutEffect(() => store.watch([def.name]), [def.name]);
  const numeric = (def.kind === 'int' || def.kind === 'float') && def.format === null;
  const spec = useMemo(() => specOfTag(def, HOUR_MS), [def]);
  const r = tag.reading.value;
  const source = useSource(def.name);
  const earlier = useDay(def, numeric && !def.multi);
  // What it has been since that was asked.
  const now = earlier && r.quality === 'good' && typeof r.value === 'number' ? r.value : null;
  const day = earlier && now !== null ? [Math.min(earlier[0], now), Math.max(earlier[1], now)] : earlier;
  const dp = decimals(def);
  const u = def.units ? ` ${def.units}` : '';
  return (
    <SheetFrame title={def.desc} sub={def.name} testid="tag-sheet" wide={numeric}>
      <div class="hero" data-testid="hero">
        <Present def={def} reading={r} />
        {def.set && (numeric || def.format || def.kind === 'str') ? (
          <button type="button" class="solid" data-testid="change" onClick={() => openSheet({ is: 'set', tag: def.name })}>
            Change…
          </button>
        ) : null}
      </div>
      {numeric ? <TrendOf spec={spec} bare /> : <Records tag={tag} />}
      {r.quality !== 'missing' && typeof r.value === 'object' && r.value !== null ? <pre class="json">{JSON.stringify(r.value, null, 1)}</pre> : null}
      <dl class="facts table">
        <Fact name="Tag">{def.name}</Fact>
        <Fact name="Quality">
          {r.quality === 'good' ? 'good' : `${r.quality}: ${r.why}, ${formatAge(r.since, gatewayNow())}`}
        </Fact>
        {r.quality === 'missing' ? null : (
          <Fact name="Read">
            {formatClock(r.at, gatewayTime())}, {formatAge(r.at, gatewayNow())}
            {gatewayNow() - r.at < 600_000 ? ' ago' : ''}
          </Fact>
        )}
        {source && sourceWords(source, (link.value.is === 'live' && plant.value?.devices) || []).map(([name, words]) => <Fact key={name} name={name}>{words}</Fact>)}
        {numeric && !def.multi ? <Fact name="Limits">{limitWords(def)}</Fact> : null}
        {day ? (
          <Fact name="Today">
            {formatNumber(day[0] ?? NaN, dp)} to {formatNumber(day[1] ?? NaN, dp)}
            {u}
          </Fact>
        ) : null}
        {def.multi ? <Fact name="States">{def.multi.join(' · ')}</Fact> : null}
        {def.deadband !== null ? (
          <Fact name="Deadband">
            {def.deadband}
            {u}
          </Fact>
        ) : null}
        {def.multi && r.quality !== 'missing' ? <Fact name="Number">{String(r.value)}</Fact> : null}
        {def.format && r.quality !== 'missing' ? <Fact name="Shown as">{`${def.format} of ${formatValue({ ...def, format: null, dp: 0 }, r.value).text} µs`}</Fact> : null}
      </dl>
    </SheetFrame>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Where it comes from: asked once per opening, and again while that isn't known when the link comes back. */
function useSource(tag: string): Source | null {
  const source = useSignal<Source | null>(null);
  const live = link.value.is === 'live';
  useEffect(() => {
    if (!live || source.peek()) return;
    const stop = new AbortController();
    askSource(tag, stop.signal)
      .then((s) => (source.value = s))
      .catch(() => undefined); // the lines are left out; the pill says that there is no connection
    return () => stop.abort();
  }, [tag, live]);
  return source.value;
}

/** Today's lowest and highest, asked once per opening and again when the link comes back. */
function useDay(def: TagDef, wanted: boolean): [number, number] | null {
  const day = useSignal<[number, number] | null>(null);
  const live = link.value.is === 'live';
  useEffect(() => {
    if (!wanted || !live) return;
    const stop = new AbortController();
    const now = gatewayTime();
    const midnight = new Date(now).setHours(0, 0, 0, 0);
    askHistory(fetcher, [def.name], midnight, now, 1, stop.signal)
      .then(({ series: [s] }) => {
        if (!s) return;
        let [lo, hi] = [Infinity, -Infinity];
        s.last.forEach((_, i) => {
          const [a, b] = [s.min[i] ?? NaN, s.max[i] ?? NaN];
          if (a < lo) lo = a;
          if (b > hi) hi = b;
        });
        if (lo <= hi) day.value = [lo, hi];
      })
      .catch(() => undefined); // the line is left out; the trend above says why there is no history
    return () => stop.abort();
  }, [def.name, live]);
  return day.value;
}

export function NoTag({ name }: { name: string }) {
  return (
    <SheetFrame title={name} testid="tag-sheet">
      <p class="empty">
        <Icon name="unknown" /> No page of this site mentions a tag of this name.
      </p>
    </SheetFrame>
  );
}
