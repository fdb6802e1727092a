// Starts the link and the page, in that order: the first value is on its way before anything is drawn.

import { batch } from '@preact/signals';
import { render } from 'preact';
import { App } from './app';
import { connect } from './link/gateway';
import { readAddress } from './route';
import { drawn, hello, tick } from './state';
import { applyTheme } from './theme';

/** Without a word from the gateway by then, the page is drawn to say so. */
const WORDLESS_MS = 600;
/** The first values come right behind the hello; a gateway that has none yet is not waited for. */
const VALUES_MS = 60;

readAddress();
const gateway = connect();
window.addEventListener('popstate', () => batch(readAddress));

// The frame in index.html stands until there is something to put in it: what is drawn once costs a slow phone half.
let wait = window.setTimeout(draw, WORDLESS_MS);
hello.subscribe((h) => {
  if (!h || !wait) return;
  clearTimeout(wait);
  wait = window.setTimeout(draw, VALUES_MS);
});
drawn.subscribe((yes) => {
  if (yes) queueMicrotask(draw);
});

function draw(): void {
  if (!wait) return;
  clearTimeout(wait);
  wait = 0;
  applyTheme();
  const root = document.getElementById('app');
  if (!root) return;
  root.textContent = '';
  render(<App />, root);
}

let beat = 0;
function awake(): void {
  clearInterval(beat);
  if (document.visibilityState === 'hidden') return;
  tick.value = Date.now();
  beat = window.setInterval(() => {
    tick.value = Date.now();
    gateway.tick();
  }, 1000);
}
awake();
document.addEventListener('visibilitychange', awake);
