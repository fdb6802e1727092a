// Builds the page: dist/ is a folder that the gateway serves, checked against its manifest.json.
//   node build.mjs          the page
//   node build.mjs --demo   the page with a gateway inside it, in node_modules/.cache/, never in dist/
//   node build.mjs --tests  the tests, for node's own runner
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const src = (p) => join(here, 'src', p);
const demo = process.argv.includes('--demo');
/** The whole page with the trend, as sent with brotli. */
const BUDGET_BYTES = 60_000;

const common = { bundle: true, target: 'es2022', jsx: 'automatic', jsxImportSource: 'preact', define: { FAKE: String(demo) }, logLevel: 'warning' };

if (process.argv.includes('--tests')) {
  const out = join(here, 'node_modules/.cache/forebay-test');
  rmSync(out, { recursive: true, force: true });
  const entryPoints = readdirSync(join(here, 'test')).filter((f) => f.endsWith('.test.ts')).map((f) => join(here, 'test', f));
  const define = { FAKE: 'false', GOLDEN: JSON.stringify(join(here, '../tests/golden/page')), WEB: JSON.stringify(here) };
  await build({ ...common, define, entryPoints, outdir: out, outExtension: { '.js': '.mjs' }, platform: 'node', format: 'esm', sourcemap: 'inline' });
  process.exit(0);
}

const out = demo ? join(here, 'node_modules/.cache/forebay-demo') : join(here, 'dist');
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'assets'), { recursive: true });
const hash = (bytes, kind = 'sha256') => createHash(kind).update(bytes).digest('hex');
const put = (name, bytes) => {
  writeFileSync(join(out, name), bytes);
  writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
};

const { outputFiles, metafile } = await build({
  ...common,
  entryPoints: { page: src('main.tsx'), theme: src('theme.css'), ...(demo ? {} : { early: src('early.ts') }) },
  outdir: join(out, 'assets'),
  format: 'esm',
  splitting: true,
  minify: true,
  write: false,
  metafile: true,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
});
for (const f of outputFiles) put(`assets/${basename(f.path)}`, f.contents);
const named = (start, end) => outputFiles.map((f) => basename(f.path)).find((n) => n.startsWith(start) && n.endsWith(end));
// What the entry imports at once is named in the page, so that it is not found one round trip later.
const entry = Object.entries(metafile.outputs).find(([, o]) => o.entryPoint?.endsWith('main.tsx'))[1];
const preload = entry.imports.filter((i) => i.kind === 'import-statement').map((i) => `<link rel="modulepreload" href="/assets/${basename(i.path)}">`).join('');
const icon = readFileSync(src('icon.svg'));
const iconName = `icon-${hash(icon).slice(0, 8)}.svg`;
put(`assets/${iconName}`, icon);
const html = readFileSync(src('index.html'), 'utf8').replace('{{css}}', named('theme', '.css')).replace('{{js}}', named('page', '.js')).replace('{{icon}}', iconName).replace('{{preload}}', preload).replace('{{early}}', demo ? '' : `<script async src="/assets/${named('early', '.js')}"></script>`).replace(/>\s+</g, '><');
put('index.html', Buffer.from(html));

const files = {};
for (const n of ['index.html', ...readdirSync(join(out, 'assets')).map((n) => `assets/${n}`)].flatMap((n) => (n === 'index.html' ? [n, `${n}.br`, `${n}.gz`] : [n])).sort()) {
  const bytes = readFileSync(join(out, n));
  files[n] = { bytes: bytes.length, sha256: hash(bytes) };
}
writeFileSync(join(out, 'manifest.json'), `${JSON.stringify({ version: 1, files }, null, 1)}\n`);

let [raw, gz, br] = [0, 0, 0];
for (const n of Object.keys(files).filter((n) => !/\.(br|gz)$/.test(n))) {
  const size = (x) => files[n + x]?.bytes ?? 0;
  console.log(`${String(size('')).padStart(8)} ${String(size('.gz')).padStart(7)} gz ${String(size('.br')).padStart(7)} br  ${n}`);
  [raw, gz, br] = [raw + size(''), gz + size('.gz'), br + size('.br')];
}
console.log(`${String(raw).padStart(8)} ${String(gz).padStart(7)} gz ${String(br).padStart(7)} br  the whole page${demo ? ' with the demo' : ''}`);
if (!demo && br > BUDGET_BYTES) {
  console.error(`over the budget of ${BUDGET_BYTES} bytes as sent`);
  process.exit(1);
}
