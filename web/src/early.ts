// Stands first in index.html and runs before the rest of it has come: opens the socket, so that hello and the first values
// arrive while the page's code is still on its way, and sets the theme, so that nothing is painted in the wrong one.
// link/gateway.ts takes the socket over.

import { socketAddress } from './link/address';
import { setTheme } from './paint';

export interface Early {
  socket: WebSocket;
  heard: MessageEvent[];
}

const socket = new WebSocket(socketAddress());
const early: Early = { socket, heard: [] };
socket.onmessage = (e) => early.heard.push(e);
(globalThis as { forebayEarly?: Early }).forebayEarly = early;
setTheme();

/** A line that breaks before the code has come would leave the frame without it; a newer release has other files. */
const AGAIN_MS = 1000;
function begin(): void {
  setTimeout(() => fetch(location.href).then(() => location.reload(), begin), AGAIN_MS);
}
document.addEventListener('error', begin, true);
