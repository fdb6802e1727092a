// A tag that is no curve: what it held lately, a row for each record, the newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { DASH, formatMoment, formatValue } from '../format';
import { history } from '../link/gateway';
import { askRecords, type Kept } from '../link/records';
import type { Reading, TagDef, Value } from '../link/speak';
import type { TagState } from '../link/tags';
import { gatewayTime, link } from '../state';

/** Enough to see a course in, few enough to be read out. */
const ROWS = 20;
/** While it is looked at, what came meanwhile is asked for at most so often, and only if something came. */
const AGAIN_MS = 5000;
const since = (r: Reading) => (r.quality === 'good' ? r.at : r.since);

export function Records({ tag }: { tag: TagState }) {
  const { def } = tag;
  const rows = useSignal<Kept[] | null>(null);
  const live = link.value.is === 'live';
  useEffect(() => {
    if (!live) return;
    const stop = new AbortController();
    let told = NaN;
    const ask = () => {
      const seen = since(tag.reading.peek());
      if (seen === told) return;
      told = seen;
      askRecords(history, def.name, gatewayTime(), ROWS, stop.signal)
        .then((found) => (rows.value = found))
        .catch(() => (told = NaN)); // no connection: the pill says so, and what was told stays
    };
    ask();
    const timer = setInterval(ask, AGAIN_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [def.name, live]);
  if (!rows.value) return null;
  if (rows.value.length === 0) return <p class="quiet">recorded, but there is nothing yet</p>;
  return (
    <div class="table records">
      <table data-testid="records">
        <caption class="sr">What {def.desc} held</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Value</th>
            <th scope="col">Quality</th>
          </tr>
        </thead>
        <tbody>
          {rows.value.map((r) => (
            <tr key={r.at}>
              <th scope="row">{formatMoment(r.at, gatewayTime(), 's')}</th>
              <td>{words(def, r.value)}</td>
              <td>{r.quality}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function words(def: TagDef, v: Value): string {
  if (v === null) return DASH;
  return typeof v === 'object' ? JSON.stringify(v) : formatValue(def, v).text;
}
