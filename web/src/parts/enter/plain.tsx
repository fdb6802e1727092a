// Times, dates and texts: the browser's own fields.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { fromPicker, toPicker } from '../../setpoint';
import { gatewayTime, link } from '../../state';
import { Submit, type EditorProps } from './submit';

export function Picker({ def, present, commit }: EditorProps) {
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

export function Words({ def, present, commit }: EditorProps) {
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
