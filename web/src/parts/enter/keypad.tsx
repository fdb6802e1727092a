// A number: a keypad for decimals and sign, steps up and down, a keyboard where there is one.

import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { decimals, formatNumber } from '../../format';
import { checkNumber, plain, stepOf, stepped } from '../../setpoint';
import { link } from '../../state';
import { Icon } from '../icon';
import { Submit, type EditorProps } from './submit';

const KEYS = ['7', '8', '9', '4', '5', '6', '1', '2', '3', '±', '0', '.'] as const;

export function Keypad({ def, present, commit }: EditorProps) {
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
