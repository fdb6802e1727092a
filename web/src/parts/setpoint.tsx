// The sheet in which a value is set: what it is now, what is allowed, one big button that says what will be done.

import { useEffect } from 'preact/hooks';
import { formatValue, remark } from '../format';
import { writes } from '../link/gateway';
import type { Reading, TagDef, Value } from '../link/speak';
import type { TagState } from '../link/tags';
import { closeSheet, openSheet } from '../route';
import { limitWords } from '../setpoint';
import { gatewayNow } from '../state';
import { Editor } from './enter/editor';
import { Icon } from './icon';
import { SheetFrame } from './sheet';
import { Mark, outcomeWords } from './value';

export function SetSheet({ tag }: { tag: TagState }) {
  const { def } = tag;
  useEffect(() => {
    const seen = writes.of(def.name).peek()?.id;
    return () => {
      if (seen !== undefined) writes.dismiss(def.name, seen);
    };
  }, [def.name]);
  const last = writes.of(def.name).value;
  return (
    <SheetFrame title={def.desc} sub={def.name} testid="setpoint-sheet">
      <dl class="facts">
        <div>
          <dt>Now</dt>
          <dd>
            <Present def={def} reading={tag.reading.value} />
          </dd>
        </div>
        {def.multi || def.format || def.kind === 'str' ? null : (
          <div>
            <dt>Limits</dt>
            <dd>{limitWords(def)}</dd>
          </div>
        )}
        {last && last.state !== 'confirmed' && last.state !== 'stored' ? (
          <div class="bad">
            <dt>Last write</dt>
            <dd data-testid="last-outcome">
              <Mark kind={last.state} /> {outcomeWords(def, last)}
            </dd>
          </div>
        ) : null}
      </dl>
      <Editor def={def} present={present(tag)} commit={(v) => (writes.set(def.name, v, Date.now()), closeSheet())} />
      <button type="button" class="ghost" data-testid="open-detail" onClick={() => openSheet({ is: 'tag', tag: def.name })}>
        <Icon name="chart" /> Trend and details
      </button>
    </SheetFrame>
  );
}

function present(tag: TagState): Value | undefined {
  const r = tag.reading.peek();
  return r.quality === 'missing' ? undefined : r.value;
}

export function Present({ def, reading }: { def: TagDef; reading: Reading }) {
  const note = remark(reading, gatewayNow());
  const s = reading.quality === 'missing' ? null : formatValue(def, reading.value);
  return (
    <span class="present" data-quality={reading.quality}>
      <b>{s ? s.text : '—'}</b>
      {s?.units ? ` ${s.units}` : ''}
      {note ? (
        <small>
          <Mark kind={reading.quality} /> {note}
        </small>
      ) : null}
    </span>
  );
}
