// OWNER: a poll of a session of this node that has arrived on another one. In: what its edge reports. Out: the answer, to that edge.
import type { EngineRejection, ExchangeHandler, PollAnswer, PollExchange } from 'tidewire'
import { KIND, writeAnswer, writeRefusal } from './messages.ts'
import type { RelayedRequest } from './messages.ts'
import type { PeerSessions } from './peer-sessions.ts'

export class RemotePoll implements PollExchange {
  readonly method: string
  readonly isBinary: boolean
  readonly stamp: string | undefined
  readonly isLocal = false
  handler: ExchangeHandler | undefined
  readonly #peer: PeerSessions
  readonly #number: number
  #body: Buffer | undefined

  constructor(peer: PeerSessions, number: number, { method, isBinary, stamp }: RelayedRequest, body: Buffer) {
    this.#peer = peer
    this.#number = number
    this.method = method
    this.isBinary = isBinary
    this.stamp = stamp
    this.#body = body
  }

  /** It has come whole. */
  readBody(maxBytes: number, done: (body: Buffer | undefined) => void): void {
    const body = this.#body!
    this.#body = undefined
    if (body.length <= maxBytes) return done(body)
    this.answer({ status: 413 })
    done(undefined)
  }

  answer(answer: PollAnswer): void {
    const result = this.#peer.send(KIND.answer, this.#number, (writer) => writeAnswer(writer, answer))
    if (result !== 'failed') return
    // Too large for any message: the client learns it from the end of its connection, the owner from this.
    this.destroy()
    queueMicrotask(() => this.handler?.handleUnwritten(this))
  }

  get isHeldBack(): boolean {
    return this.#peer.isFull
  }

  refuse(reason: EngineRejection): void {
    this.#peer.send(KIND.refused, this.#number, (writer) => writeRefusal(writer, reason))
  }

  destroy(ifReading?: boolean): void {
    if (ifReading !== true) this.#peer.tell(KIND.destroy, this.#number)
  }

  ask(): void {
    this.#peer.tell(KIND.ask, this.#number)
  }
}
