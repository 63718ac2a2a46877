// How a WebTransport session becomes one of ours: the first stream within `upgradeTimeout`, and its first packet, which opens a session or
// names the one it wants to take over. In: what an HTTP/3 engine has accepted. Out: an edge for the engine, or a closed session.
import type { EnginePacket } from '@tidewire/protocol'
import { WebTransportTransport, closeSession } from '../transports/webtransport.ts'
import type { WebTransportSession } from '../transports/webtransport.ts'
import type { EngineRequest } from './request-facts.ts'
import type { Session } from './session.ts'
import { probe, upgradeProblem } from './upgrade.ts'

export interface WebTransportHost {
  readonly upgradeTimeout: number
  readonly maxPayloadBytes: number
  /** Why no session is served, if none is. */
  readonly refusal: string | undefined
  sessionOf(sid: string): Session | undefined
  /** Opens a session on the transport, or refuses it. */
  open(transport: WebTransportTransport): void
}

/** Settles when the session has its stream, or will have none. Never rejects. */
export async function acceptWebTransport(
  session: WebTransportSession,
  host: WebTransportHost,
): Promise<void> {
  if (host.refusal !== undefined) return closeSession(session, host.refusal)
  const late = `nothing came within upgradeTimeout (${host.upgradeTimeout} ms)`
  let isOver = false
  let giveUp = (): void => closeSession(session, late)
  const timer = setTimeout(() => {
    isOver = true
    giveUp()
  }, host.upgradeTimeout)
  const stop = (): void => {
    isOver = true
    clearTimeout(timer)
  }
  session.closed.then(stop, stop)
  try {
    await session.ready
    if (isOver) return
    const streams = session.incomingBidirectionalStreams.getReader()
    giveUp = () => {
      closeSession(session, late)
      streams.cancel().catch(() => {})
    }
    const { value } = await streams.read()
    if (isOver) return
    streams.releaseLock()
    if (value === undefined) return stop()
    const transport = new WebTransportTransport(session, value, host.maxPayloadBytes, (packet) => {
      stop()
      greet(transport, packet, host)
    })
    giveUp = () => transport.refuse(late)
  } catch {
    if (!isOver) closeSession(session)
    stop()
  }
}

function greet(transport: WebTransportTransport, { type, data }: EnginePacket, host: WebTransportHost): void {
  if (type !== 'open') return transport.refuse('the first packet must be an open packet')
  if (data === undefined) return host.open(transport)
  const session = sessionIn(data as string, host)
  // Revision 3 knows nothing of it: such a client cannot have asked.
  if (session?.protocol !== 4)
    return transport.refuse('unknown session: it has ended, or belongs to another node')
  const problem = upgradeProblem(session)
  if (problem !== undefined) return transport.refuse(problem.message)
  transport.serve(session, probe(session, transport, host.upgradeTimeout).unref())
}

function sessionIn(text: string, host: WebTransportHost): Session | undefined {
  try {
    const { sid } = JSON.parse(text) as { sid?: unknown }
    return typeof sid === 'string' ? host.sessionOf(sid) : undefined
  } catch {
    return undefined
  }
}

/** In place of the request that there is none of: no headers, no address, but always encrypted. */
export function webTransportRequest(): EngineRequest {
  return {
    method: 'CONNECT',
    url: '',
    headers: {},
    rawHeaders: [],
    socket: { encrypted: true, remoteAddress: '' },
    _query: {},
  } as unknown as EngineRequest
}
