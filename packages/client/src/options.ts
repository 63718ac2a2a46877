// Options of Manager and Socket, under the names of the official client.
import type { Revision } from './engine/negotiation.ts'
import type { TransportConstructor } from './transports/transport.ts'

export interface EngineClientOptions {
  path?: string
  addTrailingSlash?: boolean
  /** Sent with every request. */
  query?: { [key: string]: any }
  /** Names in the order they are tried, or classes. Default polling, websocket. */
  transports?: readonly (string | TransportConstructor)[]
  /** Move from polling to WebSocket. Default true. */
  upgrade?: boolean
  /** Start with WebSocket when the last connection was upgraded. Default false. */
  rememberUpgrade?: boolean
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

export interface ManagerOptions extends EngineClientOptions {
  forceNew?: boolean
  multiplex?: boolean
  reconnection?: boolean
  reconnectionAttempts?: number
  reconnectionDelay?: number
  reconnectionDelayMax?: number
  randomizationFactor?: number
  /** Milliseconds for one attempt to connect. */
  timeout?: number
  autoConnect?: boolean
  /** A parser instead of ours: an object with Encoder and Decoder; servers must use the same. */
  parser?: any
}

export interface SocketOptions {
  /** Sent with CONNECT: an object, or a function that calls back with one. */
  auth?: { [key: string]: any } | ((callback: (data: object) => void) => void)
  /** How often an event is sent again until it is acknowledged. */
  retries?: number
  /** Milliseconds to wait for acknowledgements, when `timeout()` says nothing else. */
  ackTimeout?: number
}
