// What an owner does with a second transport that asks to take over from polling, on whatever node it is: whether it may, and for how long it may try.
import { rejection } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { Edge } from './door.ts'
import type { Session } from './session.ts'

/** Why this session takes no second transport, if it does not (spec: EIO-64). */
export function upgradeProblem(session: Session): EngineRejection | undefined {
  if (
    !session.isProbing &&
    !session.upgraded &&
    session.readyState === 'open' &&
    session.transport.name === 'polling'
  )
    return undefined
  return rejection(
    'BAD_REQUEST',
    { name: 'ALREADY_UPGRADED', sid: session.id },
    'this session is already upgrading or upgraded',
  )
}

/** Lets the edge probe; one that has not taken over in time is closed (spec: EIO-63). */
export function probe(session: Session, edge: Edge, timeoutMs: number): NodeJS.Timeout {
  session.probe(edge)
  return setTimeout(() => {
    if (session.transport === edge || session.isTakingOver) return
    session.handleLimit('upgradeTimeout')
    edge.close({ discard: true })
    session.handleClosed(edge, 'transport close')
  }, timeoutMs)
}
