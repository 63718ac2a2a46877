// What this node and one other one do for each other's sessions, for one life of their link. Messages in: dispatched by kind and number.
// Messages out: written here, so that what waits to be sent to several WebSockets at once keeps its place among them.
import { TidewireError } from '@tidewire/protocol'
import type { EnginePacket, EngineRevision } from '@tidewire/protocol'
import type {
  EngineRejection,
  EngineSession,
  LocalSessions,
  OutgoingMessage,
  Owner,
  PendingUpgrade,
  PollExchange,
  RemoteUpgrade,
  SessionRequest,
} from 'tidewire'
import type { ClusterNode, Incarnation } from '../cluster-node.ts'
import { SERVICE } from '../cluster-node.ts'
import { MessageReader, MessageWriter, malformed } from '../wire/bytes.ts'
import {
  CLOSE_REASONS,
  FIRST_TO_EDGE,
  KIND,
  readAnswer,
  readFacts,
  readOpen,
  readPacket,
  readPoll,
  readRefusal,
  writeOpen,
  writePacket,
  writePoll,
  writeRefusal,
} from './messages.ts'
import { RelayedPoll } from './relayed-poll.ts'
import { RelayedWebSocket } from './relayed-websocket.ts'
import type { SessionTerms } from './relayed-websocket.ts'
import { RemotePoll } from './remote-poll.ts'
import { RemoteWebSocket } from './remote-websocket.ts'

/** Frames are cut to messages of this size: they are a stream to their reader. */
const MAX_FRAMES_BYTES = 256 << 10
const EMPTY = Buffer.alloc(0)
const writer = new MessageWriter()

export interface PeerHost {
  readonly node: ClusterNode
  /** The engine that has the session, or any. */
  sessionsOf(sid: string): LocalSessions
  handleReady(peer: PeerSessions): void
  reportError(error: TidewireError): void
}

/** The same messages for several WebSockets, not yet sent. */
interface PendingFrames {
  readonly batch: readonly OutgoingMessage[]
  readonly revision: EngineRevision
  readonly supportsBinary: boolean
  readonly frames: Buffer
  readonly numbers: number[]
}

/** `full`: taken, but no more should follow before the link has room. `failed`: too large for a message; reported. */
export type SendOutcome = 'sent' | 'full' | 'failed'

export class PeerSessions {
  readonly incarnation: Incarnation
  isFull = false
  readonly #host: PeerHost
  /** This node is their edge; by the numbers it has given them. */
  readonly #relayed = new Map<number, RelayedPoll | RelayedWebSocket>()
  /** This node owns their sessions; by the numbers of the other one. */
  readonly #remote = new Map<number, RemotePoll | RemoteWebSocket>()
  /** What waits for room on the link. */
  readonly #heldBack: (() => void)[] = []
  #lastNumber = 0
  #isLeaving = false
  #pending: PendingFrames | undefined

  constructor(incarnation: Incarnation, host: PeerHost) {
    this.incarnation = incarnation
    this.#host = host
  }

  /** Sessions that end with the link. */
  get counts(): { readonly relayed: number; readonly remote: number } {
    return { relayed: this.#relayed.size, remote: this.#remote.size }
  }

  /** WebSockets here that serve sessions there. */
  get relayedWebSockets(): RelayedWebSocket[] {
    return [...this.#relayed.values()].filter((exchange) => exchange instanceof RelayedWebSocket)
  }

  get hasRelayedPolls(): boolean {
    for (const exchange of this.#relayed.values()) if (exchange instanceof RelayedPoll) return true
    return false
  }

  // ---- out

  tell(kind: number, number: number): void {
    this.send(kind, number, () => {})
  }

  send(kind: number, number: number, write: (writer: MessageWriter) => unknown): SendOutcome {
    this.#flushPending()
    writer.start(kind).number(number)
    write(writer)
    return this.#sendMessage()
  }

  /** perf: what clients send needs no closure. */
  sendPacket(number: number, packet: EnginePacket): SendOutcome {
    this.#flushPending()
    writePacket(writer.start(KIND.packet).number(number), packet)
    return this.#sendMessage()
  }

  /** Calls `action` when the other node has handled all that has been sent to it so far; never, if the link ends before. */
  whenHandled(action: () => void): void {
    this.#flushPending()
    this.#host.node.whenHandled(this.incarnation, action)
  }

  #sendMessage(): SendOutcome {
    try {
      if (this.#host.node.send(this.incarnation, SERVICE.sessions, writer.message) === 'full')
        this.isFull = true
    } catch (error) {
      if (!(error instanceof TidewireError)) throw error
      this.#host.reportError(error)
      return 'failed'
    }
    return this.isFull ? 'full' : 'sent'
  }

  /** Gives the number of bytes that the edge will write. */
  deliver(socket: RemoteWebSocket, batch: readonly OutgoingMessage[]): number {
    const revision = socket.session.protocol
    const pending = this.#pending
    // perf: what a turn sends to many clients of one edge travels once.
    if (
      pending !== undefined &&
      pending.revision === revision &&
      pending.supportsBinary === socket.supportsBinary &&
      isSame(pending.batch, batch)
    ) {
      pending.numbers.push(socket.number)
      return pending.frames.length
    }
    this.#flushPending()
    const frames = framesOf(batch, revision, socket.supportsBinary)
    this.#pending = {
      batch: batch.slice(),
      revision,
      supportsBinary: socket.supportsBinary,
      frames,
      numbers: [socket.number],
    }
    queueMicrotask(() => this.#flushPending())
    return frames.length
  }

  #flushPending(): void {
    const pending = this.#pending
    if (pending === undefined) return
    this.#pending = undefined
    const { frames, numbers } = pending
    for (let at = 0; at < frames.length; at += MAX_FRAMES_BYTES) {
      writer.start(KIND.frames).number(numbers.length)
      for (const number of numbers) writer.number(number)
      writer.bytes(frames.subarray(at, at + MAX_FRAMES_BYTES))
      this.#sendMessage()
    }
  }

  // ---- this node is the edge

  servePoll(request: SessionRequest, exchange: PollExchange, engine: LocalSessions): void {
    if (exchange.method !== 'POST') return this.#relayPoll(request, exchange, EMPTY)
    // A body is not read before there is room for it.
    this.#whenRoom(() =>
      exchange.readBody(engine.maxPayloadBytes, (body) => {
        if (body !== undefined) this.#whenRoom(() => this.#relayPoll(request, exchange, body))
        else engine.countLimit?.('maxHttpBufferSize')
      }),
    )
  }

  #whenRoom(action: () => void): void {
    if (this.isFull) this.#heldBack.push(action)
    else action()
  }

  #relayPoll(request: SessionRequest, exchange: PollExchange, body: Buffer): void {
    // The link may have ended while the body came.
    if (this.#isEnded) return exchange.refuse(this.#endRefusal!)
    const number = ++this.#lastNumber
    this.#relayed.set(number, new RelayedPoll(this, number, exchange))
    if (this.send(KIND.poll, number, (out) => writePoll(out, request, exchange, body)) === 'failed')
      exchange.answer({ status: 413 })
    // It would be held there until this node is gone.
    else if (this.#isLeaving) this.tell(KIND.leaving, 0)
  }

  serveUpgrade(request: SessionRequest, upgrade: PendingUpgrade, timers: LocalSessions): void {
    const number = ++this.#lastNumber
    this.#relayed.set(number, new RelayedWebSocket(this, number, upgrade, timers))
    this.send(KIND.open, number, (out) => writeOpen(out, request))
  }

  forgetRelayed(number: number): void {
    this.#relayed.delete(number)
  }

  // ---- in

  handleMessage(bytes: Uint8Array): void {
    const reader = new MessageReader(bytes)
    const kind = reader.byte()
    if (kind === KIND.frames) return this.#handleFrames(reader)
    const number = reader.number()
    if (kind >= FIRST_TO_EDGE) this.#handleFromOwner(kind, number, reader)
    else this.#handleFromEdge(kind, number, reader)
  }

  #handleFrames(reader: MessageReader): void {
    const numbers: number[] = []
    for (let count = reader.number(); count > 0; count--) numbers.push(reader.number())
    const frames = reader.bytes()
    for (const number of numbers) {
      const socket = this.#relayed.get(number)
      if (socket instanceof RelayedWebSocket) socket.deliver(frames)
    }
  }

  #handleFromOwner(kind: number, number: number, reader: MessageReader): void {
    const target = this.#relayed.get(number)
    // It has ended here meanwhile, which the owner learns.
    if (target === undefined) {
      if (kind === KIND.ask) this.tell(KIND.aborted, number)
      return
    }
    if (kind === KIND.refused) target.refuse(readRefusal(reader))
    else if (target instanceof RelayedPoll) {
      if (kind === KIND.answer) target.answer(readAnswer(reader))
      else if (kind === KIND.destroy) target.destroy()
      else if (kind === KIND.ask) target.ask()
    } else if (kind === KIND.accepted) target.accept(readTerms(reader))
    else if (kind === KIND.close) target.close(readFacts(reader))
  }

  #handleFromEdge(kind: number, number: number, reader: MessageReader): void {
    if (kind === KIND.ready) return this.#host.handleReady(this)
    if (kind === KIND.leaving) return this.#handleLeaving()
    if (kind === KIND.poll) return this.#handlePoll(number, reader)
    if (kind === KIND.open) return this.#handleOpen(number, reader)
    const target = this.#remote.get(number)
    if (target instanceof RemotePoll) this.#handlePollReport(kind, number, target)
    else if (target !== undefined) handleWebSocketReport(kind, target, reader)
  }

  #handlePoll(number: number, reader: MessageReader): void {
    const { request, body } = readPoll(reader)
    const exchange = new RemotePoll(this, number, request, body)
    this.#remote.set(number, exchange)
    this.#host.sessionsOf(request.sid).servePoll(request, exchange)
  }

  #handlePollReport(kind: number, number: number, exchange: RemotePoll): void {
    if (kind === KIND.stillWaiting) return exchange.handler?.handleStillWaiting(exchange)
    this.#remote.delete(number)
    if (kind === KIND.flushed) exchange.handler?.handleFlushed(exchange)
    else if (kind === KIND.unwritten) exchange.handler?.handleUnwritten(exchange)
    else if (kind === KIND.aborted) exchange.handler?.handleAborted(exchange)
  }

  #handleOpen(number: number, reader: MessageReader): void {
    const request = readOpen(reader)
    const sessions = this.#host.sessionsOf(request.sid)
    const upgrade: RemoteUpgrade = {
      refuse: (reason) => void this.send(KIND.refused, number, (out) => writeRefusal(out, reason)),
      accept: (session: EngineSession & Owner) => {
        const socket = new RemoteWebSocket(this, number, session, request.supportsBinary)
        this.#remote.set(number, socket)
        const terms: SessionTerms = {
          protocol: session.protocol,
          pingInterval: sessions.pingInterval,
          pingTimeout: sessions.pingTimeout,
        }
        this.send(KIND.accepted, number, (out) => out.text(JSON.stringify(terms)))
        return socket
      },
    }
    sessions.serveUpgrade(request, upgrade)
  }

  #handleLeaving(): void {
    for (const exchange of this.#remote.values())
      if (exchange instanceof RemotePoll) exchange.handler?.handleNodeLeaving(exchange)
  }

  forgetRemote(number: number): void {
    this.#remote.delete(number)
  }

  handleDrain(): void {
    this.isFull = false
    while (!this.isFull && this.#heldBack.length > 0) this.#heldBack.shift()!()
    for (const socket of this.#relayed.values()) if (socket instanceof RelayedWebSocket) socket.handleDrain()
    for (const exchange of this.#remote.values()) {
      if (exchange instanceof RemoteWebSocket) exchange.handleDrain()
      else exchange.handler?.handleRoom(exchange)
    }
  }

  // ---- end

  #endRefusal: EngineRejection | undefined

  get #isEnded(): boolean {
    return this.#endRefusal !== undefined
  }

  /** This node goes: its clients go elsewhere. */
  leave(): void {
    this.#isLeaving = true
    this.tell(KIND.leaving, 0)
    for (const socket of this.#relayed.values()) if (socket instanceof RelayedWebSocket) socket.leave()
  }

  /** The link has ended: what depended on it ends on both sides, with a reason; never a hole in a session that lives. */
  end(refusal: EngineRejection, reason: string): void {
    this.#endRefusal = refusal
    this.#pending = undefined
    this.isFull = false
    for (const action of this.#heldBack.splice(0)) action()
    for (const exchange of this.#relayed.values()) {
      if (exchange instanceof RelayedPoll) exchange.end(refusal)
      else exchange.end(refusal, reason)
    }
    this.#relayed.clear()
    for (const exchange of this.#remote.values()) {
      if (exchange instanceof RemotePoll) exchange.handler?.handleNodeLost(exchange)
      else exchange.handleClosed('transport close', { code: 1006, reason })
    }
    this.#remote.clear()
  }
}

function handleWebSocketReport(kind: number, socket: RemoteWebSocket, reader: MessageReader): void {
  if (kind === KIND.packet) socket.handlePacket(readPacket(reader))
  else if (kind === KIND.taken) socket.handleTaken(reader.number())
  else if (kind === KIND.malformed) socket.handleMalformed(reader.text())
  else if (kind === KIND.dismiss) socket.session.close()
  else if (kind === KIND.closed) {
    const reason = CLOSE_REASONS[reader.byte()]
    if (reason === undefined) throw malformed('there is no such reason')
    const { message, ...facts } = readFacts(reader)
    socket.handleClosed(reason, message === undefined ? facts : new Error(message))
  }
}

function readTerms(reader: MessageReader): SessionTerms {
  const { protocol, pingInterval, pingTimeout } = JSON.parse(reader.text()) as SessionTerms
  return { protocol, pingInterval, pingTimeout }
}

function isSame(a: readonly OutgoingMessage[], b: readonly OutgoingMessage[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function framesOf(
  batch: readonly OutgoingMessage[],
  revision: EngineRevision,
  supportsBinary: boolean,
): Buffer {
  const frames = batch.map((message) =>
    supportsBinary || !message.isBinary ? message.frame(revision) : message.base64Frame(revision),
  )
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames)
}
