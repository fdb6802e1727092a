import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

declare const GOLDEN: string;
declare const WEB: string;

/** A message as tests/golden/page/ has it, as text. */
export const golden = (name: string) => readFileSync(join(GOLDEN, name), 'utf8');
export const goldenBytes = (name: string): ArrayBuffer => {
  const b = readFileSync(join(GOLDEN, name));
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength) as ArrayBuffer;
};
export const goldenNames = () => readdirSync(GOLDEN).sort();
/** A file of web/. */
export const source = (name: string) => readFileSync(join(WEB, name), 'utf8');
