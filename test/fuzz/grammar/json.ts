// JSON as text, and as values: what parsers see, and what encoders are given.
import type { Random } from '@tidewire/testkit/random'
import { someBytes } from './mutate.ts'

const STRINGS = [
  '', 'a', 'event', 'message', 'connect', 'disconnect', 'disconnecting', 'newListener', 'connect_error', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length',
  'é', '汉字', '😀', '\u2028', '\x1e', '\0', '"', '\\', 'x'.repeat(130), '\ud83d', '_placeholder', '0', '-1', '/',
]
const NUMBERS = ['0', '-0', '1', '-1', '42', '1.5', '1e3', '1E-3', '9007199254740993', '1e400', '-2147483648', '4294967296', '01', '.5', '+1', '1.', '0x1', 'NaN', 'Infinity']
const SPACES = ['', '', '', '', '', '', ' ', '\n', '\t', '\r', '\u00a0']
const PLACEHOLDERS = [
  '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}', '{"num":0,"_placeholder":true}', '{"_placeholder":true}', '{"_placeholder":true,"num":-1}',
  '{"_placeholder":true,"num":"0"}', '{"_placeholder":true,"num":0.5}', '{"_placeholder":true,"num":99}', '{"_placeholder":1,"num":0}', '{"_placeholder":true,"num":null}',
  '{"_placeholder":true,"num":"length"}', '{"_placeholder":true,"num":"__proto__"}', '{"_placeholder":true,"num":0,"more":1}',
]

/** Nothing escaped: of an object that has such a key twice V8 13.6 keeps the last at the first call of JSON.parse, and the first from then on. */
function keyText(random: Random): string {
  for (;;) {
    const text = stringText(random)
    if (!text.includes('\\')) return text
  }
}

export function stringText(random: Random): string {
  const text = random.pick(STRINGS)
  if (random.oneIn(6)) return `"${random.pick(['\\u0041', '\\ud83d\\ude00', '\\ud83d', '\\n', '\\x41', '\\u00', '\t', '\\/'])}"`
  return JSON.stringify(text)
}

/** JSON text, seldom a little wrong, with placeholders as often as asked for. */
export function jsonText(random: Random, depth: number, placeholders: boolean): string {
  const space = (): string => random.pick(SPACES)
  const kind = random.below(depth > 0 ? 10 : 5)
  if (placeholders && random.oneIn(4)) return random.pick(PLACEHOLDERS)
  if (kind < 2) return stringText(random)
  if (kind === 2) return random.pick(NUMBERS.slice(0, random.oneIn(8) ? undefined : 12))
  if (kind === 3) return random.pick(['null', 'true', 'false'])
  if (kind === 4) return random.pick(['{}', '[]', '""', 'null'])
  const items = Array.from({ length: random.below(4) }, () => jsonText(random, depth - 1, placeholders))
  const comma = (): string => (random.oneIn(60) ? random.pick([',,', ';', '']) : `${space()},${space()}`)
  const joined = items.reduce((text, item, i) => text + (i > 0 ? comma() : '') + item, '')
  if (kind < 8) return `[${space()}${joined}${space()}]`
  return `{${items.map((item) => `${keyText(random)}${space()}:${item}`).join(comma())}}`
}

/** A value that an application may send. Made anew for each encoder: some change what they are given. */
export type ValueSpec =
  | { kind: 'json'; text: string }
  | { kind: 'list'; items: ValueSpec[] }
  | { kind: 'map'; entries: [string, ValueSpec][] }
  | { kind: 'bytes'; hex: string; as: 'Buffer' | 'Uint8Array' | 'ArrayBuffer' | 'view' }
  | { kind: 'special'; name: keyof typeof SPECIALS }

const SPECIALS = {
  undefined: () => undefined,
  'not a number': () => Number.NaN,
  infinity: () => Infinity,
  'minus zero': () => -0,
  date: () => new Date(0),
  'bad date': () => new Date(Number.NaN),
  map: () => new Map([[1, 2]]),
  set: () => new Set([1]),
  'regular expression': () => /x/g,
  error: () => new Error('x'),
  function: () => () => {},
  symbol: () => Symbol('x'),
  'with toJSON': () => ({ toJSON: () => ({ told: true }) }),
  'without prototype': () => Object.assign(Object.create(null) as object, { a: 1 }),
  'boxed string': () => Object('boxed') as object,
  'sparse list': () => {
    const list: unknown[] = []
    list[2] = 1
    return list
  },
  'big integer': () => 2n ** 70n,
  'with a prototype': () => Object.assign(Object.create({ inherited: 1 }) as object, { own: 2 }),
} as const satisfies Record<string, () => unknown>

export function valueSpec(random: Random, depth: number): ValueSpec {
  const kind = random.below(depth > 0 ? 12 : 8)
  if (kind < 4) return { kind: 'json', text: validJson(random) }
  if (kind < 7) return { kind: 'bytes', hex: someBytes(random, random.oneIn(5) ? 300 : 9).toString('hex'), as: random.pick(['Buffer', 'Uint8Array', 'ArrayBuffer', 'view']) }
  if (kind === 7) return { kind: 'special', name: random.pick(Object.keys(SPECIALS) as (keyof typeof SPECIALS)[]) }
  const items = Array.from({ length: random.below(4) }, () => valueSpec(random, depth - 1))
  if (kind < 10) return { kind: 'list', items }
  return { kind: 'map', entries: items.map((item) => [random.pick(STRINGS), item]) }
}

export function validJson(random: Random): string {
  for (;;) {
    const text = jsonText(random, 2, false)
    try {
      JSON.parse(text)
      return text
    } catch {
      // The grammar is wrong on purpose now and then.
    }
  }
}

export function valueOf(spec: ValueSpec): unknown {
  switch (spec.kind) {
    case 'json':
      return JSON.parse(spec.text)
    case 'list':
      return spec.items.map(valueOf)
    case 'map':
      return Object.fromEntries(spec.entries.map(([key, item]) => [key, valueOf(item)]))
    case 'special':
      return SPECIALS[spec.name]()
    case 'bytes': {
      const bytes = Buffer.from(spec.hex, 'hex')
      if (spec.as === 'Buffer') return bytes
      if (spec.as === 'Uint8Array') return Uint8Array.from(bytes)
      if (spec.as === 'ArrayBuffer') return Uint8Array.from(bytes).buffer
      // A view in the middle of more.
      return new Uint8Array(Uint8Array.from([9, 9, ...bytes, 9]).buffer, 2, bytes.length)
    }
  }
}
