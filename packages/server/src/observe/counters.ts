// What one server counts: plain integers, added to where the thing happens; `io.stats()` is a copy of them. In: limits, refusals and ends of
// sessions from both halves of the server.
import { ENGINE_ERRORS } from '@tidewire/protocol'
import type { CloseReason, EngineSession } from '../engine/contract.ts'
import type { EngineRejection } from '../http/reject.ts'
import { LIMIT_NAMES } from '../limits.ts'
import type { LimitName } from '../limits.ts'
import { CHANNELS } from './channels.ts'

/** The bounds of the codecs, as the options of the server call them. */
const LIMIT_OF_CODEC: Readonly<Record<string, LimitName>> = {
  maxPayloadBytes: 'maxHttpBufferSize',
  maxFragments: 'maxFragments',
  maxDepth: 'maxDepth',
  maxAttachments: 'maxAttachments',
}

/** The limit that an error tells of, if it is one: a ProtocolError says so, and `ws` has a code for messages that are too large. */
export function limitOf(error: unknown): LimitName | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { limit, code } = error as { limit?: unknown; code?: unknown }
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return 'maxHttpBufferSize'
  return typeof limit === 'string' ? LIMIT_OF_CODEC[limit] : undefined
}

export class Counters {
  sessionsOpened = 0
  readonly sessionsClosed: Record<string, number> = {}
  packetsIn = 0
  packetsOut = 0
  /** Bytes of binary and UTF-16 units of text, without framing. */
  bytesIn = 0
  bytesOut = 0
  volatileDropped = 0
  /** CONNECT packets that were refused. */
  connectErrors = 0
  handlerErrors = 0
  readonly refusals: Record<string, number> = {}
  readonly limits: Record<LimitName, number> = Object.fromEntries(
    LIMIT_NAMES.map((name) => [name, 0]),
  ) as Record<LimitName, number>

  hit(limit: LimitName, session?: EngineSession, detail?: string): void {
    this.limits[limit]++
    if (CHANNELS.limit.hasSubscribers) CHANNELS.limit.publish({ limit, session, detail })
  }

  refuse(request: unknown, { code, message, context }: EngineRejection): void {
    const name = nameOf(code, context)
    this.refusals[name] = (this.refusals[name] ?? 0) + 1
    if (CHANNELS.refusal.hasSubscribers) CHANNELS.refusal.publish({ request, code, message, name, context })
  }

  closed(session: EngineSession, reason: CloseReason, description: unknown): void {
    this.sessionsClosed[reason] = (this.sessionsClosed[reason] ?? 0) + 1
    const limit = reason === 'ping timeout' ? 'pingTimeout' : limitOf(description)
    if (limit !== undefined)
      this.hit(limit, session, description instanceof Error ? description.message : undefined)
    if (CHANNELS.sessionClose.hasSubscribers) CHANNELS.sessionClose.publish({ session, reason, description })
  }
}

/** Of the fixed set of names that the engine gives its refusals, never of what a client sent. */
function nameOf(code: number, context: Record<string, unknown> | undefined): string {
  const name = context?.['name']
  if (typeof name === 'string') return name
  return Object.entries(ENGINE_ERRORS).find(([, error]) => error.code === code)?.[0] ?? 'OTHER'
}
