// One look at the server, after a forced garbage collection.
export interface ServerSample {
  heapUsed: number
  /** What V8 has of the system for its heap, used or not. */
  heapTotal: number
  rss: number
  external: number
  arrayBuffers: number
  /** Open TCP connections, servers and pipes. */
  handles: number
  timers: number
  requests: number
  /** On the process, the http server, the engine, the server and every namespace. */
  listeners: number
  sessions: number
  sockets: number
  namespaces: number
  rooms: number
  cpuMicros: number
  /** Longest stall of the event loop since the last sample. */
  stallMs: number
  /** Errors that handlers have thrown on purpose. */
  handlerErrors: number
  /** What clients sent that arrived wrongly, since the last sample. */
  failures: string[]
  /** io.stats(). */
  stats?: unknown
}

/** A sample with its time and the state of the traffic process. */
export interface Sample extends ServerSample {
  atSeconds: number
  clientHeapUsed: number
  clientRss: number
  clientCpuMicros: number
  clientStallMs: number
}
