// Where the gateway's socket is. It names the page that is to be shown, whose values then come right behind the hello:
// one round trip less. Without a name the gateway takes the first page; what the phone remembers is not asked here,
// because a browser's storage is slow to open.

export function socketAddress(): string {
  const { protocol, host, pathname } = location;
  return `${protocol.replace('http', 'ws')}//${host}/ws?page=${/^\/p\/([^/]+)/.exec(pathname)?.[1] ?? ''}`;
}
