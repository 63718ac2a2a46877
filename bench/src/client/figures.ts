// What is measured of a client, and how it is said. What the process does for it is in process/loads.ts, under the same names.

export interface Figure {
  readonly unit: 'cpu' | 'heap' | 'time'
  /** What one of it is. */
  readonly per: string
  /** How it is measured. */
  readonly says: string
  /** Of the bundle for pages, without network and server. */
  readonly isPage?: boolean
  /** Processes in each round, where one is over at once. */
  readonly processes?: number
}

export const figures: Readonly<Record<string, Figure>> = {
  echo: {
    unit: 'cpu',
    per: 'acknowledged emit',
    says: 'WebSocket, 20 connections, one acknowledged emit of 100 B of text under way on each',
  },
  echoes: { unit: 'cpu', per: 'acknowledged emit', says: 'the same on one connection, 16 under way' },
  poll: {
    unit: 'cpu',
    per: 'acknowledged emit',
    says: 'the same by polling, 10 connections, one under way on each (a POST and a GET)',
  },
  binary: {
    unit: 'cpu',
    per: 'acknowledged emit',
    says: 'WebSocket, 20 connections, a Buffer of 1 KiB there and back',
  },
  broadcast: {
    unit: 'cpu',
    per: 'event received',
    says: 'WebSocket, broadcasts of 20 B of text to a room, 50 at once, one listener',
  },
  connect: {
    unit: 'cpu',
    per: 'connection',
    says: 'WebSocket, from `io()` to `disconnect()` after "connect", 10 at once',
  },
  upgrade: {
    unit: 'cpu',
    per: 'connection',
    says: 'the same with default transports, disconnected once it is upgraded',
  },
  page: {
    unit: 'cpu',
    per: 'acknowledged emit',
    says: 'the bundle for pages on a WebSocket that echoes by itself: 100 B of text',
    isPage: true,
  },
  'page-json': {
    unit: 'cpu',
    per: 'acknowledged emit',
    says: 'the same with 100 records, 9 kB of JSON',
    isPage: true,
  },
  idle: {
    unit: 'heap',
    per: 'connected client',
    says: '1,000 clients in one process, WebSocket: used heap of each after garbage collection',
  },
  first: {
    unit: 'time',
    per: 'fresh process',
    says: 'from before the package is loaded to the first "connect", default transports',
    processes: 3,
  },
}
