// A question to other nodes that is under way: who was asked, who is still to answer. Ends by itself when everyone has answered or cannot
// any more; never later than its deadline.
import type { LostNode } from 'tidewire'
import type { Incarnation } from '../cluster-node.ts'
import type { Peer } from './peer.ts'

export interface RequestHandler {
  /** A node will not answer (any more). */
  handleLost?(peer: Peer): void
  /** Nobody is waited for any more. */
  handleEnd(lost: readonly LostNode[]): void
}

export class Request {
  readonly #waitingFor = new Map<Incarnation, Peer>()
  readonly #lost: LostNode[] = []
  readonly #handler: RequestHandler
  #isOver = false

  constructor(handler: RequestHandler) {
    this.#handler = handler
  }

  /** A suspect node is not waited for. */
  ask(peer: Peer): void {
    this.#waitingFor.set(peer.incarnation, peer)
    if (!peer.isAlive) this.lose(peer.incarnation)
  }

  /** What has come is used as long as the question stands. */
  isWaitingFor(incarnation: Incarnation): boolean {
    return !this.#isOver && this.#waitingFor.has(incarnation)
  }

  /** The node has answered all. */
  complete(incarnation: Incarnation): void {
    if (this.#waitingFor.delete(incarnation)) this.#check()
  }

  lose(incarnation: Incarnation): void {
    const peer = this.#waitingFor.get(incarnation)
    if (peer === undefined || this.#isOver) return
    this.#waitingFor.delete(incarnation)
    this.#lost.push({ incarnation, name: peer.member.info.name })
    this.#handler.handleLost?.(peer)
    this.#check()
  }

  /** Everyone has been asked: from now on it may end. */
  start(): void {
    this.#isStarted = true
    this.#check()
  }
  #isStarted = false

  /** The deadline has passed: who has not answered is lost. */
  expire(): void {
    for (const incarnation of [...this.#waitingFor.keys()]) this.lose(incarnation)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  #check(): void {
    if (!this.#isStarted || this.#isOver || this.#waitingFor.size > 0) return
    this.#isOver = true
    this.#handler.handleEnd(this.#lost)
  }
}
