// One engine session's multiplexer: decodes its messages and routes packets to the sockets of its namespaces; the other way, writes their
// packets. Users meet it as `socket.client`. Created by Server for each session, dead after handleClose.
import { PacketType, ProtocolError } from '@tidewire/protocol'
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import type { IncomingMessage } from 'node:http'
import { EncodedPacket } from './broadcast/encoded.ts'
import type { PacketDecoder } from './codec.ts'
import type { CloseReason, EngineSession, SessionHandler } from './engine/contract.ts'
import type { OutgoingMessage } from './engine/outgoing-message.ts'
import { queryOf } from './engine/request-facts.ts'
import { OutgoingMessage as Message } from './engine/outgoing-message.ts'
import { findNamespace } from './namespace/find-namespace.ts'
import type { Namespace } from './namespace/namespace.ts'
import type { Server } from './server.ts'
import type { Socket } from './socket/socket.ts'
import { debugScope } from './debug.ts'
import type { Receiver } from './half-received.ts'
import type { Joiner } from './join-deadline.ts'
import type { LimitName } from './limits.ts'
import { limitOf } from './observe/counters.ts'

const debug = debugScope('socket.io:client')

export interface WriteFlags {
  volatile?: boolean
  compress?: boolean
}

type AnySocket = Socket<any, any, any, any>

/** What `querystring` of Node takes: a packet may be a thousand times as long as a URL. */
const MAX_QUERY_COUNT = 1_000
/** RFC 6455, 7.4.1. */
const POLICY_VIOLATION = 1008

/** One client over all its namespaces, as `socket.client`. */
export class Connection implements SessionHandler, Receiver, Joiner {
  /** The Engine.IO session. */
  readonly conn: EngineSession
  /** The server that it belongs to. */
  readonly server: Server<any, any, any, any>
  /** The Socket.IO protocol: 4 for clients of 1.x and 2.x, 5 for those of 3.x and 4.x. */
  readonly revision: SocketRevision
  /** perf: the one that all share, until it has to keep something for this client. */
  #decoder: PacketDecoder | undefined
  /** perf: nearly every client is in one namespace; a map costs 180 bytes for it. */
  #only: AnySocket | undefined
  #socketsByNamespace: Map<string, AnySocket> | undefined
  /** Namespaces whose CONNECT is on its way through the middlewares (spec: SIO-27). */
  #joining: Set<string> | undefined

  constructor(server: Server<any, any, any, any>, session: EngineSession) {
    this.server = server
    this.conn = session
    this.revision = session.protocol === 4 ? 5 : 4
    session.handler = this
    if (this.revision === 4) this.#join('/', undefined, '')
    else server.joinDeadline.add(this, server.connectTimeout())
  }

  /** The engine session's id. */
  get id(): string {
    return this.conn.id
  }

  /** The handshake request. */
  get request(): IncomingMessage {
    return this.conn.request
  }

  /** Its sockets by their ids: a copy. */
  get sockets(): Map<string, Socket<any, any, any, any>> {
    return new Map(this.#all().map((socket) => [socket.id, socket]))
  }

  /** Its sockets by namespace: a copy. */
  get nsps(): Map<string, AnySocket> {
    return new Map(this.#all().map((socket) => [socket.nsp.name, socket]))
  }

  /** A copy: sockets leave while it is walked. */
  #all(): AnySocket[] {
    if (this.#only !== undefined) return [this.#only]
    return this.#socketsByNamespace === undefined ? [] : [...this.#socketsByNamespace.values()]
  }

  #socketIn(name: string): AnySocket | undefined {
    if (this.#only !== undefined) return this.#only.nsp.name === name ? this.#only : undefined
    return this.#socketsByNamespace?.get(name)
  }

  /** Whether anything can still be sent. */
  get isOpen(): boolean {
    return this.conn.readyState === 'open'
  }

  // ---- in

  handleMessage(data: string | Buffer): void {
    let packet: SocketPacket | undefined
    const { codec, halfReceived } = this.server
    try {
      // Decoders, ours and the official one, take no text for CONNECT; a message without data never gets that far officially.
      if (data === '') throw new ProtocolError('TW_ERR_SOCKET_PACKET', 'Malformed Socket.IO packet: a message without data', { officialMessage: 'Unknown type: undefined' })
      if (this.#decoder === undefined && typeof data === 'string') packet = codec.decodeWhole?.(data, this.revision)
      packet ??= (this.#decoder ??= codec.createDecoder(this.revision)).add(data)
    } catch (error) {
      return this.#fail(error)
    }
    if (packet === undefined) return halfReceived.add(this, data.length)
    if (halfReceived.size > 0) halfReceived.delete(this)
    if (packet.type === PacketType.CONNECT) this.#handleConnect(packet, data)
    else this.#dispatch(packet)
  }

  /** The one place where a decoder's error ends: sockets are told, the session closes, and the peer learns why. */
  #fail(error: unknown): void {
    const limit = limitOf(error)
    if (limit !== undefined) this.server.counters.hit(limit, this.conn, (error as Error).message)
    this.#closeWith(toListenerError(error), error instanceof ProtocolError ? error.message : 'malformed packet')
  }

  /** A limit of this server was hit. @internal */
  handleLimit(limit: LimitName, detail: string): void {
    this.server.counters.hit(limit, this.conn, detail)
    this.#closeWith(new Error(`${limit}: ${detail}`), `${limit}: ${detail}`)
  }

  #closeWith(error: Error, reason: string): void {
    for (const socket of this.#all()) socket.handleError(error)
    this.#closeFor(reason)
  }

  #closeFor(reason: string): void {
    if (this.conn.readyState === 'open') this.conn.close(false, { code: POLICY_VIOLATION, reason })
  }

  #dispatch(packet: SocketPacket): void {
    // Only servers refuse.
    if (packet.type === PacketType.CONNECT_ERROR) return this.revision === 5 ? this.close() : undefined
    const socket = this.#socketIn(this.revision === 5 ? packet.nsp : withoutQuery(packet.nsp))
    if (socket !== undefined) this.#handOver(socket, packet)
    // Revision 4: early 2.x clients may send before they are answered; their servers ignored it.
    else if (this.revision === 5) this.#closeFor('a packet for a namespace that was not joined')
  }

  /** compat: applications replace `onevent`; and whatever throws in there has nobody above it but a transport. */
  #handOver(socket: AnySocket, packet: SocketPacket): void {
    try {
      socket.handlePacket(packet)
    } catch (error) {
      this.server.handleHandlerError(error, { socket, event: 'packet' })
    }
  }

  #handleConnect({ nsp, data }: SocketPacket, message: string | Buffer): void {
    if (this.revision === 5) {
      if (this.#socketIn(nsp) !== undefined) return this.#closeFor('a second CONNECT for one namespace')
      return this.#join(nsp, typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined, message)
    }
    const name = withoutQuery(nsp)
    // The client is joined to "/" unasked; some ask all the same (spec: SIO-28).
    if (name === '/' || this.#socketIn(name) !== undefined) return
    this.#join(name, name === nsp ? undefined : queryOf(nsp, MAX_QUERY_COUNT), message)
  }

  #join(asked: string, auth: Record<string, unknown> | undefined, message: string | Buffer): void {
    if (this.#joining?.has(asked)) return
    const count = (this.#only === undefined ? (this.#socketsByNamespace?.size ?? 0) : 1) + (this.#joining?.size ?? 0)
    const { maxNamespaces } = this.server
    if (count >= maxNamespaces) return this.handleLimit('maxNamespaces', `one client may be in ${maxNamespaces} namespaces`)
    const known = this.server._nsps.get(asked)
    const name = known?.name ?? ownText(asked)
    const above = this.server.credentials.add(this, name, message)
    if (above !== undefined) return this.handleLimit(above.limit, above.detail)
    // perf: nobody has to be waited for, so that nobody can ask a second time meanwhile.
    if (known?.admitsAtOnce === true) return this.#enter(known, auth)
    ;(this.#joining ??= new Set()).add(name)
    const sent = auth ?? {}
    findNamespace(this.server, name, sent, (namespace) => {
      if (!this.isOpen) return namespace?.checkEmpty()
      if (namespace === undefined) return this.#refuseJoin(name, 'Invalid namespace')
      this.#enter(namespace, sent)
    })
  }

  #enter(namespace: Namespace<any, any, any, any>, auth: Record<string, unknown> | undefined): void {
    try {
      namespace.admit(this, auth)
    } catch (error) {
      // The application's adapter: the client is told, and so is the operator.
      this.server.handleHandlerError(error, { socket: undefined, event: 'adapter' })
      this.#refuseJoin(namespace.name, 'internal server error')
      namespace.checkEmpty()
    }
  }

  #refuseJoin(name: string, message: string): void {
    this.server.counters.connectErrors++
    this.#forgetJoin(name)
    this.write(new EncodedPacket({ type: PacketType.CONNECT_ERROR, nsp: name, data: { message } }, this.server.codec))
  }

  #forgetJoin(name: string): void {
    this.#joining?.delete(name)
    if (this.server.credentials.size > 0) this.server.credentials.delete(this, name)
  }

  // ---- membership, called by namespace/join

  /** The namespace has let the socket in. */
  add(socket: Socket<any, any, any, any>): void {
    this.#joining?.delete(socket.nsp.name)
    if (this.#joining?.size === 0) this.#joining = undefined
    if (this.#only === undefined && this.#socketsByNamespace === undefined) this.#only = socket
    else {
      this.#socketsByNamespace ??= new Map()
      if (this.#only !== undefined) this.#socketsByNamespace.set(this.#only.nsp.name, this.#only)
      this.#only = undefined
      this.#socketsByNamespace.set(socket.nsp.name, socket)
    }
    this.server.joinDeadline.delete(this)
  }

  /** The namespace has refused. */
  refuse(namespace: Namespace<any, any, any, any>, error: Error & { data?: unknown }): void {
    this.#forgetJoin(namespace.name)
    this.server.counters.connectErrors++
    const data = this.revision === 5 ? { message: error.message, data: error.data } : (error.data ?? error.message)
    this.write(new EncodedPacket({ type: PacketType.CONNECT_ERROR, nsp: namespace.name, data }, this.server.codec))
  }

  /** Forgets a socket that has left. @internal */
  remove(socket: Socket<any, any, any, any>): void {
    if (this.#only === socket) this.#only = undefined
    else if (this.#socketsByNamespace?.get(socket.nsp.name) === socket) this.#socketsByNamespace.delete(socket.nsp.name)
    else return
    if (this.server.credentials.size > 0) this.server.credentials.delete(this, socket.nsp.name)
  }

  /** Whether it has joined a namespace. @internal */
  get hasSockets(): boolean {
    return this.#only !== undefined || (this.#socketsByNamespace?.size ?? 0) > 0
  }

  // ---- out

  /** Sends a packet that is encoded once for all. @internal */
  write(encoded: EncodedPacket, flags?: WriteFlags): void {
    const { conn } = this
    if (conn.readyState !== 'open') return
    if (flags?.volatile === true && !conn.writable) return void this.server.counters.volatileDropped++
    const messages = flags?.compress === false ? encoded.uncompressedMessages(this.revision) : encoded.messages(this.revision)
    if (messages.length === 1) conn.sendMessage(messages[0]!)
    else for (const message of messages) conn.sendMessage(message)
  }

  /** Sends what is encoded and shared already. @internal */
  writeMessages(messages: readonly OutgoingMessage[]): void {
    for (const message of messages) this.conn.sendMessage(message)
  }

  /** compat: adapters of the official packages hand over packets that they have encoded (Engine.IO messages). */
  writeToEngine(chunks: readonly (string | Uint8Array)[], flags?: WriteFlags): void {
    if (flags?.volatile === true && !this.conn.writable) return void this.server.counters.volatileDropped++
    for (const message of messagesOf(chunks)) this.conn.sendMessage(message)
  }

  // ---- close

  /** Leaves all namespaces, telling the client. */
  disconnect(): void {
    for (const socket of this.#all()) socket.disconnect()
    this.close()
  }

  /** Disconnects all its sockets and closes the session. */
  close(): void {
    if (this.conn.readyState === 'open') this.conn.close()
  }

  handleClose(reason: CloseReason, description?: unknown): void {
    debug?.('session %s closed: %s', this.id, reason)
    this.server.joinDeadline.delete(this)
    this.#decoder?.destroy()
    this.server.halfReceived.delete(this)
    this.server.credentials.forget(this)
    for (const name of this.#joining ?? []) this.server._nsps.get(name)?.checkEmpty()
    this.#joining = undefined
    for (const socket of this.#all()) socket.handleClose(reason, description)
    this.#only = undefined
    this.#socketsByNamespace = undefined
  }

  /** Its time to join a namespace is over. @internal */
  handleNotJoined(): void {
    if (!this.hasSockets) this.handleLimit('connectTimeout', 'no namespace was joined in time')
  }
}

/** What is cut out of a message holds all of it in memory, for as long as the name is known. */
function ownText(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}

/** The name of a namespace as clients of revision 4 write it: with a query. */
function withoutQuery(nsp: string): string {
  const mark = nsp.indexOf('?')
  return mark < 0 ? nsp : nsp.slice(0, mark)
}

/** A broadcast of such an adapter hands the same chunks to every recipient, one after the other: they share the frames. */
let latest: { chunks: readonly unknown[]; messages: OutgoingMessage[] } | undefined

function messagesOf(chunks: readonly (string | Uint8Array)[]): OutgoingMessage[] {
  if (latest?.chunks !== chunks) {
    latest = { chunks, messages: chunks.map((chunk) => new Message(chunk)) }
    setImmediate(() => {
      latest = undefined
    })
  }
  return latest.messages
}

/** What "error" listeners get: the official text where there is one, with the codec's own error and its details as the cause. */
function toListenerError(error: unknown): Error {
  if (error instanceof ProtocolError && error.officialMessage !== undefined) return new Error(error.officialMessage, { cause: error })
  return error instanceof Error ? error : new Error(String(error))
}
