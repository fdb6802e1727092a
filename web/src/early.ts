// Runs before everything else and does one thing: opens the socket, so that the gateway's hello arrives while the page's code
// is still being read. link/gateway.ts takes it over.

export interface Early {
  socket: WebSocket;
  heard: MessageEvent[];
}

const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
const early: Early = { socket, heard: [] };
socket.onmessage = (e) => early.heard.push(e);
(globalThis as { forebayEarly?: Early }).forebayEarly = early;
