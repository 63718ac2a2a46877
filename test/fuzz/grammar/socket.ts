// Socket.IO packets as text and attachments, and sequences of them: mostly right, with one thing wrong now and then.
import type { Random } from '@tidewire/testkit/random'
import { jsonText, stringText } from './json.ts'
import { mutateText, someBytes } from './mutate.ts'

const NAMESPACES = ['', '', '', '/', '/a', '/admin', '/a/b', '/a?x=1', '/a?x,y', '/é', '/__proto__', 'a']
const IDS = ['', '', '0', '1', '12', '007', '9007199254740993', '1'.repeat(25), '-1', '1.5']

function head(random: Random, type: string): string {
  const nsp = random.pick(NAMESPACES)
  const id = random.pick(random.oneIn(5) ? IDS : IDS.slice(0, 5))
  return `${type}${nsp}${nsp === '' || random.oneIn(20) ? '' : ','}${id}`
}

export function eventArguments(random: Random, placeholders: boolean): string {
  const more = Array.from({ length: random.below(3) }, () => jsonText(random, 2, placeholders))
  return `[${[random.oneIn(8) ? jsonText(random, 1, placeholders) : stringText(random), ...more].join(',')}]`
}

/** A text packet: of any type, binary ones included. */
export function socketText(random: Random): string {
  const kind = random.below(20)
  let text: string
  if (kind < 6) text = head(random, '2') + eventArguments(random, random.oneIn(6))
  else if (kind < 9) text = head(random, '3') + (random.oneIn(4) ? jsonText(random, 2, false) : `[${jsonText(random, 2, false)}]`)
  else if (kind < 12) text = binaryText(random, 1 + random.below(3))
  else if (kind < 14) text = head(random, '0') + (random.oneIn(2) ? '' : jsonText(random, 2, false))
  else if (kind === 14) text = head(random, '1') + (random.oneIn(2) ? '' : jsonText(random, 1, false))
  else if (kind === 15) text = head(random, '4') + jsonText(random, 2, false)
  else if (kind < 18) text = head(random, random.pick(['0', '1', '2', '3', '4', '5', '6', '7', '8', 'a', ''])) + jsonText(random, 2, random.oneIn(2))
  else text = head(random, random.pick(['2', '3', '4']))
  return random.oneIn(5) ? mutateText(random, text) : text
}

function binaryText(random: Random, count: number): string {
  const told = random.oneIn(8) ? random.pick(['0', '', '11', '10', '01', '-1', '1e1', '99999999999999999999', '2.5']) : String(count)
  const [type, rest] = random.oneIn(3) ? ['6', `[${jsonText(random, 2, true)}]`] : ['5', eventArguments(random, true)]
  return `${type}${told}-${head(random, '')}${rest}`
}

export type ChunkSpec = { text: string } | { hex: string }

/** What one connection hands to its decoder: texts, and attachments that belong to them, or not. */
export function socketChunks(random: Random): ChunkSpec[] {
  const chunks: ChunkSpec[] = []
  for (let i = random.below(4); i >= 0; i--) {
    const text = socketText(random)
    chunks.push({ text })
    const told = /^[56](\d+)-/.exec(text)?.[1]
    let due = told === undefined ? 0 : Math.min(Number(told), 12)
    if (random.oneIn(12)) due += random.pick([-1, 1])
    for (; due > 0; due--) chunks.push({ hex: someBytes(random, 5).toString('hex') })
  }
  return chunks
}
