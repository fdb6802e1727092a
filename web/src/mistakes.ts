// Findings in words.

import type { Finding, Mistakes } from './link/speak';

/** `tags.yaml:2:9`; a file as a whole has no line; empty when there is no place. */
export function findingPlace(f: Finding): string {
  return f.file && f.line > 0 ? `${f.file}:${f.line}:${f.column}` : f.file;
}

/** What stands for a file's name where a finding is about the box and not about its site. */
const OF_THE_BOX = 'data partition';

/** What is the matter and what runs, in one line. */
export function mistakesTitle(m: Mistakes): string {
  if (m.runs === 'none') return 'There is no good site on this box';
  const errors = m.findings.filter((f) => f.severity === 'error');
  const n = errors.filter((f) => f.file !== OF_THE_BOX).length;
  if (n === 0 && errors.length > 0) return 'This box has a fault; its site is running';
  return `The site on this box has ${n === 1 ? 'a mistake' : `${n} mistakes`}; the last good one is running`;
}
