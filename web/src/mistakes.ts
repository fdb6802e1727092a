// Findings in words.

import type { Finding, Mistakes } from './link/speak';

/** `tags.yaml:2:9`; a file as a whole has no line; empty when there is no place. */
export function findingPlace(f: Finding): string {
  return f.file && f.line > 0 ? `${f.file}:${f.line}:${f.column}` : f.file;
}

/** What is the matter and what runs, in one line. */
export function mistakesTitle(m: Mistakes): string {
  if (m.runs === 'none') return 'There is no good site on this box';
  const n = m.findings.filter((f) => f.severity === 'error').length;
  return `The site on this box has ${n === 1 ? 'a mistake' : `${n} mistakes`}; the last good one is running`;
}
