// Whole sessions: mostly what a client does, with packets and frames from the other grammars in between.
import type { Random } from '@tidewire/testkit/random'
import type { Session, Step } from '../session/play.ts'
import { enginePacketText, payloadV3Binary, payloadV3Text, payloadV4 } from './engine.ts'
import { frameBytes } from './frames.ts'
import { jsonText } from './json.ts'
import { someBytes } from './mutate.ts'
import { eventArguments, socketChunks, socketText } from './socket.ts'

const NAMESPACES = ['', '', '', '/a,', '/admin,', '/nowhere,', '/a?x=1,']

/** Socket.IO messages of a client that knows what it does: some follow each other. */
function usual(random: Random): string[] {
  const nsp = random.pick(NAMESPACES)
  switch (random.below(8)) {
    case 0:
    case 1:
      return [`0${nsp}${random.oneIn(2) ? '' : `{"token":${jsonText(random, 1, false)}}`}`]
    case 2:
      return [`1${nsp}`]
    case 3:
      return [`3${nsp}$ack[${jsonText(random, 1, false)}]`]
    case 4:
      return [`2${nsp}${random.below(20)}${eventArguments(random, false)}`]
    default:
      return [`2${nsp}${eventArguments(random, false)}`]
  }
}

function webSocketSteps(random: Random, eio: 3 | 4): Step[] {
  const steps: Step[] = []
  for (let i = random.below(7); i >= 0; i--) {
    const kind = random.below(20)
    if (kind < 11) for (const text of usual(random)) steps.push({ text: `4${text}` })
    else if (kind < 14) {
      for (const chunk of socketChunks(random)) {
        if ('text' in chunk) steps.push({ text: `4${chunk.text}` })
        // Binary messages of revision 3 begin with their type.
        else steps.push({ hex: (eio === 3 ? '04' : '') + chunk.hex })
      }
    } else if (kind < 16) steps.push({ text: enginePacketText(random) })
    else if (kind === 16) steps.push({ text: random.pick(['2', '3', '1', '5', '6', '2probe', '0']) })
    else if (kind === 17) steps.push({ hex: someBytes(random, 6).toString('hex') })
    else if (kind === 18) steps.push({ raw: frameBytes(random).toString('hex') })
    else steps.push({ text: `4${socketText(random)}` })
  }
  return steps
}

function pollingSteps(random: Random, eio: 3 | 4): Step[] {
  const steps: Step[] = []
  for (let i = random.below(5); i >= 0; i--) {
    const kind = random.below(10)
    if (kind < 6) {
      const packets = Array.from({ length: 1 + random.below(3) }, () => usual(random))
        .flat()
        .map((text) => `4${text}`)
      steps.push({ text: eio === 4 ? packets.join('\x1e') : packets.map((packet) => `${packet.length}:${packet}`).join('') })
    } else if (kind < 9) steps.push({ text: eio === 4 ? payloadV4(random) : payloadV3Text(random) })
    else steps.push({ hex: (eio === 3 ? payloadV3Binary(random) : someBytes(random, 10)).toString('hex') })
  }
  return steps
}

export function session(random: Random): Session {
  const eio = random.oneIn(3) ? 3 : 4
  const transport = random.oneIn(3) ? 'polling' : 'websocket'
  const steps = transport === 'websocket' ? webSocketSteps(random, eio) : pollingSteps(random, eio)
  // Revision 3 is in the root namespace from the start.
  if (eio === 4 && !random.oneIn(6)) steps.unshift({ text: '40' })
  return { transport, eio, ...(random.oneIn(10) ? { isBurst: true } : {}), ...(random.oneIn(8) ? { query: random.pick(['&b64=1', '&b64=0', '&x=%', '&a=1&a=2']) } : {}), steps }
}
