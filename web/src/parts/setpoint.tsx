// The sheet in which a value is set: what it is now, what is allowed, one big button that says what will be done.

import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { decimals, formatNumber, formatValue, stateName } from '../format';
import { writes } from '../link/gateway';
import type { Reading, TagDef, Value } from '../link/speak';
import type { TagState } from '../link/tags';
import { closeSheet, openSheet } from '../route';
import { checkNumber, fromPicker, limitWords, plain, stepOf, stepped, toPicker, verb, type Checked } from '../setpoint';
import { gatewayNow, gatewayTime, link } from '../state';
import { remark } from '../format';
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

/** The right way to enter this kind of value. */
export function Editor({ def, present, commit }: { def: TagDef; present: Value | undefined; commit: (v: Value) => void }) {
  if (def.multi) return <States words={def.multi} def={def} present={present} commit={commit} />;
  if (def.format) return <Picker def={def} present={present} commit={commit} />;
  if (def.kind === 'str') return <Words def={def} present={present} commit={commit} />;
  if (def.kind === 'int' || def.kind === 'float') return <Keypad def={def} present={present} commit={commit} />;
  return <p class="quiet">A {def.kind} value cannot be set from here.</p>;
}

interface EditorProps {
  def: TagDef;
  present: Value | undefined;
  commit: (v: Value) => void;
}

/** The one big button. It says what will be done, or why nothing can be. */
function Submit({ def, checked, commit }: { def: TagDef; checked: Checked; commit: (v: Value) => void }) {
  const live = link.value.is === 'live';
  const why = !live ? 'No connection: nothing can be set now' : checked.ok ? null : checked.why;
  return (
    <div class="submit">
      <p class="why" aria-live="polite" data-testid="why">
        {why}
      </p>
      <button
        type="button"
        class="big"
        data-testid="submit"
        disabled={why !== null}
        onClick={() => {
          if (checked.ok) commit(checked.value);
        }}
      >
        {checked.ok ? verb(def, checked.value) : 'Set'}
      </button>
    </div>
  );
}

const KEYS = ['7', '8', '9', '4', '5', '6', '1', '2', '3', '±', '0', '.'] as const;

function Keypad({ def, present, commit }: EditorProps) {
  const start = typeof present === 'number' ? plain(present, decimals(def)) : typeof present === 'bigint' ? String(present) : '';
  const text = useSignal(start);
  // The first key replaces what was there; a step starts from it.
  const fresh = useSignal(true);
  const input = useRef<HTMLInputElement>(null);
  const step = stepOf(def);
  const checked = useComputed(() => checkNumber(def, text.value));
  const big = def.kind === 'int' && typeof present === 'bigint';
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);
  const put = (next: string) => {
    text.value = next;
    fresh.value = false;
  };
  const key = (k: string) => {
    const was = fresh.peek() ? '' : text.peek();
    if (k === '±') return put(text.peek().startsWith('-') ? text.peek().slice(1) : `-${text.peek()}`);
    if (k === '.') return put(was.includes('.') ? was : `${was === '' || was === '-' ? `${was}0` : was}.`);
    put(was.length < 20 ? was + k : was);
  };
  const by = (d: number) => put(stepped(def, text.peek(), d));
  const stepWords = formatNumber(step, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  const whole = def.kind === 'int';
  const signed = def.min === null || def.min < 0;
  return (
    <div class="keypad" data-testid="keypad">
      <div class="entry" data-fresh={fresh.value ? 'yes' : 'no'}>
        <input
          ref={input}
          data-testid="entry"
          inputMode="none"
          autocomplete="off"
          enterKeyHint="done"
          aria-label={`New value${def.units ? `, ${def.units}` : ''}`}
          value={text.value}
          onInput={(e) => put(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key === 'Enter' && checked.peek().ok && link.peek().is === 'live') {
              const c = checked.peek();
              if (c.ok) commit(c.value);
            } else if (e.key === 'ArrowUp') by(step);
            else if (e.key === 'ArrowDown') by(-step);
            else return;
            e.preventDefault();
          }}
        />
        <span class="u">{def.units}</span>
      </div>
      <div class="keys">
        <div class="digits">
          {KEYS.map((k) => (
            <button
              key={k}
              type="button"
              class="key"
              data-key={k}
              disabled={(k === '.' && whole) || (k === '±' && !signed)}
              aria-label={k === '±' ? 'change sign' : k === '.' ? 'decimal point' : k}
              onClick={() => key(k)}
            >
              {k}
            </button>
          ))}
        </div>
        <div class="side">
          <button type="button" class="key" data-key="back" aria-label="erase last digit" onClick={() => put(fresh.peek() ? '' : text.peek().slice(0, -1))}>
            <Icon name="erase" />
          </button>
          <button type="button" class="key" data-key="clear" aria-label="clear" onClick={() => put('')}>
            C
          </button>
          <button type="button" class="key step" data-key="up" disabled={big} aria-label={`up by ${stepWords}`} onClick={() => by(step)}>
            +{stepWords}
          </button>
          <button type="button" class="key step" data-key="down" disabled={big} aria-label={`down by ${stepWords}`} onClick={() => by(-step)}>
            −{stepWords}
          </button>
        </div>
      </div>
      <Submit def={def} checked={checked.value} commit={commit} />
    </div>
  );
}

/** Opened at the present state, so that pressing Set without a choice changes nothing. */
function States({ words, def, present, commit }: EditorProps & { words: string[] }) {
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

function Picker({ def, present, commit }: EditorProps) {
  const how = def.format ?? 'datetime';
  const us = typeof present === 'number' ? present : typeof present === 'bigint' ? Number(present) : null;
  const text = useSignal(us === null ? '' : toPicker(us, how));
  const type = ({ time: 'time', date: 'date', datetime: 'datetime-local' } as const)[how];
  return (
    <div class="picker" data-testid="picker">
      <input
        data-testid="entry"
        type={type}
        step={how === 'date' ? undefined : 1}
        aria-label="New value"
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
      />
      {how === 'date' ? null : (
        <div class="quick">
          <button type="button" class="ghost" onClick={() => (text.value = toPicker(gatewayTime() * 1000, how))}>
            Now
          </button>
        </div>
      )}
      <Submit def={def} checked={fromPicker(text.value, how, us, gatewayTime())} commit={commit} />
    </div>
  );
}

function Words({ def, present, commit }: EditorProps) {
  const text = useSignal(typeof present === 'string' ? present : '');
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  return (
    <form
      class="words"
      data-testid="words"
      onSubmit={(e) => {
        e.preventDefault();
        if (link.peek().is === 'live') commit(text.peek());
      }}
    >
      <input
        ref={input}
        data-testid="entry"
        type="text"
        autocomplete="off"
        aria-label="New text"
        value={text.value}
        onInput={(e) => (text.value = e.currentTarget.value)}
      />
      <Submit def={def} checked={{ ok: true, value: text.value }} commit={commit} />
    </form>
  );
}
