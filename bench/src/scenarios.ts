// The scenarios: what they are called, what an operation is, and the load that makes them. `scale` divides the numbers of connections,
// for a look at whether everything works; figures are only comparable at scale 1.
import { broadcastLoad, connectLoad, echoLoad, pollLoad } from './generator/loads.ts'
import type { Fail, Load } from './generator/loads.ts'

export interface Scenario {
  says: string
  /** What the cost is divided by. */
  operation: string
  metric: 'cpu' | 'latency' | 'memory'
  /** Opens the connections. "memory" has no load: it holds this many connections. */
  open?: (port: number, scale: number, fail: Fail) => Promise<Load>
  connections: number
  /** Operations before what is measured. */
  warmUp?: number
}

const scaled = (count: number, scale: number): number => Math.max(2, Math.round(count / scale))

export const scenarios: Readonly<Record<string, Scenario>> = {
  echo: {
    says: '200 connections, one acknowledged emit of about 100 B under way on each',
    operation: 'acknowledged emit',
    metric: 'cpu',
    connections: 200,
    warmUp: 20_000,
    open: (port, scale, fail) => echoLoad(port, { connections: scaled(200, scale), binary: false }, fail),
  },
  bin: {
    says: 'the same with a Buffer of 1 KiB',
    operation: 'acknowledged emit',
    metric: 'cpu',
    connections: 200,
    warmUp: 10_000,
    open: (port, scale, fail) => echoLoad(port, { connections: scaled(200, scale), binary: true }, fail),
  },
  burst: {
    says: '1,000 clients in one room, 50 broadcasts at once',
    operation: 'delivery',
    metric: 'cpu',
    connections: 1001,
    warmUp: 500_000,
    open: (port, scale, fail) =>
      broadcastLoad(port, { rooms: 1, size: scaled(1000, scale), batch: 50, pauseMs: 40 }, fail),
  },
  steady: {
    says: '1,000 clients in one room, 50 broadcasts a second',
    operation: 'delivery',
    metric: 'cpu',
    connections: 1001,
    warmUp: 20_000,
    open: (port, scale, fail) =>
      broadcastLoad(port, { rooms: 1, size: scaled(1000, scale), batch: 1, everyMs: 20 }, fail),
  },
  mixed: {
    says: 'steady with 4.x and 2.x clients half and half',
    operation: 'delivery',
    metric: 'cpu',
    connections: 1001,
    warmUp: 20_000,
    open: (port, scale, fail) =>
      broadcastLoad(
        port,
        { rooms: 1, size: scaled(1000, scale), batch: 1, everyMs: 20, isMixed: true },
        fail,
      ),
  },
  rooms: {
    says: '1,000 rooms of 5 clients, broadcasts to 50 rooms at once',
    operation: 'delivery',
    metric: 'cpu',
    connections: 5001,
    warmUp: 20_000,
    open: (port, scale, fail) =>
      broadcastLoad(port, { rooms: scaled(1000, scale), size: 5, batch: 50, pauseMs: 1 }, fail),
  },
  poll: {
    says: '100 long-polling clients, one acknowledged emit under way on each (a POST and a GET)',
    operation: 'acknowledged emit',
    metric: 'cpu',
    connections: 200,
    warmUp: 5_000,
    open: (port, scale, fail) => pollLoad(port, scaled(100, scale), fail),
  },
  connect: {
    says: 'WebSocket handshakes with CONNECT of the namespace, 50 at once, closed again',
    operation: 'connection',
    metric: 'cpu',
    connections: 50,
    warmUp: 2_000,
    open: async (port, scale, fail) => connectLoad(port, scaled(50, scale), fail),
  },
  latency: {
    says: 'echo on 200 connections at 8,000 a second: p99 of a thousand in a row, from when each was due; the median of those',
    operation: 'acknowledged emit',
    metric: 'latency',
    connections: 200,
    warmUp: 8_000,
    open: (port, scale, fail) =>
      echoLoad(port, { connections: scaled(200, scale), binary: false, rate: 8_000 / scale }, fail),
  },
  idle: {
    says: '10,000 idle connections: resident memory of each after garbage collection',
    operation: 'connection',
    metric: 'memory',
    connections: 10_000,
  },
}
