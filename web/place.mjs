// Puts a folder of files in its place at once: whoever reads there meanwhile finds the old ones or the new ones.
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Two builds that end in the same moment take each other's folder away; nobody has ten. */
const ROUNDS = 10;

/**
 * `fill` writes the files into the empty folder it is given, which then takes the place of `folder`. When it throws, `folder`
 * stays as it was. `scratch` is on the same file system, and no name in it is one that builds read.
 */
export function place(folder, scratch, fill) {
  mkdirSync(scratch, { recursive: true });
  const work = mkdtempSync(join(scratch, 'place-'));
  const fresh = join(work, 'new');
  try {
    mkdirSync(fresh);
    fill(fresh);
    exchange(fresh, folder, (round) => join(work, `old-${round}`));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

// Node can't exchange two folders in one call: between these two there is none, for some microseconds.
function exchange(fresh, folder, old) {
  for (let round = 1; ; round++) {
    unless(['ENOENT'], () => renameSync(folder, old(round)));
    if (unless(round < ROUNDS ? ['ENOTEMPTY', 'EEXIST'] : [], () => renameSync(fresh, folder))) return;
  }
}

/** True when it was done, false when it failed with one of these codes. */
function unless(codes, done) {
  try {
    done();
    return true;
  } catch (error) {
    if (codes.includes(error.code)) return false;
    throw error;
  }
}
