import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { place } from '../place.mjs';

const NAMES = ['index.html', 'manifest.json'];
const read = (folder) => readdirSync(folder).sort().map((name) => `${name}=${readFileSync(join(folder, name), 'utf8')}`);
const page = (build) => NAMES.map((name) => `${name}=${build}`);
const write = (build) => (folder) => NAMES.forEach((name) => writeFileSync(join(folder, name), build));

/** Gives the test a folder for a page, and a scratch folder that must be empty afterwards. */
function inFolder(play) {
  const work = mkdtempSync(join(tmpdir(), 'forebay-place-'));
  const [dist, scratch] = [join(work, 'dist'), join(work, 'scratch')];
  try {
    play(dist, scratch);
    assert.deepEqual(readdirSync(scratch), [], 'left behind');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

test('while a page is built, the old one is there whole; then the new one, and nothing of the old', () => {
  inFolder((dist, scratch) => {
    place(dist, scratch, (folder) => {
      write('one')(folder);
      writeFileSync(join(folder, 'only-in-one.js'), 'one');
      assert.ok(!existsSync(dist), 'half a page is no page');
    });
    const one = read(dist);
    assert.equal(one.length, 3);
    place(dist, scratch, (folder) => {
      for (const name of NAMES) {
        writeFileSync(join(folder, name), 'two');
        assert.deepEqual(read(dist), one, `${name} is written`);
      }
    });
    assert.deepEqual(read(dist), page('two'));
  });
});

test('a build that fails leaves the old page as it was', () => {
  inFolder((dist, scratch) => {
    place(dist, scratch, write('one'));
    const fails = (folder) => {
      writeFileSync(join(folder, NAMES[0]), 'two');
      throw new Error('no space left');
    };
    assert.throws(() => place(dist, scratch, fails), /no space left/);
    assert.deepEqual(read(dist), page('one'));
  });
});

test('two builds that end in the same moment leave one of the two pages', () => {
  inFolder((dist, scratch) => {
    place(dist, scratch, (folder) => {
      write('one')(folder);
      // The other one ends just before this one does.
      place(dist, scratch, write('two'));
      assert.deepEqual(read(dist), page('two'));
    });
    assert.deepEqual(read(dist), page('one'));
  });
});
