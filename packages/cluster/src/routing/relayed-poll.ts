// EDGE: a poll that has arrived on this node for a session of another one. In: the owner's answer. Out: to the owner, what became of it.
import type { EngineRejection, ExchangeHandler, PollAnswer, PollExchange } from 'tidewire'
import { KIND } from './messages.ts'
import type { PeerSessions } from './peer-sessions.ts'

export class RelayedPoll implements ExchangeHandler {
  readonly #peer: PeerSessions
  readonly #number: number
  readonly #exchange: PollExchange

  constructor(peer: PeerSessions, number: number, exchange: PollExchange) {
    this.#peer = peer
    this.#number = number
    this.#exchange = exchange
    exchange.handler = this
  }

  // ---- from the owner

  answer(answer: PollAnswer): void {
    this.#exchange.answer(answer)
  }

  refuse(reason: EngineRejection): void {
    this.#exchange.refuse(reason)
  }

  destroy(): void {
    this.#exchange.destroy()
  }

  ask(): void {
    this.#peer.tell(KIND.stillWaiting, this.#number)
  }

  /** The owner is gone, or the link to it. */
  end(reason: EngineRejection): void {
    this.#exchange.handler = undefined
    this.#exchange.refuse(reason)
  }

  // ---- from the client

  handleFlushed(): void {
    this.#report(KIND.flushed)
  }

  handleUnwritten(): void {
    this.#report(KIND.unwritten)
  }

  handleAborted(): void {
    this.#report(KIND.aborted)
  }

  #report(kind: number): void {
    this.#peer.forgetRelayed(this.#number)
    this.#peer.tell(kind, this.#number)
  }

  /** An exchange of this node loses no other. */
  handleNodeLost(): void {}
  handleRoom(): void {}
  handleNodeLeaving(): void {}
  handleStillWaiting(): void {}
}
