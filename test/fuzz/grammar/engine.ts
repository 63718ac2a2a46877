// Engine.IO packets and payloads of both revisions as they come off the wire.
import type { Random } from '@tidewire/testkit/random'
import { mutateBytes, mutateText, someBytes } from './mutate.ts'
import { socketText } from './socket.ts'

const DATA = ['', 'probe', 'x', 'é', '汉字 😀', '{"sid":"a"}', '\ud83d', 'a\0b', '2["a"]']

export function enginePacketText(random: Random): string {
  const data = random.oneIn(2) ? socketText(random) : random.pick(DATA)
  if (random.oneIn(5)) return `b${random.oneIn(2) ? random.below(10) : ''}${base64Text(random)}`
  return `${random.oneIn(12) ? random.pick(['7', '9', 'a', '', '-1', 'é']) : random.pick(['0', '1', '2', '3', '4', '4', '4', '4', '5', '6'])}${data}`
}

function base64Text(random: Random): string {
  const text = someBytes(random, 12).toString(random.oneIn(6) ? 'base64url' : 'base64')
  return random.oneIn(5) ? mutateText(random, text) : text
}

export function payloadV4(random: Random): string {
  const packets = Array.from({ length: random.below(5) }, () => enginePacketText(random))
  const text = packets.join('\x1e')
  return random.oneIn(4) ? mutateText(random, text) : text
}

export function payloadV3Text(random: Random): string {
  const text = Array.from({ length: random.below(5) }, () => {
    const packet = enginePacketText(random)
    // Old senders count characters, others bytes.
    const length = random.oneIn(10) ? Buffer.byteLength(packet) : packet.length
    return `${random.oneIn(20) ? random.pick(['', '-1', '1e1', ' 3', '007', '9'.repeat(20)]) : length}:${packet}`
  }).join('')
  return random.oneIn(4) ? mutateText(random, text) : text
}

export function payloadV3Binary(random: Random): Buffer {
  const parts = Array.from({ length: random.below(4) }, () => {
    const isText = random.oneIn(2)
    const bytes = isText ? Buffer.from(enginePacketText(random)) : Buffer.concat([Buffer.from([random.oneIn(6) ? random.below(256) : 4]), someBytes(random, 8)])
    const digits = Array.from(String(random.oneIn(10) ? bytes.length + random.below(5) : bytes.length), Number)
    return Buffer.from([isText ? 0 : 1, ...digits, 255, ...bytes])
  })
  const bytes = Buffer.concat(parts)
  return random.oneIn(4) ? mutateBytes(random, bytes) : bytes
}
