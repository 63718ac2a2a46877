// Whole sessions over real sockets, played to our server and to socket.io 4.8.4, each in a process of its own: the same answers, the same
// end, the same events in the application. A handler that throws or a process that ends is a failure on ours, whatever happens on theirs.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { session } from '../grammar/session.ts'
import type { KnownDifference } from '../known-differences.ts'
import { socketParser5 } from '../official.ts'
import { play } from '../session/play.ts'
import type { Session, Transcript } from '../session/play.ts'
import { decodeOurs, decodeTheirs, hasEscapedKeyTwice, knownOf as knownText } from './socket.ts'
import { difference } from '../target.ts'
import type { Target } from '../target.ts'

interface Side {
  readonly child: ChildProcess
  readonly port: number
}

async function start(which: 'ours' | 'official'): Promise<Side> {
  const child = fork(fileURLToPath(new URL('../session/app.ts', import.meta.url)), [which], {
    execArgv: ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { child, port }
}

let sides: { ours: Side; official: Side } | undefined
let runs = 0

/** The packets of a body of revision 3, `<length>:<packet>` each; what no longer is so, as one. */
function packetsByLength(body: string): string[] {
  const packets: string[] = []
  let rest = body
  for (let match = /^(\d+):/.exec(rest); match !== null; match = /^(\d+):/.exec(rest)) {
    const start = match[0].length
    const end = start + Number(match[1])
    packets.push(rest.slice(start, end))
    rest = rest.slice(end)
  }
  return rest === '' ? packets : [...packets, rest]
}

/** The Socket.IO texts that a session sends, in both framings of its bodies. */
function socketTextsOf({ transport, eio, steps }: Session): string[] {
  const texts = steps.flatMap((step) => ('text' in step ? [step.text] : []))
  const packets = transport === 'websocket' ? texts : texts.flatMap((text) => (eio === 4 ? text.split('\x1e') : packetsByLength(text)))
  return packets.filter((packet) => packet.startsWith('4')).map((packet) => packet.slice(1).replace('$ack', '0'))
}

/** What a WebSocket session hands to its decoder. */
const chunksOf = ({ transport, eio, steps }: Session): (string | Buffer)[] =>
  transport === 'polling'
    ? []
    : steps.flatMap((step): (string | Buffer)[] => {
        if ('hex' in step) return [Buffer.from(step.hex, 'hex').subarray(eio === 3 ? 1 : 0)]
        return 'text' in step && step.text.startsWith('4') ? [step.text.slice(1).replace('$ack', '0')] : []
      })

/** A body with several packets, or bytes that may be several frames. */
const hasSeveralAtOnce = ({ transport, eio, steps }: Session): boolean =>
  steps.some((step) => (transport === 'websocket' ? 'raw' in step : 'text' in step ? countOf(eio, step.text) > 1 : eio === 3))

const countOf = (eio: 3 | 4, body: string): number => (eio === 4 ? body.split('\x1e') : body.split(/\d+:/)).length

function hasConnectTwice(texts: readonly string[]): boolean {
  const names = texts.flatMap((text) => /^0(\/[^,]*)?/.exec(text) ?? []).map((match) => match ?? '/')
  return new Set(names).size < names.length
}

/** Whether a packet is for a namespace that its client has not joined (any more), or asks for the root, which it is given. */
function isPacketOfStranger(texts: readonly string[]): boolean {
  const joined = new Set(['/'])
  for (const text of texts) {
    const [, type, nsp = '/'] = /^([0-6])(?:\d+-)?(\/[^,?]*)?/.exec(text) ?? []
    if ((type === '0' && (nsp === '/' || joined.has(nsp))) || type === '4') return true
    if (type === '0') joined.add(nsp)
    else if (type !== undefined && (!joined.has(nsp) || !['/', '/a', '/admin'].includes(nsp))) return true
    if (type === '1') joined.delete(nsp)
  }
  return false
}

/** What each namespace has heard and been sent, in order; among several the order is chance. */
function byNamespace({ heard, packets, ...rest }: Transcript): unknown {
  const entries = (heard.entries as [string, string, unknown][]).toSorted(([, a], [, b]) => a.localeCompare(b))
  const namespaceOf = (packet: string): string => /^4\d(?:\d+-)?(\/[^,]*)/.exec(packet)?.[1] ?? ''
  return { ...rest, packets: packets.toSorted((a, b) => namespaceOf(a).localeCompare(namespaceOf(b))), heard: { ...heard, entries } }
}

/** What a poll could still fetch before its session ended is chance. */
function isSame(ours: Transcript, theirs: Transcript): boolean {
  const fetched = ours.isAlive || ours.posts === undefined ? Infinity : Math.min(ours.packets.length, theirs.packets.length)
  return isDeepStrictEqual(byNamespace({ ...ours, packets: ours.packets.slice(0, fetched) }), byNamespace({ ...theirs, packets: theirs.packets.slice(0, fetched) }))
}

function withEnding(transcript: Transcript, from: string, to: string): Transcript {
  const entries = transcript.heard.entries.map((entry) => (entry as unknown[]).map((part) => (part === from ? to : part)))
  return { ...transcript, ending: transcript.ending === from ? to : transcript.ending, heard: { ...transcript.heard, entries } }
}

/** The row of decision 2 that the session is about, if any: a difference of a codec shows in its session as well. */
function knownOf(session: Session, ours: Transcript, theirs: Transcript): KnownDifference | undefined {
  const texts = socketTextsOf(session)
  const revision = session.eio === 3 ? 4 : 5
  if (session.transport === 'polling') {
    if (ours.ending === 'forced close' && isSame(ours, withEnding(theirs, 'forced server close', 'forced close'))) return 'polling: a session that the server ends while no poll is waiting'
  }
  if (hasSeveralAtOnce(session) && (!theirs.isAlive || texts.some((text) => text.startsWith('1')) || hasConnectTwice(texts))) return 'several packets in one body or read, one of which ends the session, leaves a namespace or joins it twice'
  if (revision === 4 && texts.some((text) => !decodeOurs(4, [text]).isRefused && decodeTheirs(socketParser5.module, [text]).isRefused)) return 'revision 4: reserved event names, data of another shape'
  if (revision === 4 && texts.some((text) => /^[0-6](?:\d+-)?\/(?:\/|[^,]*[^\w/,?=&-])/.test(text))) return 'revision 4: a namespace that is no plain path of a URL'
  if (revision === 4 && isPacketOfStranger(texts)) return 'revision 4: a packet for a namespace that is not joined, CONNECT for one that is or for `/`, ERROR'
  if (texts.some((text) => Number(/^\d(?:\d+-)?(?:\/[^,]*,)?(\d+)/.exec(text)?.[1] ?? 0) > Number.MAX_SAFE_INTEGER)) return 'an acknowledgement id above 2^53'
  const name = knownText(revision, chunksOf(session)) ?? texts.map((text) => knownText(revision, [text])).find((known) => known !== undefined)
  if (name !== undefined) return name
  if (session.eio === 3 && session.steps.some((step) => !('text' in step) || [step.text, ...packetsByLength(step.text)].some((packet) => /b(?![0-6])/.test(packet)))) return 'v3 binary packet, or base64, of an unknown type'
  return undefined
}

export const sessionTarget: Target<Session> = {
  name: 'session',
  concurrency: 6,
  // A thousand times slower than packets.
  share: 6,
  generate: session,
  async start() {
    sides = { ours: await start('ours'), official: await start('official') }
  },
  async stop() {
    for (const { child } of [sides!.ours, sides!.official]) {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    }
    sides = undefined
  },
  async check(input, known) {
    if (sides!.ours.child.exitCode !== null) throw new Error('our server has ended')
    const run = String(++runs)
    const [mine, theirs] = await Promise.all([play(sides!.ours.port, run, input), play(sides!.official.port, run, input)])
    const { heard } = mine
    if (heard.crashes.length > 0) return `our process would have ended: ${heard.crashes.join('\n')}`
    if (heard.left > 0) return `${heard.left} sockets of ours have not been told of their end`
    theirs.heard.crashes = []
    if (input.isBurst === true) return undefined
    if (isSame(mine, theirs) || input.steps.some((step) => 'text' in step && hasEscapedKeyTwice(step.text))) return undefined
    const name = knownOf(input, mine, theirs)
    if (name === undefined) return difference(mine, theirs)
    known(name)
    return undefined
  },
}
