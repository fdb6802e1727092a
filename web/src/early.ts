// Stands first in index.html and runs before the rest of it has come: opens the socket, so that hello and the first values
// arrive while the page's code is still being read, and sets the theme, so that nothing is painted in the wrong one.
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
