// Starts the link and the page, in that order: the first value is on its way before anything is drawn.

import { batch } from '@preact/signals';
import { render } from 'preact';
import { App } from './app';
import { connect } from './link/gateway';
import { readAddress } from './route';
import { drawn, kept, tick } from './state';
import { applyTheme } from './theme';

readAddress();
const gateway = connect();
applyTheme();
window.addEventListener('popstate', () => batch(readAddress));

const root = document.getElementById('app');
if (root) {
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

// A page that has been read to the end once is worth opening again; nothing waits for the trend's code.
drawn.subscribe((yes) => {
  if (yes) kept.set('seen', '1');
});
