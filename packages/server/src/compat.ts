// Members of the official classes that are not in their documentation and that adapters, tools and applications use all the same. Thin views
// on what is ours, all of them in this file (others are marked "compat:" where they stand); nothing inside the server uses them.
import type { SocketPacket } from '@tidewire/protocol'
import { TidewireError } from '@tidewire/protocol'
import { EncodedPacket } from './broadcast/encoded.ts'
import type { Connection, WriteFlags } from './connection.ts'
import type { EngineSession } from './engine/contract.ts'
import type { Engine } from './engine/engine.ts'
import { adaptSession } from './engine/foreign-session.ts'
import { findNamespace } from './namespace/find-namespace.ts'
import type { Namespace } from './namespace/namespace.ts'
import type { NamespaceMatcher, ParentNamespace } from './namespace/parent-namespace.ts'
import type { Server } from './server.ts'
import type { Socket } from './socket/socket.ts'

type AnyServer = Server<any, any, any, any>
type AnyNamespace = Namespace<any, any, any, any>
type AnySocket = Socket<any, any, any, any>
type Views<T> = Record<string, (this: T) => unknown>

export interface ServerViews {
  /** The engine. */
  readonly eio: Engine
  /** Encodes a packet as clients of revision 5 read it: the text, then its attachments. */
  readonly encoder: { encode(packet: SocketPacket): (string | Uint8Array)[] }
  readonly _path: string
  readonly _connectTimeout: number
  readonly _serveClient: boolean
  readonly _parser: unknown
  /** The families given by `of(RegExp)` and `of(function)`; one that is deleted makes no more children. */
  readonly parentNsps: Map<NamespaceMatcher, ParentNamespace<any, any, any, any>>
  /** Those given by a RegExp; a copy. */
  readonly parentNamespacesFromRegExp: Map<RegExp, ParentNamespace<any, any, any, any>>
  /** uWebSockets.js is not supported. @throws TidewireError TW_ERR_UNSUPPORTED */
  attachApp(app: unknown, options?: object): never
  /** Serves a session of an engine that the application has made. */
  onconnection(session: EngineSession): this
  /** The namespace a client asks for, made by a family if need be; false when there is none. */
  _checkNamespace(name: string, auth: { [key: string]: any }, done: (namespace: AnyNamespace | false) => void): void
}

export interface NamespaceViews {
  /** Its middlewares. */
  readonly _fns: unknown[]
  /** Makes its adapter anew, of the class that the server has now. */
  _initAdapter(): void
  _remove(socket: AnySocket): void
}

export interface SocketViews {
  /** Leaves all rooms. */
  leaveAll(): void
  /** Sends a packet of any type in its namespace. */
  packet(packet: Partial<SocketPacket>, options?: { volatile?: boolean; compress?: boolean }): void
}

export interface ConnectionViews {
  readonly encoder: ServerViews['encoder']
  _packet(packet: SocketPacket, options?: { volatile?: boolean; compress?: boolean; preEncoded?: boolean }): void
  _disconnect(): void
}

const server: Views<AnyServer> & ThisType<AnyServer> = {
  eio() {
    return this.engine
  },
  encoder() {
    return { encode: (packet: SocketPacket) => this.codec.encode(packet, 5) }
  },
  _path() {
    return this.path()
  },
  _connectTimeout() {
    return this.connectTimeout()
  },
  _serveClient() {
    return this.serveClient()
  },
  _parser() {
    return this.opts.parser
  },
  parentNsps() {
    return this.families
  },
  parentNamespacesFromRegExp() {
    const families = [...this.families.values()].filter(({ pattern }) => pattern !== undefined)
    return new Map(families.map((family) => [family.pattern, family]))
  },
}

const serverMethods = {
  attachApp(): never {
    throw new TidewireError(
      'TW_ERR_UNSUPPORTED',
      'attachApp() needs uWebSockets.js, which npm does not have. Attach to an http server: tidewire frames WebSocket itself and needs no native engine',
    )
  },
  onconnection(this: AnyServer, session: EngineSession): AnyServer {
    this.serveSession(adaptSession(session))
    return this
  },
  _checkNamespace(this: AnyServer, name: string, auth: { [key: string]: any }, done: (namespace: AnyNamespace | false) => void): void {
    findNamespace(this, name, auth, (namespace) => done(namespace ?? false))
  },
}

const namespace: Views<AnyNamespace> = {
  _fns() {
    return (this as unknown as { middlewares: unknown[] }).middlewares
  },
}

const namespaceMethods = {
  _initAdapter(this: AnyNamespace): void {
    this.adapter = this.server.createAdapter(this)
    this.server.watchAdapter(this.adapter.init(), 'adapter.init')
  },
  _remove(this: AnyNamespace, socket: AnySocket): void {
    this.remove(socket)
  },
}

const socketMethods = {
  leaveAll(this: AnySocket): void {
    this.adapter.delAll(this.id)
  },
  packet(this: AnySocket, packet: Partial<SocketPacket>, options?: object): void {
    const whole = { ...packet, nsp: this.nsp.name } as SocketPacket
    this.client.write(new EncodedPacket(whole, this.nsp.server.codec), options)
  },
}

const connection: Views<Connection> = {
  encoder() {
    return (this.server as unknown as ServerViews).encoder
  },
}

const connectionMethods = {
  _packet(this: Connection, packet: SocketPacket, options?: WriteFlags & { preEncoded?: boolean }): void {
    if (options?.preEncoded === true) this.writeToEngine(packet as unknown as string[], options)
    else this.write(new EncodedPacket(packet, this.server.codec), options)
  },
  _disconnect(this: Connection): void {
    this.disconnect()
  },
}

function install(prototype: object, views: Views<any>, methods: Record<string, Function> = {}): void {
  for (const [name, get] of Object.entries(views)) Object.defineProperty(prototype, name, { configurable: true, get })
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(prototype, name, { configurable: true, writable: true, value })
}

export function installViews(prototypes: { server: object; namespace: object; socket: object; connection: object }): void {
  install(prototypes.server, server, serverMethods)
  install(prototypes.namespace, namespace, namespaceMethods)
  install(prototypes.socket, {}, socketMethods)
  install(prototypes.connection, connection, connectionMethods)
}
