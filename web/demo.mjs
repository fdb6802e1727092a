// Serves the demo build: every address is the page, the gateway is inside it. `npm run demo`, or `PORT=9000 npm run demo`.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('node_modules/.cache/forebay-demo/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const server = createServer((req, res) => {
  const path = new URL(req.url ?? '/', 'http://localhost').pathname;
  const asset = path.startsWith('/assets/') ? join(folder, 'assets', basename(path)) : null;
  if (path.startsWith('/api/') || (asset && !existsSync(asset))) {
    res.writeHead(404).end();
    return;
  }
  const file = asset ?? join(folder, 'index.html');
  res.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-store' });
  createReadStream(file).pipe(res);
});
server.listen(Number(process.env.PORT ?? 8325), '127.0.0.1', () => {
  const { port } = server.address();
  console.log(`http://127.0.0.1:${port}/  (Ctrl-C ends it)`);
});
