// Options of Manager and Socket, under the names of the official client.
import type { Revision } from './engine/negotiation.ts'
import type { TransportConstructor } from './transports/transport.ts'

export interface EngineClientOptions {
  /** Where the server is, for a Manager made without a URL. */
  hostname?: string
  /** The same as `hostname`. */
  host?: string
  port?: string | number
  /** https and wss instead of http and ws. Default false. */
  secure?: boolean
  path?: string
  addTrailingSlash?: boolean
  /** Sent with every request. */
  query?: { [key: string]: any }
  /** Names in the order they are tried, or classes. Default polling, websocket. */
  transports?: readonly (string | TransportConstructor)[]
  /** Move from polling to WebSocket. Default true. */
  upgrade?: boolean
  /** Start with WebSocket when the last connection of this page or process used it. Default false. */
  rememberUpgrade?: boolean
  /**
   * Beyond the official options: where the choice of transport outlives the page, one entry for each origin (`localStorage`, or any object
   * with its three methods). When the remembered transport fails, the next is tried at once and the choice forgotten. Default none.
   */
  transportStorage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** Try the next transport when the first cannot connect. Default false. */
  tryAllTransports?: boolean
  forceBase64?: boolean
  timestampRequests?: boolean
  timestampParam?: string
  withCredentials?: boolean
  extraHeaders?: { [header: string]: string }
  /** Milliseconds for one polling request. */
  requestTimeout?: number
  transportOptions?: { [transport: string]: Partial<EngineClientOptions> }
  closeOnBeforeunload?: boolean
  autoUnref?: boolean
  useNativeTimers?: boolean
  protocols?: string | string[]
  /** Node: agent and TLS options. */
  agent?: any
  pfx?: any
  key?: any
  passphrase?: any
  cert?: any
  ca?: any
  ciphers?: any
  rejectUnauthorized?: boolean
  perMessageDeflate?: any
  /** The revision the server speaks: 4 for socket.io 3.x and 4.x, 3 for 1.x and 2.x. Default "auto": found out. */
  protocolVersion?: Revision | 'auto'
}

/** All with their defaults; functions take a `Partial` of it. */
export interface ManagerOptions extends EngineClientOptions {
  /** Path the server answers under. Default "/socket.io". */
  path: string
  /** A connection of its own, not shared with other namespaces. Default false. */
  forceNew: boolean
  /** False is the same as `forceNew`. Default true. */
  multiplex: boolean
  /** Reconnect after the connection is lost. Default true. */
  reconnection: boolean
  /** Default Infinity. */
  reconnectionAttempts: number
  /** Milliseconds before the first attempt; doubled for each following one. Default 1000. */
  reconnectionDelay: number
  /** Most milliseconds between two attempts. Default 5000. */
  reconnectionDelayMax: number
  /** How far delays are spread, from 0 to 1. Default 0.5. */
  randomizationFactor: number
  /** Milliseconds for one attempt to connect. Default 20000. */
  timeout: number
  /** Connect when made; false waits for `connect()`. Default true. */
  autoConnect: boolean
  /** A parser instead of ours: an object with Encoder and Decoder; servers must use the same. */
  parser: any
}

export interface SocketOptions {
  /** Sent with CONNECT: an object, or a function that calls back with one. */
  auth?: { [key: string]: any } | ((callback: (data: object) => void) => void)
  /** How often an event is sent again until it is acknowledged. */
  retries?: number
  /** Milliseconds to wait for acknowledgements, when `timeout()` says nothing else. */
  ackTimeout?: number
}
