import { Keypad } from './keypad';
import { Picker, Words } from './plain';
import { States } from './states';
import type { EditorProps } from './submit';

/** The right way to enter this kind of value. */
export function Editor({ def, present, commit }: EditorProps) {
  if (def.multi) return <States words={def.multi} def={def} present={present} commit={commit} />;
  if (def.format) return <Picker def={def} present={present} commit={commit} />;
  if (def.kind === 'str') return <Words def={def} present={present} commit={commit} />;
  if (def.kind === 'int' || def.kind === 'float') return <Keypad def={def} present={present} commit={commit} />;
  return <p class="quiet">A {def.kind} value cannot be set from here.</p>;
}
