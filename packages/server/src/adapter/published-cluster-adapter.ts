// The base class that third-party adapters extend (`ClusterAdapter` of the published package): they move messages, it gives them their meaning.
// In: onMessage, onResponse. Out: doPublish, doPublishResponse. Requests wait for their answers here, for a limited time.
/* oxlint-disable typescript/no-misused-promises -- the published contract: methods that the base class has without a promise give one here, and callers watch it */
import { PacketType } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import { randomBytes } from 'node:crypto'
import type { Namespace } from '../namespace/namespace.ts'
import { Adapter } from './adapter.ts'
import type { BroadcastOptions, Room } from './adapter.ts'
import { MessageType } from './cluster-messages.ts'
import type { ClusterMessage, ClusterResponse, Offset, OutgoingClusterMessage, OutgoingClusterResponse, ServerId } from './cluster-messages.ts'

/** How long queries wait for the other nodes, unless `timeout()` says otherwise. */
export const REQUEST_TIMEOUT_MS = 5000

type Ack = (error: Error | null, responses: unknown[]) => void

/** A query that waits for the answers of other nodes. */
export interface ClusterRequest {
  readonly type: number
  readonly answers: unknown[]
  /** One answer of a node, and what is in it. */
  settle(uid: ServerId, values: readonly unknown[]): void
  /** A node will not answer any more. */
  forgetNode(uid: ServerId): void
}

interface AckRequest {
  clientCount(count: number): void
  ack(...args: unknown[]): void
}

/**
 * The base class of adapters that know who else listens on their channel. Subclasses send with `doPublish` and `doPublishResponse`, and
 * hand over what comes with `onMessage` and `onResponse`.
 */
export abstract class ClusterAdapter extends Adapter {
  /** This node, in messages. */
  protected readonly uid: ServerId = createRequestId()
  readonly #requests = new Map<string, ClusterRequest>()
  readonly #ackRequests = new Map<string, AckRequest>()

  // oxlint-disable-next-line no-useless-constructor -- protected and for `any`, as in the published declarations
  protected constructor(nsp: Namespace<any, any, any, any>) {
    super(nsp)
  }

  /** Sends a message to the other nodes; resolves with its place in the log, if there is one. */
  protected abstract doPublish(message: ClusterMessage): Promise<Offset>
  /** Sends an answer to one node. */
  protected abstract doPublishResponse(requesterUid: ServerId, response: ClusterResponse): Promise<void>

  // ---- in

  /** To be called with every message of another node; `offset` is its place in the log. */
  protected onMessage(message: ClusterMessage, offset?: Offset): void {
    if (message.uid === this.uid) return
    switch (message.type) {
      case MessageType.BROADCAST:
        return this.#handleBroadcast(message, offset)
      case MessageType.SOCKETS_JOIN:
        return super.addSockets(decodeOptions(message.data.opts), message.data.rooms)
      case MessageType.SOCKETS_LEAVE:
        return super.delSockets(decodeOptions(message.data.opts), message.data.rooms)
      case MessageType.DISCONNECT_SOCKETS:
        return super.disconnectSockets(decodeOptions(message.data.opts), message.data.close ?? false)
      case MessageType.FETCH_SOCKETS:
        return this.nsp.server.watchAdapter(this.#answerFetch(message))
      case MessageType.SERVER_SIDE_EMIT:
        return this.#handleServerSideEmit(message)
    }
  }

  #handleBroadcast({ uid, data }: ClusterMessage & { type: 3 }, offset: Offset | undefined): void {
    const options = decodeOptions(data.opts)
    const { requestId, packet } = data
    if (requestId === undefined) {
      this.#addOffset(packet, options, offset)
      super.broadcast(packet, options)
      return
    }
    super.broadcastWithAck(
      packet,
      options,
      (clientCount) => this.publishResponse(uid, { type: MessageType.BROADCAST_CLIENT_COUNT, data: { requestId, clientCount } }),
      (answer) => this.publishResponse(uid, { type: MessageType.BROADCAST_ACK, data: { requestId, packet: answer as unknown } }),
    )
  }

  async #answerFetch({ uid, data }: ClusterMessage & { type: 7 }): Promise<void> {
    const sockets = await super.fetchSockets(decodeOptions(data.opts))
    this.publishResponse(uid, {
      type: MessageType.FETCH_SOCKETS_RESPONSE,
      data: { requestId: data.requestId, sockets: sockets.map(detailsOf) },
    })
  }

  #handleServerSideEmit({ uid, data: { packet, requestId } }: ClusterMessage & { type: 9 }): void {
    if (requestId === undefined) return this.nsp._onServerSideEmit(packet as [string, ...any[]])
    let isAnswered = false
    const ack = (answer: unknown): void => {
      if (isAnswered) return
      isAnswered = true
      this.publishResponse(uid, { type: MessageType.SERVER_SIDE_EMIT_RESPONSE, data: { requestId, packet: answer } })
    }
    this.nsp._onServerSideEmit([...packet, ack] as unknown as [string, ...any[]])
  }

  /** To be called with every answer to this node. */
  protected onResponse(response: ClusterResponse): void {
    const { requestId } = response.data
    switch (response.type) {
      case MessageType.BROADCAST_CLIENT_COUNT:
        return this.#ackRequests.get(requestId)?.clientCount(response.data.clientCount)
      case MessageType.BROADCAST_ACK:
        return this.#ackRequests.get(requestId)?.ack(response.data.packet)
      case MessageType.FETCH_SOCKETS_RESPONSE:
        return this.#requests.get(requestId)?.settle(response.uid, response.data.sockets)
      case MessageType.SERVER_SIDE_EMIT_RESPONSE:
        return this.#requests.get(requestId)?.settle(response.uid, [response.data.packet])
    }
  }

  // ---- out

  override async broadcast(packet: SocketPacket, options: BroadcastOptions): Promise<void> {
    if (options.flags?.local !== true) {
      packet.nsp = this.nsp.name
      try {
        const offset = await this.publishAndReturnOffset({ type: MessageType.BROADCAST, data: { packet, opts: encodeOptions(options) } })
        this.#addOffset(packet, options, offset)
      } catch (error) {
        // The sockets of this node get it all the same.
        this.#report(error)
      }
    }
    super.broadcast(packet, options)
  }

  /** Clients that recover show the last offset they have seen; only what the log holds has one. */
  #addOffset(packet: SocketPacket, { flags }: BroadcastOptions, offset: Offset | undefined): void {
    const isRecoverable = Boolean(this.nsp.server.opts.connectionStateRecovery)
    if (!isRecoverable || offset === undefined || packet.type !== PacketType.EVENT || packet.id !== undefined || flags?.volatile === true) return
    ;(packet.data as unknown[]).push(offset)
  }

  override broadcastWithAck(
    packet: SocketPacket,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: any[]) => void,
  ): void {
    if (options.flags?.local !== true) {
      const requestId = createRequestId()
      packet.nsp = this.nsp.name
      this.#ackRequests.set(requestId, { clientCount, ack })
      setTimeout(() => this.#ackRequests.delete(requestId), options.flags?.timeout ?? REQUEST_TIMEOUT_MS)
      this.publish({ type: MessageType.BROADCAST, data: { packet, requestId, opts: encodeOptions(options) } })
    }
    super.broadcastWithAck(packet, options, clientCount, ack)
  }

  override async addSockets(options: BroadcastOptions, rooms: Room[]): Promise<void> {
    super.addSockets(options, rooms)
    if (options.flags?.local === true) return
    await this.#publishGuarded({ type: MessageType.SOCKETS_JOIN, data: { opts: encodeOptions(options), rooms } })
  }

  override async delSockets(options: BroadcastOptions, rooms: Room[]): Promise<void> {
    super.delSockets(options, rooms)
    if (options.flags?.local === true) return
    await this.#publishGuarded({ type: MessageType.SOCKETS_LEAVE, data: { opts: encodeOptions(options), rooms } })
  }

  override async disconnectSockets(options: BroadcastOptions, close: boolean): Promise<void> {
    if (options.flags?.local !== true) {
      await this.#publishGuarded({ type: MessageType.DISCONNECT_SOCKETS, data: { opts: encodeOptions(options), close } })
    }
    super.disconnectSockets(options, close)
  }

  override async fetchSockets(options: BroadcastOptions): Promise<any[]> {
    const local = await super.fetchSockets(options)
    const others = options.flags?.local === true ? 0 : (await this.serverCount()) - 1
    if (others <= 0) return local
    return new Promise((resolve, reject) => {
      const requestId = this.#ask(MessageType.FETCH_SOCKETS, others, options.flags?.timeout, local, (error, answers) =>
        error === null ? resolve(answers) : reject(error),
      )
      this.publish({ type: MessageType.FETCH_SOCKETS, data: { opts: encodeOptions(options), requestId } })
    })
  }

  override async serverSideEmit(packet: any[]): Promise<void> {
    const ack: unknown = packet.at(-1)
    if (typeof ack !== 'function') {
      this.publish({ type: MessageType.SERVER_SIDE_EMIT, data: { packet } })
      return
    }
    const others = (await this.serverCount()) - 1
    if (others <= 0) return (ack as Ack)(null, [])
    const requestId = this.#ask(MessageType.SERVER_SIDE_EMIT, others, undefined, [], ack as Ack)
    this.publish({ type: MessageType.SERVER_SIDE_EMIT, data: { requestId, packet: packet.slice(0, -1) } })
  }

  #ask(type: number, others: number, timeoutMs = REQUEST_TIMEOUT_MS, answers: unknown[], done: Ack): string {
    const requestId = createRequestId()
    const waiting = this.waitFor(others)
    const isOver = (): boolean => {
      if (!waiting.isOver) return false
      clearTimeout(timer)
      this.#requests.delete(requestId)
      return true
    }
    const timer = setTimeout(() => {
      this.#requests.delete(requestId)
      done(new Error(`timeout reached: ${waiting.missing}`), answers)
    }, timeoutMs)
    this.#requests.set(requestId, {
      type,
      answers,
      settle(uid, values) {
        answers.push(...values)
        waiting.answered(uid)
        if (isOver()) done(null, answers)
      },
      forgetNode(uid) {
        waiting.answered(uid)
        if (isOver()) done(null, answers)
      },
    })
    return requestId
  }

  /** Counts answers; a class that knows the nodes by name waits for those. */
  protected waitFor(others: number): { answered(uid: ServerId): void; readonly isOver: boolean; readonly missing: string } {
    let count = 0
    return {
      answered: () => void count++,
      get isOver() {
        return count >= others
      },
      get missing() {
        return `only ${count} responses received out of ${others}`
      },
    }
  }

  /** A node is gone: nobody waits for it any more. */
  protected forgetNode(uid: ServerId): void {
    for (const request of [...this.#requests.values()]) request.forgetNode(uid)
  }

  /** Sends without waiting; a failure is reported. */
  protected publish(message: OutgoingClusterMessage): void {
    void this.#publishGuarded(message)
  }

  async #publishGuarded(message: OutgoingClusterMessage): Promise<void> {
    try {
      await this.publishAndReturnOffset(message)
    } catch (error) {
      this.#report(error)
    }
  }

  /** @throws what doPublish rejects with */
  protected publishAndReturnOffset(message: OutgoingClusterMessage): Promise<Offset> {
    return this.doPublish({ ...message, uid: this.uid, nsp: this.nsp.name } as ClusterMessage)
  }

  protected publishResponse(requesterUid: ServerId, response: OutgoingClusterResponse): void {
    const complete = { ...response, uid: this.uid, nsp: this.nsp.name } as ClusterResponse
    this.doPublishResponse(requesterUid, complete).catch((error: unknown) => this.#report(error))
  }

  #report(error: unknown): void {
    this.nsp.server.handleHandlerError(error, { socket: undefined, event: 'adapter' })
  }
}

function createRequestId(): string {
  return randomBytes(8).toString('hex')
}

function encodeOptions({ rooms, except, flags }: BroadcastOptions): { rooms: string[]; except: string[]; flags: object } {
  return { rooms: [...rooms], except: [...(except ?? [])], flags: flags ?? {} }
}

function decodeOptions({ rooms, except, flags }: { rooms: string[]; except: string[]; flags: object }): BroadcastOptions {
  return { rooms: new Set(rooms), except: new Set(except), flags }
}

/** What other nodes get to know of a socket. */
function detailsOf({ id, handshake, rooms, data }: { id: string; handshake: object; rooms: Iterable<Room>; data: unknown }): unknown {
  // A session store of express-session hangs on the handshake of some applications, and cannot be sent.
  const { sessionStore: _store, ...rest } = handshake as { sessionStore?: unknown }
  return { id, handshake: rest, rooms: [...rooms], data }
}
