// Pure verification of an engine request: request facts and what the engine knows, in; what to do, or a refusal, out.
import type { EngineRevision } from '@tidewire/protocol'
import { rejection } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { TransportName } from './engine-options.ts'

export interface RequestToVerify {
  method: string | undefined
  query: Readonly<Record<string, string | string[] | undefined>>
  isUpgrade: boolean
  origin: string | undefined
}

export interface EngineView<Session> {
  transports: readonly TransportName[]
  allowEIO3: boolean
  sessionOf(sid: string): Session | undefined
  /** Another node of the cluster owns it. */
  isElsewhere(sid: string): boolean
  /** Cause and fix, for who asks for a session that nobody has. */
  explainUnknown(sid: string): string
  protocolOf(session: Session): EngineRevision
  transportOf(session: Session): string
}

export type Verdict<Session> =
  | { kind: 'refuse'; reason: EngineRejection }
  | { kind: 'handshake'; revision: EngineRevision; transport: 'polling' | 'websocket' }
  | { kind: 'request'; session: Session }
  | { kind: 'upgrade'; session: Session }
  | { kind: 'elsewhere'; sid: string }

const refuse = (reason: EngineRejection): { kind: 'refuse'; reason: EngineRejection } => ({ kind: 'refuse', reason })

/** The revision a client asks for (spec: EIO-20), or undefined. */
export function revisionOf(eio: string | string[] | undefined): EngineRevision | undefined {
  if (eio === '4') return 4
  return eio === undefined || eio === '1' || eio === '2' || eio === '3' ? 3 : undefined
}

/** A header that Node accepted but that must not be echoed or logged as it is. */
function hasInvalidCharacter(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /[^\t\x20-\x7e\x80-\xff]/.test(value)
}

export function verify<Session>(request: RequestToVerify, view: EngineView<Session>): Verdict<Session> {
  const { query, isUpgrade, method } = request
  const { transport, sid, EIO } = query
  if (typeof transport !== 'string' || !isKnown(transport) || !view.transports.includes(transport)) {
    return refuse(rejection('UNKNOWN_TRANSPORT', { transport }))
  }
  if (request.origin !== undefined && hasInvalidCharacter(request.origin)) {
    return refuse(rejection('BAD_REQUEST', { name: 'INVALID_ORIGIN', origin: request.origin }))
  }
  if (sid !== undefined) {
    const session = typeof sid === 'string' ? view.sessionOf(sid) : undefined
    if (session === undefined) {
      if (typeof sid !== 'string' || !view.isElsewhere(sid)) return refuse(unknownSid(sid, view))
      // The owner verifies what needs the session.
      return (transport === 'websocket') === isUpgrade ? { kind: 'elsewhere', sid } : refuse(rejection('BAD_REQUEST', { name: 'TRANSPORT_HANDSHAKE_ERROR' }))
    }
    if (Array.isArray(EIO) || (EIO === '4' ? 4 : 3) !== view.protocolOf(session)) {
      return refuse(rejection('BAD_REQUEST', { name: 'EIO_MISMATCH', sid }))
    }
    if (isUpgrade) {
      if (transport !== 'websocket') return refuse(rejection('BAD_REQUEST', { name: 'TRANSPORT_HANDSHAKE_ERROR' }))
      return { kind: 'upgrade', session }
    }
    if (view.transportOf(session) !== transport) {
      return refuse(rejection('BAD_REQUEST', { name: 'TRANSPORT_MISMATCH', transport, previousTransport: view.transportOf(session) }))
    }
    // Only a poll is served by plain requests; what belongs to a WebSocket has nobody to answer it.
    if (transport === 'websocket') return refuse(rejection('BAD_REQUEST', { name: 'TRANSPORT_HANDSHAKE_ERROR' }))
    return { kind: 'request', session }
  }
  if (method !== 'GET') return refuse(rejection('BAD_HANDSHAKE_METHOD', { method }))
  if ((transport === 'websocket') !== isUpgrade) {
    return refuse(rejection('BAD_REQUEST', { name: 'TRANSPORT_HANDSHAKE_ERROR' }))
  }
  const revision = revisionOf(EIO)
  if (revision === undefined || (revision === 3 && !view.allowEIO3)) {
    return refuse(
      rejection(
        'UNSUPPORTED_PROTOCOL_VERSION',
        { protocol: EIO },
        revision === undefined
          ? `this server speaks Engine.IO 4${view.allowEIO3 ? ' and 3' : ''}; the client asked for ${String(EIO).slice(0, 16)}`
          : 'the client speaks Engine.IO 3 (socket.io-client 1.x or 2.x), which this server has switched off; set allowEIO3: true, or use a 3.x or 4.x client',
      ),
    )
  }
  return { kind: 'handshake', revision, transport: transport as 'polling' | 'websocket' }
}

function isKnown(transport: string): transport is TransportName {
  return transport === 'polling' || transport === 'websocket'
}

function unknownSid<Session>(sid: string | string[], view: EngineView<Session>): EngineRejection {
  return rejection('UNKNOWN_SID', { sid }, typeof sid === 'string' ? view.explainUnknown(sid) : 'the request names several sessions')
}
