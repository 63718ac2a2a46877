// Options of Manager and Socket, under the names of the official client.
import type { Revision } from './engine/negotiation.ts'
import type { TransportConstructor } from './transports/transport.ts'

/** Options of connections and transports. */
export interface EngineClientOptions {
  /** Where the server is, for a Manager made without a URL. Default: the page's host; "localhost" elsewhere. */
  hostname?: string
  /** The same as `hostname`. Default: `hostname`. */
  host?: string
  /** Port of the server. Default: the page's, with its host; else 443 with `secure` and 80 without. */
  port?: string | number
  /** https and wss instead of http and ws. Default: as the page; false elsewhere. */
  secure?: boolean
  /** Path the server answers under. Default "/socket.io". */
  path?: string
  /** Whether a slash ends the path in requests. Default true. */
  addTrailingSlash?: boolean
  /** Added to the URL of every request; `handshake.query` on the server. Default: the query of the URL. */
  query?: { [key: string]: any } | string
  /** Names in the order they are tried, or classes. Default polling, websocket, webtransport (where the runtime has it). */
  transports?: readonly (string | TransportConstructor)[]
  /** Move from polling to WebTransport or WebSocket, where both sides have it. Default true. */
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
  /** Binary data as base64 on WebSocket too. Default false. */
  forceBase64?: boolean
  /** A parameter that differs in each request, to get around caches. Default true for polling, false for WebSocket. */
  timestampRequests?: boolean
  /** The name of that parameter. Default "t". */
  timestampParam?: string
  /** Cookies with requests to other sites; in Node, the cookies that the server has set. Default false. */
  withCredentials?: boolean
  /** Headers of the requests; browsers send them with polling only. Default none. */
  extraHeaders?: { [header: string]: string }
  /** Milliseconds for one polling request. Default: unlimited; `timeout` and heartbeats notice what hangs. */
  requestTimeout?: number
  /** Options for one transport by its name, over the others. Default none. */
  transportOptions?: { [transport: string]: Partial<EngineClientOptions> }
  /** Close without a "disconnect" event when the page is left. Default false. */
  closeOnBeforeunload?: boolean
  /** Node: the connection does not keep the process alive. Default false. */
  autoUnref?: boolean
  /** Timers of the runtime even when a test has replaced the global functions. Default false. */
  useNativeTimers?: boolean
  /** Subprotocols of the WebSocket. Default none. */
  protocols?: string | string[]
  /** Node: an `http.Agent`, or one for https. Default: Node's own. */
  agent?: any
  /** Node, TLS, as of `tls.connect`: certificate and key in one. Default: that of Node. */
  pfx?: any
  /** Node, TLS, as of `tls.connect`: private key of the client. Default: that of Node. */
  key?: any
  /** Node, TLS, as of `tls.connect`: of `key` or `pfx`. Default: that of Node. */
  passphrase?: any
  /** Node, TLS, as of `tls.connect`: certificate of the client. Default: that of Node. */
  cert?: any
  /** Node, TLS, as of `tls.connect`: authorities to trust. Default: that of Node. */
  ca?: any
  /** Node, TLS, as of `tls.connect`: allowed ciphers. Default: that of Node. */
  ciphers?: any
  /** Node: false accepts any certificate. Default true. */
  rejectUnauthorized?: boolean
  /** Accepted for compatibility: the client's WebSocket does not compress. Default: without effect. */
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
  /** Attempts to reconnect before it gives up ("reconnect_failed"). Default Infinity. */
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
  /** A parser instead of JSON with attachments: an object with Encoder and Decoder; the server must use the same. Default: JSON. */
  parser: any
}

/** Options of one namespace. */
export interface SocketOptions {
  /** Sent with CONNECT: an object, or a function that calls back with one before each attempt. Default none. */
  auth?: { [key: string]: any } | ((callback: (data: object) => void) => void)
  /** How often an event is sent again until it is acknowledged; events then go one at a time. Default: not at all. */
  retries?: number
  /** Milliseconds to wait for acknowledgements, when `timeout()` says nothing else. Default: for ever. */
  ackTimeout?: number
}
