// A row with a value. Made once; afterwards only its text nodes and marks change.

import { useComputed, useSignalEffect } from '@preact/signals';
import { decimals, DASH, formatNumber, formatValue, outOfRange, remark, widthOf } from '../format';
import { openSheet } from '../route';
import { say, gatewayNow, tick } from '../state';
import type { TagState } from '../link/tags';
import { writes } from '../link/gateway';
import { isFinal, type Outcome } from '../link/writes';
import type { TagDef } from '../link/speak';
import { Icon } from './icon';

/** A tick is news for this long. */
const TICK_MS = 1500;

export function ValueRow({ tag, settable }: { tag: TagState; settable: boolean }) {
  const { def, reading } = tag;
  const outcome = writes.of(def.name);
  const text = useComputed(() => {
    const r = reading.value;
    return r.quality === 'missing' ? DASH : formatValue(def, r.value).text;
  });
  const units = useComputed(() => {
    const r = reading.value;
    return r.quality === 'missing' ? '' : formatValue(def, r.value).units;
  });
  const quality = useComputed(() => reading.value.quality);
  const range = useComputed(() => {
    const r = reading.value;
    return r.quality === 'missing' ? null : outOfRange(def, r.value);
  });
  // A tick must not hide that the value is not good.
  const news = useComputed(() => (outcome.value && !passed(outcome.value) && !(isDone(outcome.value) && reading.value.quality !== 'good') ? outcome.value : null));
  const note = useComputed(() => {
    const r = reading.value;
    if (news.value) return outcomeWords(def, news.value);
    if (r.quality !== 'good') return remark(r, gatewayNow());
    return range.value;
  });
  const kind = useComputed(() => {
    const o = news.value;
    if (o) return o.state;
    return range.value && reading.value.quality === 'good' ? 'range' : quality.value;
  });
  const state = useComputed(() => outcome.value?.state);
  useSignalEffect(() => {
    const o = outcome.value;
    if (settable && o && isFinal(o.state)) say(`${def.desc}: ${outcomeWords(def, o)}`);
  });
  return (
    <button
      type="button"
      class={settable ? 'row set' : 'row'}
      data-tag={def.name}
      data-quality={quality}
      data-outcome={state}
      data-mark={kind}
      data-kind={def.multi ? 'multi' : def.kind}
      data-format={def.format ?? undefined}
      data-testid={settable ? 'setpoint' : 'value'}
      onClick={() => openSheet(settable ? { is: 'set', tag: def.name } : { is: 'tag', tag: def.name })}
    >
      <span class="label">
        <span class="name">{def.desc}</span>
        <span class="note">
          <Mark kind={kind.value} />
          <span data-testid="note">{note}</span>
        </span>
      </span>
      <span class="num">
        <span class="v" data-testid="v" style={{ minWidth: `${widthOf(def)}ch` }}>
          {text}
        </span>
        <span class="u">{units}</span>
      </span>
      <span class="under" aria-hidden="true" />
    </button>
  );
}

/** A confirmed or stored write is told briefly; everything else stays until it is seen. */
function passed(o: Outcome): boolean {
  return isDone(o) && tick.value - o.at > TICK_MS;
}

const isDone = (o: Outcome) => o.state === 'confirmed' || o.state === 'stored';

/** The outcome in a person's words. */
export function outcomeWords(def: TagDef, o: Outcome): string {
  const s = formatValue(def, o.asked);
  const units = s.units ? ` ${s.units}` : '';
  switch (o.state) {
    case 'sending':
    case 'sent':
      return `→ ${s.text}${units} sent, waiting`;
    case 'confirmed':
      return 'confirmed';
    case 'stored':
      return 'stored';
    case 'refused':
      return `refused: ${o.why ?? 'no reason given'}`;
    case 'mismatch': {
      const has = o.has === undefined ? 'something else' : typeof o.has === 'number' && !def.multi && !def.format ? formatNumber(o.has, decimals(def)) : formatValue(def, o.has).text;
      return `mismatch: plant has ${has}`;
    }
    case 'expired':
      return 'expired: not taken in time';
    case 'unknown':
      return `unknown: ${o.why ?? 'connection lost'}`;
  }
}

/** Never by colour alone: each state has its glyph. */
export function Mark({ kind }: { kind: string | undefined }) {
  switch (kind) {
    case 'held':
      return <Icon name="clock" />;
    case 'range':
      return <Icon name="bell" />;
    case 'confirmed':
    case 'stored':
      return <Icon name="tick" />;
    case 'refused':
    case 'mismatch':
    case 'expired':
      return <Icon name="cross" />;
    case 'unknown':
      return <Icon name="unknown" />;
    case 'sending':
    case 'sent':
      return <span class="spin" aria-hidden="true" />;
    default:
      return null;
  }
}
