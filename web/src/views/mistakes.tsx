// What is wrong with the site of this box, in the words of `forebay take-site`, above whatever the page shows meanwhile.

import { findingPlace, mistakesTitle } from '../mistakes';
import { hello } from '../state';

/** With the last good site running it is one line, and the list for whoever can mend it. */
export function Mistakes() {
  const m = hello.value?.mistakes;
  if (!m) return null;
  return (
    <details class="notice" data-testid="mistakes" open={m.runs === 'none'}>
      <summary>
        <span role="alert">{mistakesTitle(m)}</span>
      </summary>
      {m.findings.map((f, i) => (
        <p key={i} data-severity={f.severity}>
          <code>{findingPlace(f)}</code> {f.text}
        </p>
      ))}
      <p>Mend them, then start the box again.</p>
    </details>
  );
}
