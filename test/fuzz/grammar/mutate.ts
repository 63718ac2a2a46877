// Small damage to texts and bytes: what is near the grammar finds more than what is far from it.
import type { Random } from '@tidewire/testkit/random'

const JUNK = [
  '_placeholder', '__proto__', '\x1e', ':', ',', '-', '[', ']', '{', '}', '"', '\\', '\0', '\ud83d', '9'.repeat(30), 'b', '/', ' ', '0', '1e9', '\u2028', '\ufeff', '?',
]

export function mutateText(random: Random, text: string): string {
  let mutated = text
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(mutated.length + 1)
    switch (random.below(6)) {
      case 0:
        mutated = mutated.slice(0, at) + random.pick(JUNK) + mutated.slice(at)
        break
      case 1:
        mutated = mutated.slice(0, at) + mutated.slice(at + 1 + random.below(4))
        break
      case 2:
        mutated = mutated.slice(0, at) + String.fromCharCode(random.below(random.oneIn(2) ? 0x80 : 0x10000)) + mutated.slice(at + 1)
        break
      case 3:
        mutated += mutated.slice(random.below(mutated.length + 1))
        break
      case 4:
        mutated = mutated.slice(0, at)
        break
      default:
        mutated = mutated.slice(0, at) + mutated.slice(random.below(at + 1))
    }
  }
  return mutated
}

export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes)
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(mutated.length + 1)
    switch (random.below(5)) {
      case 0:
        mutated = Buffer.concat([mutated.subarray(0, at), someBytes(random, 6), mutated.subarray(at)])
        break
      case 1:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random.below(4))])
        break
      case 2:
        mutated = mutated.subarray(0, at)
        break
      default:
        if (at < mutated.length) mutated[at] = random.oneIn(2) ? random.below(256) : mutated[at]! ^ (1 << random.below(8))
    }
  }
  return mutated
}

export function someBytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random.below(most + 1) }, () => random.below(256)))
}
