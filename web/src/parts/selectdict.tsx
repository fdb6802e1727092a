// Cells of one dict tag: tap picks, a drag picks a run, locked cells stay; one action sets all that are picked.

import { useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { formatNumber, remark } from '../format';
import { writes } from '../link/gateway';
import type { Item, TagDef } from '../link/speak';
import type { TagState } from '../link/tags';
import { closeSheet, openSheet } from '../route';
import { gatewayNow, say, type DictOpts } from '../state';
import { cellsOf, optsOf, withPicked, type Cell } from './cells';
import { Icon } from './icon';
import { Editor } from './enter/editor';
import { SheetFrame } from './sheet';
import { Mark, outcomeWords } from './value';

function cellText(c: Cell, o: DictOpts): string {
  if (typeof c.value !== 'number') return c.value === null ? '—' : String(c.value);
  if (o.multi) return o.multi[c.value] ?? `state ${c.value}?`;
  return formatNumber(c.value, o.dp ?? 2);
}

export function SelectDict({ tag, item }: { tag: TagState; item: Item }) {
  const { def, reading } = tag;
  const opts = optsOf(item);
  const picked = useSignal<ReadonlySet<number>>(new Set());
  const run = useRef<{ from: number; last: number; on: boolean; before: ReadonlySet<number> } | null>(null);
  const moved = useRef(false);
  const r = reading.value;
  const cells = r.quality === 'missing' ? null : cellsOf(r.value);
  const outcome = writes.of(def.name).value;
  const note = useComputed(() => remark(reading.value, gatewayNow()));
  const at = (e: PointerEvent): number | null => {
    const el = document.elementFromPoint(e.clientX, e.clientY)?.closest<HTMLElement>('[data-cell]');
    return el && e.currentTarget instanceof Node && e.currentTarget.contains(el) ? Number(el.dataset['cell']) : null;
  };
  const spread = (to: number) => {
    const d = run.current;
    if (!d || !cells) return;
    const next = new Set(d.before);
    for (let i = Math.min(d.from, to); i <= Math.max(d.from, to); i += 1) {
      if (cells[i]?.locked) continue;
      if (d.on) next.add(i);
      else next.delete(i);
    }
    picked.value = next;
  };
  const count = picked.value.size;
  return (
    <section class="dict full" data-tag={def.name} data-quality={r.quality} data-outcome={outcome?.state} data-testid="selectdict">
      <h3>{def.desc}</h3>
      <p class="note" aria-live="off">
        <Mark kind={outcome ? outcome.state : r.quality} />
        <span data-testid="note">{outcome ? dictWords(def, outcome) : note}</span>
      </p>
      {cells ? (
        <div
          class="cells"
          role="group"
          aria-label={def.desc}
          onPointerDown={(e) => {
            const i = at(e);
            if (i === null || e.button !== 0 || cells[i]?.locked) return;
            run.current = { from: i, last: i, on: !picked.peek().has(i), before: picked.peek() };
            moved.current = false;
          }}
          onPointerMove={(e) => {
            const d = run.current;
            const i = d ? at(e) : null;
            if (!d || i === null || i === d.last) return;
            d.last = i;
            moved.current = true;
            spread(i);
          }}
          onPointerUp={() => (run.current = null)}
          onPointerCancel={() => (run.current = null)}
          onPointerLeave={() => (run.current = null)}
        >
          {cells.map((c, i) => (
            <button
              key={i}
              type="button"
              class="cell"
              data-cell={i}
              aria-pressed={picked.value.has(i)}
              disabled={c.locked}
              onClick={() => {
                // A drag ends in a click on its last cell; the run is already picked.
                if (moved.current) {
                  moved.current = false;
                  return;
                }
                const next = new Set(picked.peek());
                if (!next.delete(i)) next.add(i);
                picked.value = next;
              }}
            >
              <span class="cell-label">
                {c.label}
                {c.locked ? <Icon name="lock" label="locked" /> : null}
              </span>
              <span class="cell-value">{cellText(c, opts)}</span>
            </button>
          ))}
        </div>
      ) : (
        <p class="empty">{r.quality === 'missing' ? r.why : 'this tag holds no cells'}</p>
      )}
      {count > 0 ? (
        <div class="actionbar" data-testid="actionbar">
          <span>{count} selected</span>
          <button type="button" class="ghost" onClick={() => (picked.value = new Set())}>
            Clear
          </button>
          <button
            type="button"
            class="solid"
            data-testid="set-selected"
            onClick={() =>
              openSheet({
                is: 'dict',
                tag: def.name,
                picked: [...picked.peek()].sort((a, b) => a - b),
                opts,
                done: () => (picked.value = new Set()),
              })
            }
          >
            Set…
          </button>
        </div>
      ) : null}
    </section>
  );
}

function dictWords(def: TagDef, o: Parameters<typeof outcomeWords>[1]): string {
  return o.state === 'sending' || o.state === 'sent' ? 'sent, waiting' : outcomeWords(def, o);
}

export function DictSheet({ tag, picked, opts, done }: { tag: TagState; picked: number[]; opts: DictOpts; done: () => void }) {
  const r = tag.reading.value;
  const v = r.quality === 'missing' ? undefined : r.value;
  const cells = cellsOf(v) ?? [];
  const names = picked.map((i) => cells[i]?.label ?? String(i));
  const first = cells[picked[0] ?? -1]?.value;
  const same = picked.every((i) => cells[i]?.value === first);
  const def: TagDef = {
    ...tag.def,
    kind: opts.multi ? 'int' : 'float',
    multi: opts.multi,
    min: opts.min,
    max: opts.max,
    dp: opts.dp,
    units: opts.units,
    format: null,
  };
  return (
    <SheetFrame title={`Set ${picked.length} of ${tag.def.desc}`} sub={names.length > 12 ? `${names.slice(0, 12).join(', ')} …` : names.join(', ')} testid="dict-sheet">
      <Editor
        def={def}
        present={same && typeof first === 'number' ? first : undefined}
        commit={(to) => {
          const next = withPicked(v, picked, to);
          if (next) writes.set(tag.def.name, next, Date.now());
          else say('nothing was set');
          done();
          closeSheet();
        }}
      />
    </SheetFrame>
  );
}
