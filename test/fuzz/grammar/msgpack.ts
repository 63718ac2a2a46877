// MessagePack: packets as maps, in every format that the specification has, the longer ones where a shorter would do included.
import type { Random } from '@tidewire/testkit/random'
import { mutateBytes, someBytes } from './mutate.ts'

const uint = (bytes: number, value: number | bigint): Buffer => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)))
  return buffer.subarray(8 - bytes)
}
const formed = (first: number, ...rest: Buffer[]): Buffer => Buffer.concat([Buffer.from([first]), ...rest])

/** A string in one of its four forms. */
function str(random: Random, bytes: Buffer): Buffer {
  const form = random.oneIn(8) ? random.below(4) : 0
  if (form === 0 && bytes.length < 32) return formed(0xa0 | bytes.length, bytes)
  if (form <= 1 && bytes.length < 256) return formed(0xd9, uint(1, bytes.length), bytes)
  return form <= 2 ? formed(0xda, uint(2, bytes.length), bytes) : formed(0xdb, uint(4, bytes.length), bytes)
}

function number(random: Random): Buffer {
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return Buffer.from([random.oneIn(4) ? 0xe0 | random.below(32) : random.below(6)])
    case 3:
      return formed(random.pick([0xcc, 0xd0]), someBytesOf(random, 1))
    case 4:
      return formed(random.pick([0xcd, 0xd1]), someBytesOf(random, 2))
    case 5:
      return formed(random.pick([0xce, 0xd2, 0xca]), someBytesOf(random, 4))
    case 6:
      return formed(random.pick([0xcf, 0xd3]), uint(8, random.pick([0n, 1n, 2n ** 53n, 2n ** 63n, -1n, -(2n ** 53n)])))
    default:
      return formed(0xcb, someBytesOf(random, 8))
  }
}

const someBytesOf = (random: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => random.below(256)))

function binary(random: Random): Buffer {
  const bytes = someBytes(random, 20)
  const form = random.below(4)
  if (form === 0) return formed(0xc4, uint(1, bytes.length), bytes)
  if (form === 1) return formed(0xc5, uint(2, bytes.length), bytes)
  if (form === 2) return formed(0xc6, uint(4, bytes.length), bytes)
  return extension(random)
}

function extension(random: Random): Buffer {
  const type = uint(1, random.oneIn(3) ? random.below(256) : random.pick([0, 0, 255, 1, 127]))
  const fixed = random.below(5)
  if (random.oneIn(2)) return formed(0xd4 + fixed, type, someBytesOf(random, 2 ** fixed))
  const bytes = someBytesOf(random, random.pick([0, 1, 4, 8, 12, 20]))
  const form = random.below(3)
  return formed(0xc7 + form, uint(2 ** form, bytes.length), type, bytes)
}

const WORDS = ['', 'a', 'type', 'nsp', 'data', 'id', 'é', '😀', '__proto__', 'x'.repeat(40)].map((text) => Buffer.from(text))

export function msgpackValue(random: Random, depth: number): Buffer {
  const kind = random.below(depth > 0 ? 14 : 9)
  if (kind < 3) return str(random, random.oneIn(20) ? Buffer.from([0xff, 0x61]) : random.pick(WORDS))
  if (kind < 5) return number(random)
  if (kind === 5) return Buffer.from([random.pick([0xc0, 0xc2, 0xc3, 0xc1])])
  if (kind < 8) return binary(random)
  if (kind === 8) return extension(random)
  const count = random.below(4)
  const form = random.oneIn(8) ? 1 + random.below(2) : 0
  if (kind < 12) return Buffer.concat([listHead(count, form), ...Array.from({ length: count }, () => msgpackValue(random, depth - 1))])
  const entries = Array.from({ length: count }, () => Buffer.concat([random.oneIn(10) ? msgpackValue(random, 0) : str(random, random.pick(WORDS)), msgpackValue(random, depth - 1)]))
  return Buffer.concat([mapHead(count, form), ...entries])
}

const listHead = (count: number, form: number): Buffer => (form === 0 ? Buffer.from([0x90 | count]) : form === 1 ? formed(0xdc, uint(2, count)) : formed(0xdd, uint(4, count)))
const mapHead = (count: number, form: number): Buffer => (form === 0 ? Buffer.from([0x80 | count]) : form === 1 ? formed(0xde, uint(2, count)) : formed(0xdf, uint(4, count)))

/** A packet: type, namespace, data and id, one of them missing or of another kind now and then. */
export function msgpackPacket(random: Random): Buffer {
  const type = random.oneIn(10) ? random.below(9) : random.below(5)
  const entries: [string, Buffer][] = [
    ['type', random.oneIn(20) ? msgpackValue(random, 1) : Buffer.from([type])],
    ['nsp', random.oneIn(20) ? msgpackValue(random, 0) : str(random, Buffer.from(random.pick(['/', '/', '/a', '/é', ''])))],
  ]
  if (!random.oneIn(8)) entries.push(['data', dataFor(random, type)])
  if (random.oneIn(3)) entries.push(['id', random.oneIn(10) ? msgpackValue(random, 1) : Buffer.from([random.below(128)])])
  if (random.oneIn(12)) entries.push([random.pick(['options', 'attachments', '__proto__', 'type']), msgpackValue(random, 1)])
  if (random.oneIn(10)) entries.splice(random.below(entries.length), 1)
  const bytes = Buffer.concat([mapHead(entries.length, random.oneIn(10) ? 1 : 0), ...entries.flatMap(([key, value]) => [str(random, Buffer.from(key)), value])])
  if (random.oneIn(8)) return Buffer.concat([bytes, someBytes(random, 3)])
  return random.oneIn(5) ? mutateBytes(random, bytes) : bytes
}

function dataFor(random: Random, type: number): Buffer {
  if (random.oneIn(8)) return msgpackValue(random, 2)
  if (type === 2) return Buffer.concat([Buffer.from([0x92]), str(random, Buffer.from(random.pick(['event', 'connect', 'é']))), msgpackValue(random, 2)])
  if (type === 3) return Buffer.concat([Buffer.from([0x91]), msgpackValue(random, 2)])
  return Buffer.concat([Buffer.from([0x81]), str(random, Buffer.from('message')), msgpackValue(random, 1)])
}
