// The façade: puts engine, namespaces and HTTP server together; what is meant for the main namespace is forwarded in server-calls.ts.
import type { EventEmitter } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Adapter } from './adapter/adapter.ts'
import { Cluster } from './cluster.ts'
import { installViews } from './compat.ts'
import { createJsonCodec, createParserCodec } from './codec.ts'
import type { Codec } from './codec.ts'
import { Connection } from './connection.ts'
import { drainEngine } from './drain.ts'
import type { DrainOptions, DrainResult } from './drain.ts'
import { HttpEngine } from './http/http-engine.ts'
import { adaptSession } from './engine/foreign-session.ts'
import { Engine } from './engine/engine.ts'
import type { EngineHandler, EngineSession } from './engine/contract.ts'
import { callGuarded } from './events/guarded.ts'
import type { DefaultEventsMap, EventsMap } from './events/types.ts'
import { clientFile } from './http/client-bundle.ts'
import { healthAnswer } from './http/health.ts'
import type { Readiness } from './http/health.ts'
import { answerFirst, closeServer, createOwnServer, notAServer } from './http/http-server.ts'
import type { HttpLike } from './http/http-server.ts'
import type { AskedFor, PlainAnswer } from './http/plain-answer.ts'
import { IdSource, processIds } from './ids.ts'
import { Credentials } from './credentials.ts'
import { HalfReceived } from './half-received.ts'
import { JoinDeadline } from './join-deadline.ts'
import { LIMITS } from './limits.ts'
import { CHANNELS } from './observe/channels.ts'
import { Counters } from './observe/counters.ts'
import { statsOf } from './observe/stats.ts'
import type { ServerStats } from './observe/stats.ts'
import { EmptyNamespaces } from './namespace/empty-namespaces.ts'
import { Namespace } from './namespace/namespace.ts'
import { ParentNamespace } from './namespace/parent-namespace.ts'
import type { NamespaceMatcher } from './namespace/parent-namespace.ts'
import type { ClusterOption } from './cluster.ts'
import { DEFAULTS, warnOfUnknownOptions } from './options.ts'
import type { AdapterConstructor, ServerOptions } from './options.ts'
import { MainNamespaceCalls } from './server-calls.ts'
import { SessionAwareAdapter } from './recovery/session-aware-adapter.ts'
import { reportHandlerError } from './socket/handler-errors.ts'
import type { HandlerErrorContext } from './socket/handler-errors.ts'
import { Socket } from './socket/socket.ts'
import { debugScope } from './debug.ts'

const debug = debugScope('socket.io:server')

type ConnectionListener<L extends EventsMap, E extends EventsMap, S extends EventsMap, D> = (socket: Socket<L, E, S, D>) => void

const here = dirname(fileURLToPath(import.meta.url))
const CLIENT_FOLDERS = [join(here, 'client'), join(here, '../../client/dist')]

/**
 * A Socket.IO server: namespaces, rooms and clients of every version on one HTTP server. Calls that name no namespace mean the main one,
 * "/".
 *
 * @example
 * const io = new Server(httpServer)
 * io.on('connection', (socket) => socket.on('say', (text, ack) => ack(text)))
 */
export class Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends MainNamespaceCalls<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  /** The main namespace, "/". */
  readonly sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  /** The Engine.IO server. */
  engine!: HttpEngine
  /** The HTTP server it is attached to; undefined before. */
  httpServer!: HttpLike
  /** The options it was made with. */
  readonly opts: Partial<ServerOptions>
  /** This node's membership of its cluster; undefined without the `cluster` option. */
  readonly cluster: Cluster | undefined
  /** Makes the ids of its sessions and sockets. */
  readonly ids: IdSource
  /** Encodes and decodes packets, by the option `parser`. @internal */
  readonly codec: Codec
  /** The option `cleanupEmptyChildNamespaces`. @internal */
  readonly cleansUpChildren: boolean
  /** Clients that are in no namespace yet. @internal */
  readonly joinDeadline: JoinDeadline = new JoinDeadline()
  /** Packets of which attachments are missing. @internal */
  readonly halfReceived: HalfReceived
  /** @internal */
  readonly credentials: Credentials
  /** @internal */
  readonly counters: Counters = new Counters()
  /** @internal */
  readonly maxNamespaces: number
  /** @internal */
  readonly emptyNamespaces: EmptyNamespaces
  /** compat: namespaces by name. */
  readonly _nsps: Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Map()
  /** The families of namespaces, in the order in which they are asked. @internal */
  readonly families: Map<NamespaceMatcher, ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Map()
  #path: string
  #serveClient: boolean
  #connectTimeout: number
  #adapter: AdapterConstructor
  #draining: Promise<DrainResult> | undefined
  #isClosed = false
  readonly #startedAt = performance.now()

  constructor(options?: Partial<ServerOptions>)
  constructor(server?: HttpLike | HttpServer | number, options?: Partial<ServerOptions>)
  constructor(first?: HttpLike | HttpServer | number | Partial<ServerOptions>, second?: Partial<ServerOptions>) {
    super()
    const isOptions = typeof first === 'object' && first !== null && typeof (first as Partial<HttpLike>).listen !== 'function'
    this.opts = { ...(isOptions ? (first as Partial<ServerOptions>) : second) }
    warnOfUnknownOptions(this.opts)
    const { parser, maxAttachments = DEFAULTS.maxAttachments, maxDepth = DEFAULTS.maxDepth } = this.opts
    this.#path = normalizePath(this.opts.path ?? DEFAULTS.path)
    this.#serveClient = this.opts.serveClient ?? true
    this.#connectTimeout = this.opts.connectTimeout ?? DEFAULTS.connectTimeout
    this.#adapter = this.opts.adapter ?? (this.opts.connectionStateRecovery ? SessionAwareAdapter : Adapter)
    this.codec = parser === undefined ? createJsonCodec({ maxAttachments, maxDepth }) : createParserCodec(parser)
    this.cleansUpChildren = this.opts.cleanupEmptyChildNamespaces ?? false
    this.halfReceived = new HalfReceived(this.opts)
    this.credentials = new Credentials(this.opts)
    this.emptyNamespaces = new EmptyNamespaces(this.opts.maxEmptyNamespaces ?? LIMITS.maxEmptyNamespaces.default, () => this.counters.hit('maxEmptyNamespaces'))
    this.maxNamespaces = this.opts.maxNamespaces ?? LIMITS.maxNamespaces.default
    this.ids = this.opts.cluster === undefined ? processIds : new IdSource()
    this.sockets = this.of('/')
    this.cluster = this.opts.cluster === undefined ? undefined : this.#joinCluster(this.opts.cluster)
    if (typeof first === 'function') throw notAServer(first)
    if (first !== undefined && !isOptions) this.attach(first as HttpLike | number)
  }

  /** compat: the same as `opts`. */
  get _opts(): Partial<ServerOptions> {
    return this.opts
  }

  // ---- settings

  /** Whether the browser client is served below the path, read or set before `attach`. Default true. */
  serveClient(): boolean
  serveClient(serve: boolean): this
  serveClient(serve?: boolean): boolean | this {
    if (serve === undefined) return this.#serveClient
    this.#serveClient = serve
    return this
  }

  /** The path it answers under, read or set before `attach`. Default "/socket.io". */
  path(): string
  path(path: string): this
  path(path?: string): string | this {
    if (path === undefined) return this.#path
    this.#path = normalizePath(path)
    return this
  }

  /** Milliseconds a client may take to join a namespace, read or set. Default 45000. */
  connectTimeout(): number
  connectTimeout(ms: number): this
  connectTimeout(ms?: number): number | this {
    if (ms === undefined) return this.#connectTimeout
    this.#connectTimeout = ms
    return this
  }

  /** What makes the adapters, read or set; setting it replaces those of all namespaces. */
  adapter(): AdapterConstructor
  adapter(adapter: AdapterConstructor): this
  adapter(adapter?: AdapterConstructor): AdapterConstructor | this {
    if (adapter === undefined) return this.#adapter
    this.#adapter = adapter
    for (const namespace of this._nsps.values()) {
      const former = namespace.adapter
      namespace.adapter = this.createAdapter(namespace as Namespace<any, any, any, any>)
      moveListeners(former, namespace.adapter)
      this.watchAdapter(namespace.adapter.init(), 'adapter.init')
    }
    return this
  }

  /** The adapter of a namespace; called by it. */
  createAdapter(namespace: Namespace<any, any, any, any>): Adapter {
    const make = this.#adapter
    return make.prototype instanceof Adapter || make === Adapter || isClass(make)
      ? new (make as new (nsp: unknown) => Adapter)(namespace)
      : (make as (nsp: Namespace<any, any, any, any>) => Adapter)(namespace)
  }

  #joinCluster(option: ClusterOption): Cluster {
    const { maxHttpBufferSize = LIMITS.maxHttpBufferSize.default, adapter } = this.opts
    return new Cluster(option, {
      ids: this.ids,
      baseAdapter: this.opts.connectionStateRecovery ? SessionAwareAdapter : Adapter,
      maxPayloadBytes: maxHttpBufferSize,
      sessionCount: () => this.engine?.clientsCount ?? 0,
      // An adapter that the application has chosen stays: official ones bring their own bus.
      useAdapter: (own) => adapter === undefined && this.adapter(own as AdapterConstructor),
      handleError: (error, event) => this.handleHandlerError(error, { socket: undefined, event }),
    })
  }

  // ---- HTTP

  /** The same as `attach`. */
  listen(server: HttpLike | HttpServer | number | string, options?: Partial<ServerOptions>): this {
    return this.attach(server, options)
  }

  /** Serves on an HTTP or HTTPS server, or on a port of its own. */
  attach(server: HttpLike | HttpServer | number | string, options?: Partial<ServerOptions>): this {
    if (typeof server === 'function') throw notAServer(server)
    const merged = { ...options, ...this.opts }
    if (typeof server === 'number' || typeof server === 'string') {
      const port = Number(server)
      const own = createOwnServer()
      this.#attachTo(own, merged)
      own.listen(port)
      return this
    }
    this.#attachTo(server as HttpLike, merged)
    return this
  }

  #engineHandler(): EngineHandler {
    return {
      handleSession: (session) => this.serveSession(session),
      handleUserError: (error, event) => this.handleHandlerError(error, { socket: undefined, event }),
      plainAnswer: (req) => this.plainAnswer(req),
    }
  }

  #attachTo(server: HttpLike, options: Partial<ServerOptions>): void {
    this.httpServer = server
    const engine = new HttpEngine(options, this.#engineHandler(), undefined, this.ids, this.counters)
    this.engine = engine
    if (this.cluster !== undefined) this.cluster.addEngine(engine.joinCluster(this.cluster))
    // Of the options given here only: what the constructor was told, or `path()`, comes first.
    engine.attach(server, { ...options, path: this.opts.path === undefined && options.path !== undefined ? normalizePath(options.path) : this.#path })
    const { health } = this.opts
    if (!this.#serveClient && (health === undefined || health === false)) return
    answerFirst(server, (req) => this.plainAnswer(req))
  }

  /** What the server answers besides the engine: its health, and the files of the client. @internal */
  plainAnswer(req: AskedFor): PlainAnswer | undefined {
    const { health } = this.opts
    if (health !== undefined && health !== false) {
      const answer = healthAnswer(req, health === true ? `${this.#path}/health` : health, this.readiness, this.engine.clientsCount)
      if (answer !== undefined) return answer
    }
    const path = `${this.#path}/`
    const { url } = req
    if (!this.#serveClient || url === undefined || !url.startsWith(path) || url.charCodeAt(path.length) === 0x3f) return undefined
    return clientFile(req, path, CLIENT_FOLDERS)
  }

  /**
   * Serves the sessions of an engine that the application has made and attached: one of engine.io, or made from it. The server's own options
   * for the engine have no effect on it; `close()` closes it.
   */
  bind(engine: { on(event: 'connection', listener: (session: any) => void): unknown }): this {
    this.engine = engine as HttpEngine
    if (engine instanceof Engine) {
      // Of our own make (`tidewire/bun`): it serves for this server, in its cluster and with its files.
      engine.serveFor(this.#engineHandler(), this.ids, this.counters)
      if (this.cluster !== undefined) this.cluster.addEngine(engine.joinCluster(this.cluster))
    } else engine.on('connection', (session: EngineSession) => this.serveSession(adaptSession(session)))
    return this
  }

  /** Puts a connection behind an engine session. @internal */
  serveSession(session: EngineSession): void {
    // oxlint-disable-next-line no-new -- it puts itself behind the session
    new Connection(this as Server<any, any, any, any>, session)
  }

  /** What is open on this node, and what has been counted since the server was made (docs/observability.md). */
  stats(): ServerStats {
    const { engine } = this
    // An engine of another make has them by id.
    const sessions = engine === undefined ? [] : (engine.sessions ?? Object.values(engine.clients ?? {}))
    return statsOf(this.counters, sessions, this._nsps.values() as Iterable<Namespace<any, any, any, any>>, this.#startedAt)
  }

  /** Whether it serves new clients: what the health endpoint says. */
  get readiness(): Readiness {
    if (this.#isClosed) return 'closed'
    if (this.#draining !== undefined) return 'draining'
    return this.engine === undefined || this.engine.isReady === false ? 'starting' : 'ready'
  }

  /**
   * Empties this node before it is stopped: tells balancers, refuses new sessions, and closes those that there are, spread over time and
   * each when its client has fetched what waited for it. Resolves with counts; `close()` is what follows.
   */
  drain(options: DrainOptions = {}): Promise<DrainResult> {
    return (this.#draining ??= this.engine === undefined ? Promise.resolve({ sessions: 0, closed: 0, cut: 0 }) : drainEngine(this.engine, options))
  }

  /** Disconnects all clients, closes the engine and the HTTP server. */
  async close(callback?: (error?: Error) => void): Promise<void> {
    this.#isClosed = true
    // First, and within the call: "disconnect" listeners have run when it returns, and adapters still know the rooms.
    this.engine?.close()
    // Then nobody comes any more; other nodes' requests that have come are served before this one leaves them.
    // What waits in the queue of the port would be reset with it: in a cluster it is closed just after a turn in which everything was taken.
    if (this.cluster !== undefined) await new Promise((resolve) => setImmediate(resolve))
    const closed = this.httpServer === undefined ? Promise.resolve(undefined) : closeServer(this.httpServer)
    if (this.cluster !== undefined) await this.cluster.close(closed)
    await Promise.allSettled([...this._nsps.values()].map(async (namespace) => namespace.adapter.close()))
    const error = await closed
    callback?.(error)
  }

  // ---- namespaces

  /** The namespace of that name, made if need be; a RegExp or a function gives a family of them. */
  of(
    name: string | RegExp | NamespaceMatcher,
    listener?: ConnectionListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const namespace = typeof name === 'string' ? this.#ofName(name) : this.#ofFamily(name)
    if (listener !== undefined) namespace.on('connect' as any, listener as any)
    return namespace
  }

  #ofName(name: string): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const path = name.startsWith('/') ? name : `/${name}`
    let namespace = this._nsps.get(path)
    if (namespace !== undefined) return namespace
    for (const parent of this.families.values()) {
      if (parent.pattern?.test(path) === true) return parent.createChild(path)
    }
    namespace = new Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(this, path)
    this.adopt(namespace as Namespace<any, any, any, any>)
    return namespace
  }

  #ofFamily(matcher: RegExp | NamespaceMatcher): ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const parent = new ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(
      this,
      typeof matcher === 'function' ? matcher : (name, _auth, next) => next(null, matcher.test(name)),
      typeof matcher === 'function' ? undefined : matcher,
    )
    this.families.set(parent.matcher, parent)
    return parent
  }

  /** Takes a new namespace in and tells "new_namespace" listeners. */
  adopt(namespace: Namespace<any, any, any, any>): void {
    debug?.('namespace %s', namespace.name)
    this._nsps.set(namespace.name, namespace)
    if (namespace.name === '/') return
    for (const listener of this.sockets.rawListeners('new_namespace' as any)) {
      callGuarded(listener as (...args: any[]) => unknown, this.sockets, [namespace], (error) => this.handleHandlerError(error, { socket: undefined, event: 'new_namespace' }))
    }
  }

  // ---- errors of user code

  /** The one place that what user code throws or rejects with arrives at: `onHandlerError`. */
  handleHandlerError(error: unknown, context: HandlerErrorContext): void {
    this.counters.handlerErrors++
    if (CHANNELS.handlerError.hasSubscribers) CHANNELS.handlerError.publish({ error, ...context })
    callGuarded(this.opts.onHandlerError ?? reportHandlerError, this, [error, context], (hookError) =>
      reportHandlerError(hookError, { ...context, event: 'onHandlerError' }),
    )
  }

  /**
   * Adapters are user code too: a promise of theirs that rejects is reported, and ends no process when nobody waits for it. Who does
   * gets the error as well.
   */
  watchAdapter(result: unknown, event: string = 'adapter'): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.handleHandlerError(error, { socket: undefined, event }))
  }
}

installViews({ server: Server.prototype, namespace: Namespace.prototype, socket: Socket.prototype, connection: Connection.prototype })

/** What the application listens to is the namespace's adapter, whichever it is: with the option `cluster` it changes after the start. */
function moveListeners(from: Partial<EventEmitter>, to: Partial<EventEmitter>): void {
  if (typeof from.eventNames !== 'function' || typeof to.on !== 'function') return
  for (const event of from.eventNames()) {
    for (const listener of from.rawListeners!(event)) to.on(event, listener as (...args: any[]) => void)
    from.removeAllListeners!(event)
  }
}

function normalizePath(path: string): string {
  return `/${path.replace(/^\/+|\/+$/g, '')}`.replace(/^\/$/, '')
}

function isClass(value: Function): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value))
}
