// What every way of entering a value has: its parts, and the one big button.

import type { TagDef, Value } from '../../link/speak';
import { verb, type Checked } from '../../setpoint';
import { link } from '../../state';

export interface EditorProps {
  def: TagDef;
  present: Value | undefined;
  commit: (v: Value) => void;
}

/** The one big button. It says what will be done, or why nothing can be. */
export function Submit({ def, checked, commit }: { def: TagDef; checked: Checked; commit: (v: Value) => void }) {
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
