// Builds the page: dist/ is a folder that the gateway serves, checked against its manifest.json. The old one stays until the new
// one is whole, and stays if there is none.
//   node build.mjs          the page
//   node build.mjs --demo   the page with a gateway inside it, in node_modules/.cache/, never in dist/
//   node build.mjs --tests  the tests, for node's own runner
//
// index.html holds the style and the few lines that open the socket; the page's code is a file beside it, fetched while the
// socket is still being opened. The trend's code is another, fetched when the first values are drawn.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';
import { leanPlot } from './lean.mjs';
import { place } from './place.mjs';
import { BUDGET_BYTES, pack, weigh } from './weigh.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const src = (p) => join(here, 'src', p);
const demo = process.argv.includes('--demo');

const common = { bundle: true, target: 'es2022', charset: 'utf8', jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none', logLevel: 'warning' };

if (process.argv.includes('--tests')) {
  const out = join(here, 'node_modules/.cache/forebay-test');
  rmSync(out, { recursive: true, force: true });
  const entryPoints = readdirSync(join(here, 'test')).filter((f) => /\.test\.(ts|mjs)$/.test(f)).map((f) => join(here, 'test', f));
  const define = { FAKE: 'false', PLOT: '""', GOLDEN: JSON.stringify(join(here, '../tests/golden/page')), WEB: JSON.stringify(here) };
  await build({ ...common, define, entryPoints, outdir: out, outExtension: { '.js': '.mjs' }, platform: 'node', format: 'esm', sourcemap: 'inline' });
  process.exit(0);
}

const out = demo ? join(here, 'node_modules/.cache/forebay-demo') : join(here, 'dist');
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** One file with all it imports, as small as it gets. */
async function bundle(entry, format, define = {}) {
  const { outputFiles } = await build({ ...common, entryPoints: [src(entry)], format, define: { FAKE: String(demo), ...define }, minify: true, external: ['/assets/*'], plugins: [leanPlot], write: false });
  const text = outputFiles[0].text;
  if (entry.endsWith('.css')) return text.trim();
  const module = format === 'esm';
  // Nothing that terser calls unsafe, and no pure getters: reading a signal is how one subscribes to it.
  const { code } = await minify(text, { ecma: 2020, module, toplevel: true, compress: { ecma: 2020, passes: 3, keep_fargs: false }, format: { ecma: 2020, inline_script: true } });
  return code.replace(/;$/, '');
}

/** Chromium compiles all of it beside the main thread while it comes, instead of each function when it is first called. */
const AT_ONCE = '//# allFunctionsCalledOnLoad\n';

const plot = await bundle('trend/plot.ts', 'esm');
const plotName = `assets/plot-${hash(plot).slice(0, 8)}.js`;
const page = AT_ONCE + (await bundle('main.tsx', 'iife', { PLOT: JSON.stringify(`/${plotName}`) }));
const pageName = `assets/page-${hash(page).slice(0, 8)}.js`;
const parts = {
  early: demo ? '' : await bundle('early.ts', 'iife'),
  style: await bundle('theme.css'),
  page: `/${pageName}`,
  icon: encodeURIComponent(readFileSync(src('icon.svg'), 'utf8').trim()).replace(/%20/g, ' ').replace(/%3D/g, '=').replace(/%2F/g, '/').replace(/%3A/g, ':'),
};
const html = readFileSync(src('index.html'), 'utf8')
  .replace(/>\s+</g, '><')
  .trim()
  .replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);

const files = {};
const contents = new Map();
for (const [name, text] of [['index.html', html], [pageName, page], [plotName, plot]]) {
  for (const [ending, bytes] of Object.entries(await pack(Buffer.from(text)))) {
    contents.set(name + ending, bytes);
    files[name + ending] = { bytes: bytes.length, sha256: hash(bytes) };
  }
}
// What the gateway lets the browser run of index.html: exactly this.
const inHtml = (tag) => [...html.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, 'g'))].map(([, text]) => `sha256-${createHash('sha256').update(text).digest('base64')}`);
const inline = { scripts: inHtml('script'), styles: inHtml('style') };
contents.set('manifest.json', `${JSON.stringify({ version: 1, inline, files }, null, 1)}\n`);

const bytes = weigh(files);
if (!demo && bytes > BUDGET_BYTES) {
  console.error(`the page has ${bytes} bytes as sent over plain HTTP; its budget is ${BUDGET_BYTES}`);
  process.exit(1);
}
place(out, join(here, 'node_modules/.cache'), (folder) => {
  mkdirSync(join(folder, 'assets'));
  for (const [name, content] of contents) writeFileSync(join(folder, name), content);
});
