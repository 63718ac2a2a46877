// The EDGE of a session on long-polling. A GET is parked until the owner has packets; a POST feeds packets in. In: exchanges of one session,
// checked by engine/verify, from this node or from others. Out: packets to the owner, answers to the client. Each answer ends its exchange;
// a batch that travels to another node is kept until that node says what became of it.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EngineRevision, PayloadReader } from '@tidewire/protocol'
import type { Edge } from '../engine/door.ts'
import { beginSlice, endSlice, mustQueue, spend, takeTurn } from '../engine/fair-turns.ts'
import { CLOSE, NOOP } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import type { ExchangeHandler, PollAnswer, PollExchange } from '../engine/poll-exchange.ts'
import type { Session } from '../engine/session.ts'
import { unwrapJsonp, wrapJsonp } from './polling-jsonp.ts'
import { debugScope } from '../debug.ts'

const debug = debugScope('engine:polling')
const debugTransport = debugScope('engine:transport')

/** What one answer carries to another node, if its first packet is no larger; the rest waits for the next poll. */
const MAX_REMOTE_ANSWER_BYTES = 1 << 20
const TEXT_TYPE = 'text/plain; charset=UTF-8'
const BINARY_TYPE = 'application/octet-stream'
const NON_ASCII = /[^\0-\x7f]/
/** text/html, as the official server answers: some browsers ask for a download otherwise. */
const OK: PollAnswer = { status: 200, contentType: 'text/html', body: 'ok' }
const BAD_REQUEST: PollAnswer = { status: 400 }

export interface PollingOptions {
  /** `b64` or `j` on the handshake: never the binary form. */
  isTextOnly: boolean
  /** The JSONP index, if the client uses it. */
  jsonpIndex: string | undefined
  maxBodyBytes: number
  /** Packets that the client takes in one answer. */
  maxPackets: number
  /**
   * compat: python-socketio takes a close packet on polling for the end of all, and connects no more; after a refused poll it does. At a shutdown it
   * is to come back.
   */
  staysAwayAfterClose: boolean
}

/** A batch on its way to the client. */
interface Answering {
  readonly exchange: PollExchange
  readonly answer: PollAnswer
  /** Packets of the outbox; 0 for a close packet, which is not in it. */
  readonly count: number
  /** The node that had it is gone: the next GET shows whether the client has got it. */
  isInDoubt: boolean
}

interface AcceptedPost {
  readonly exchange: PollExchange
  readonly body: Buffer
}

export class PollingTransport implements Edge, ExchangeHandler {
  readonly name = 'polling'
  readonly #session: Session
  readonly #options: PollingOptions
  #parked: PollExchange | undefined
  #answering: Answering | undefined
  /** A GET that may repeat the one before it, or overlap it: what the other node says of that one decides. */
  #undecided: PollExchange | undefined
  #posting: PollExchange | undefined
  /** Stands for a POST whose head has come and whose body is not whole, where that is no exchange yet. */
  #expected: object | undefined
  /** The latest POST, until the node that it came from has written our answer: a proxy may repeat it. */
  #acceptedPost: AcceptedPost | undefined
  /** A client that posts text in the binary form reads it too (spec: EIO-11). */
  #prefersBinary = false
  /** A body that has come whole is being handled, in slices perhaps. */
  #isHandling = false
  /** What has ended the session meanwhile: those who send and leave lose nothing. */
  #lost: Error | undefined
  #mustClose = false
  #isShutdown = false
  #isDead = false

  constructor(session: Session, options: PollingOptions) {
    this.#session = session
    this.#options = options
  }

  get writable(): boolean {
    // While it is in doubt whether the node of the parked one lives, nothing is risked there.
    return this.#parked !== undefined && this.#undecided === undefined && this.#parked.isHeldBack !== true
  }

  /** A POST, whose body may be on its way yet. */
  get isReading(): boolean {
    return this.#posting !== undefined || this.#expected !== undefined
  }

  /** A POST is on its way that was sent before what another transport tells from now on. Call what is returned when it has come, or never will. */
  expectPost(): () => void {
    const expected = {}
    this.#expected = expected
    return () => {
      if (this.#expected !== expected) return
      this.#expected = undefined
      this.#tellRead()
    }
  }

  #tellRead(): void {
    if (!this.isReading) this.#session.handleRead(this)
  }

  handleRequest(exchange: PollExchange): void {
    exchange.handler = this
    if (exchange.method === 'GET') this.#handleGet(exchange)
    else if (exchange.method === 'POST') this.#handlePost(exchange)
    else exchange.answer({ status: 500 })
  }

  // ---- GET: out

  #handleGet(exchange: PollExchange): void {
    if (this.#undecided !== undefined) return this.#handleOverlap(exchange)
    const { stamp } = exchange
    const answering = this.#answering
    if (answering !== undefined && !answering.exchange.isLocal) {
      // Only a client that has read the answer asks with another stamp (spec: CLU-44).
      if (stamp !== undefined && stamp !== answering.exchange.stamp && answering.exchange.stamp !== undefined) this.#finishAnswering(answering)
      else if (answering.isInDoubt) return this.#resolveDoubt(answering, exchange)
      else {
        this.#undecided = exchange
        return
      }
    }
    const parked = this.#parked
    if (parked === undefined) return this.#park(exchange)
    if (parked.isLocal) return this.#handleOverlap(exchange)
    if (stamp === undefined) {
      this.#undecided = exchange
      return parked.ask()
    }
    if (stamp !== parked.stamp) return this.#handleOverlap(exchange)
    // A proxy repeats it, because the node that holds the first is gone (spec: CLU-43).
    this.#parked = undefined
    parked.destroy()
    this.#park(exchange)
  }

  #park(exchange: PollExchange): void {
    this.#parked = exchange
    if (this.#mustClose) this.#sayClosed()
    else this.#session.handleWritable(this)
  }

  #handleOverlap(exchange: PollExchange): void {
    exchange.answer(BAD_REQUEST)
    this.#lose(new Error('overlap from client'))
  }

  #resolveDoubt(answering: Answering, exchange: PollExchange): void {
    if (exchange.stamp === undefined || answering.exchange.stamp === undefined) {
      exchange.answer(BAD_REQUEST)
      this.#lose(new Error('the node that had an answer for this client is gone, and nothing in its next request tells whether it got it'))
      return
    }
    this.#answering = { ...answering, exchange, isInDoubt: false }
    exchange.answer(answering.answer)
  }

  deliver(batch: readonly OutgoingMessage[]): void {
    debug?.('%d packets out', batch.length)
    const { maxPackets } = this.#options
    const whole = batch.length <= maxPackets ? batch : batch.slice(0, maxPackets)
    const count = this.#parked!.isLocal ? whole.length : countWithin(whole, MAX_REMOTE_ANSWER_BYTES)
    this.#respond(count === batch.length ? batch : batch.slice(0, count), count)
  }

  /** `count` undefined: nobody waits for this answer to be written. */
  #respond(batch: readonly OutgoingMessage[], count?: number): void {
    const exchange = this.#parked!
    this.#parked = undefined
    const body = this.#encode(batch)
    const { jsonpIndex } = this.#options
    const content = jsonpIndex === undefined || typeof body !== 'string' ? body : wrapJsonp(jsonpIndex, body)
    const contentType = jsonpIndex !== undefined ? 'text/javascript; charset=UTF-8' : typeof content === 'string' ? TEXT_TYPE : BINARY_TYPE
    const answer = { status: 200, contentType, body: content, isCompressible: batch.some(({ compress }) => compress) }
    // The batch is the owner's outbox, which grows while this part of it is being written.
    if (count !== undefined) this.#answering = { exchange, answer, count, isInDoubt: false }
    exchange.answer(answer)
  }

  #encode(batch: readonly OutgoingMessage[]): string | Uint8Array {
    if (this.#session.protocol === 4) return engineV4.encodePayload(batch)
    if (this.#options.isTextOnly) return engineV3.encodeStringPayload(batch, { ascii: true })
    // Both dialects read the binary form alike, whatever the text; the string form only when it is ASCII (spec: EIO-8, EIO-11).
    const needsBinary = this.#prefersBinary || batch.some((packet) => packet.isBinary || NON_ASCII.test(packet.data as string))
    return needsBinary ? engineV3.encodeBinaryPayload(batch) : engineV3.encodeStringPayload(batch)
  }

  // ---- what became of an exchange

  handleFlushed(exchange: PollExchange): void {
    if (this.#acceptedPost?.exchange === exchange) this.#acceptedPost = undefined
    if (this.#answering?.exchange !== exchange) return
    this.#finishAnswering(this.#answering)
    this.#decide()
  }

  #finishAnswering({ count }: Answering): void {
    this.#answering = undefined
    if (count === 0) this.#session.handleClosed(this, 'forced close')
    else this.#session.handleFlushed(this, count)
  }

  handleUnwritten(exchange: PollExchange): void {
    if (this.#answering?.exchange !== exchange) return
    const { count } = this.#answering
    this.#answering = undefined
    this.#lose(new Error(`poll connection closed before ${count} packets were written`))
  }

  handleAborted(exchange: PollExchange): void {
    if (exchange === this.#posting) {
      this.#posting = undefined
      this.#lose(new Error('data request connection closed prematurely'))
      this.#tellRead()
    } else if (exchange === this.#parked || exchange === this.#undecided) {
      if (exchange === this.#parked) this.#parked = undefined
      else this.#undecided = undefined
      this.#lose(new Error('poll connection closed prematurely'))
    }
  }

  handleNodeLost(exchange: PollExchange): void {
    if (exchange === this.#undecided) this.#undecided = undefined
    else if (exchange === this.#parked) this.#parked = undefined
    else if (exchange === this.#answering?.exchange) this.#answering.isInDoubt = true
    else return
    this.#decide()
  }

  handleRoom(exchange: PollExchange): void {
    if (exchange === this.#parked) this.#session.handleWritable(this)
  }

  handleNodeLeaving(exchange: PollExchange): void {
    // The client polls again, on another node.
    if (exchange === this.#parked) this.#respond([NOOP])
  }

  handleStillWaiting(exchange: PollExchange): void {
    const undecided = this.#undecided
    if (exchange !== this.#parked || undecided === undefined) return
    this.#undecided = undefined
    this.#handleOverlap(undecided)
  }

  #decide(): void {
    const undecided = this.#undecided
    if (undecided === undefined) return
    this.#undecided = undefined
    if (this.#isDead) undecided.answer(BAD_REQUEST)
    else this.#handleGet(undecided)
  }

  // ---- POST: in

  #handlePost(exchange: PollExchange): void {
    if (this.#posting !== undefined) {
      exchange.answer(BAD_REQUEST)
      this.#posting.destroy()
      this.#lose(new Error('data request overlap from client'))
      return
    }
    const { isBinary } = exchange
    if (isBinary && this.#session.protocol === 4) {
      exchange.answer(BAD_REQUEST)
      this.#lose(new Error('invalid content'))
      return
    }
    this.#posting = exchange
    exchange.readBody(this.#options.maxBodyBytes, (body) => {
      if (this.#posting !== exchange) return
      if (body === undefined) {
        this.#session.handleLimit('maxHttpBufferSize')
        this.#endPost(exchange)
      } else this.#acceptBody(exchange, body)
    })
  }

  #acceptBody(exchange: PollExchange, body: Buffer): void {
    const former = this.#acceptedPost
    if (former !== undefined && former.exchange.stamp === exchange.stamp && former.body.equals(body)) {
      // A proxy repeats it, because it got no answer for the first (spec: CLU-45).
      exchange.answer(OK)
      this.#endPost(exchange)
      return
    }
    this.#acceptedPost = exchange.isLocal || exchange.stamp === undefined ? undefined : { exchange, body }
    this.#isHandling = true
    this.#readBody(body, exchange.isBinary, () => {
      this.#isHandling = false
      exchange.answer(OK)
      this.#endPost(exchange)
      if (this.#lost !== undefined) this.#lose(this.#lost)
    })
  }

  #endPost(exchange: PollExchange): void {
    if (this.#posting !== exchange) return
    this.#posting = undefined
    this.#tellRead()
  }

  #readBody(body: Buffer, isBinary: boolean, done: () => void): void {
    let reader: PayloadReader
    try {
      reader = this.#readerOf(body, isBinary)
    } catch (error) {
      this.#session.handleMalformed(this, error)
      return done()
    }
    const handleSlice = (): void => {
      if (!this.#handleSlice(reader)) return done()
      this.#session.handleLimit('packetsPerTurn')
      takeTurn({ continueTurn: handleSlice })
    }
    if (mustQueue(body.length)) return takeTurn({ continueTurn: handleSlice })
    beginSlice(this)
    handleSlice()
    endSlice(0)
  }

  /** True: there is more. */
  #handleSlice(reader: PayloadReader): boolean {
    try {
      for (;;) {
        const packet = this.#isDead ? undefined : reader.next()
        if (packet === undefined) return false
        this.#session.handlePacket(this, packet)
        if (spend(packet.data?.length ?? 0)) return true
      }
    } catch (error) {
      this.#session.handleMalformed(this, error)
      return false
    }
  }

  #readerOf(body: Buffer, isBinary: boolean): PayloadReader {
    if (isBinary) {
      if (body[0] === 0) this.#prefersBinary = true
      return engineV3.readBinaryPayload(body)
    }
    const text = body.toString('utf8')
    const payload = this.#options.jsonpIndex === undefined ? text : (unwrapJsonp(text) ?? '')
    return readTextPayload(payload, this.#session.protocol)
  }

  // ---- close

  close(options?: { discard?: boolean; isShutdown?: boolean }): void {
    debugTransport?.('polling: close')
    this.#mustClose = true
    this.#isShutdown ||= options?.isShutdown === true
    this.#parked ??= this.#takeUndecided()
    if (this.#parked !== undefined) {
      this.#isDead = true
      this.#sayClosed()
    } else if (options?.discard === true) this.#isDead = true
    this.#takeUndecided()?.answer(BAD_REQUEST)
    if (this.#session.readyState === 'closed') this.#posting?.destroy(true)
  }

  #sayClosed(): void {
    if (!this.#isShutdown || !this.#options.staysAwayAfterClose) return this.#respond([CLOSE], 0)
    const exchange = this.#parked!
    this.#parked = undefined
    this.#answering = { exchange, answer: BAD_REQUEST, count: 0, isInDoubt: false }
    exchange.answer(BAD_REQUEST)
  }

  /** The owner has moved to another edge: release what is parked with a noop. */
  detach(): void {
    debugTransport?.('polling: over')
    this.#isDead = true
    if (this.#parked !== undefined) this.#respond([NOOP])
    this.#takeUndecided()?.answer(BAD_REQUEST)
  }

  #takeUndecided(): PollExchange | undefined {
    const undecided = this.#undecided
    this.#undecided = undefined
    return undecided
  }

  #lose(error: Error): void {
    // A client that has said `5` is not here any more.
    if (this.#isDead || this.#session.isTakingOver) return
    if (this.#isHandling) this.#lost ??= error
    else this.#session.handleClosed(this, 'transport error', error)
  }
}

/** How many packets of a batch are within the limit, one at least. */
function countWithin(batch: readonly OutgoingMessage[], maxBytes: number): number {
  let bytes = 0
  for (let count = 0; count < batch.length; count++) {
    bytes += batch[count]!.byteLength
    if (bytes > maxBytes && count > 0) return count
  }
  return batch.length
}

function readTextPayload(text: string, revision: EngineRevision): PayloadReader {
  return revision === 4 ? engineV4.readPayload(text) : engineV3.readStringPayload(text)
}
