// Brings a recorded session and one that just passed a wire tap to the same form: the Engine.IO packets of each direction, in order.
// Out of the comparison, because they depend on timing or chance: grouping into payloads, noops, `t`, session ids, header order.
import type { Exchange } from '@tidewire/testkit/wire-tap'

/** An event of a recorded session (interop/traces): only what is compared. */
export interface TraceEvent {
  conn?: number
  dir?: 'c>s' | 's>c'
  req?: string
  res?: string
  for?: string
  body?: string | { b64: string }
  ws?: string
  data?: string | { b64: string }
  app?: unknown[]
}

/** Packets by stream: `polling c>s`, `ws1 s>c`. WebSockets are numbered in the order in which they were opened. */
export type Packets = Record<string, string[]>

interface Message {
  conn: number
  dir: 'c>s' | 's>c'
  kind: string
  line?: string
  text?: string
  bytes?: Buffer
}

export const ofTrace = (events: readonly TraceEvent[]): Packets =>
  toPackets(
    events.flatMap((event): Message[] => {
      const { conn, dir, body, data } = event
      if (conn === undefined || dir === undefined) return []
      const kind = event.req === undefined ? (event.res === undefined ? event.ws! : 'response') : 'request'
      const content = kind === 'request' || kind === 'response' ? body : data
      const line = event.req ?? event.res
      return [
        {
          conn,
          dir,
          kind,
          ...(line === undefined ? {} : { line }),
          ...(typeof content === 'string' ? { text: content } : {}),
          ...(typeof content === 'object' && content !== null
            ? { bytes: Buffer.from(content.b64, 'base64') }
            : {}),
        },
      ]
    }),
  )

export const ofExchanges = (exchanges: readonly Exchange[]): Packets =>
  toPackets(
    exchanges.map(({ conn, dir, kind, line, data }) => ({
      conn,
      dir,
      kind,
      ...(line === undefined ? {} : { line }),
      ...(kind === 'binary' ? { bytes: data } : { text: data.toString('utf8') }),
    })),
  )

function toPackets(messages: readonly Message[]): Packets {
  const packets: Packets = {}
  const sockets = new Map<number, string>()
  const revisions = new Map<number, 3 | 4>()
  const lastRequest = new Map<number, string>()
  const put = (stream: string, texts: readonly string[]): void => {
    ;(packets[stream] ??= []).push(...texts.filter((text) => text !== '6').map(normalize))
  }
  for (const message of messages) {
    const { conn, dir, kind, line = '', text = '', bytes } = message
    if (kind === 'request') {
      revisions.set(conn, /[?&]EIO=4(?:&| )/.test(line) ? 4 : 3)
      lastRequest.set(conn, line)
      if (line.includes('transport=websocket')) sockets.set(conn, `ws${sockets.size + 1}`)
      else if (line.startsWith('POST ')) put('polling c>s', payload(text, revisions.get(conn)!))
    } else if (kind === 'response') {
      const isPoll = lastRequest.get(conn)?.startsWith('GET ') === true && /^HTTP\/1\.1 200/.test(line)
      if (isPoll && lastRequest.get(conn)!.includes('transport=polling'))
        put('polling s>c', payload(text, revisions.get(conn)!))
    } else if (kind === 'binary') {
      const isV3 = revisions.get(conn) === 3
      put(`${sockets.get(conn)} ${dir}`, [
        `binary ${(isV3 ? bytes!.subarray(1) : bytes!).toString('base64')}`,
      ])
    } else if (kind === 'text') put(`${sockets.get(conn)} ${dir}`, [text])
    else if (kind === 'close') put(`${sockets.get(conn)} ${dir}`, ['close frame'])
  }
  return packets
}

function payload(text: string, revision: 3 | 4): string[] {
  if (text === '') return []
  if (revision === 4)
    return text.split('\u001e').map((packet) => (packet[0] === 'b' ? `binary ${packet.slice(1)}` : packet))
  const packets: string[] = []
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at)
    const length = Number(text.slice(at, colon))
    if (colon === -1 || !Number.isInteger(length))
      throw new Error(`not a v3 payload: ${text.slice(at, at + 40)}`)
    const packet = text.slice(colon + 1, colon + 1 + length)
    packets.push(packet.startsWith('b4') ? `binary ${packet.slice(2)}` : packet)
    at = colon + 1 + length
  }
  return packets
}

/** Offsets of the official server in memory (`Q86tBu5.1`) and of ours (`Xy_9.1f`). */
const OFFSET = String.raw`"(?:Q86[\w-]{4}(?:\.\d+)?|[\w-]{4}\.[0-9a-z]+)"`
const TRAILING_OFFSET = new RegExp(`,${OFFSET}\\]$`)
const SHOWN_OFFSET = new RegExp(`"offset":${OFFSET}`)

/** Ids and offsets become `*`; long packets are cut as the recordings are. */
function normalize(packet: string): string {
  const text = packet
    .replace(/"sid":"[^"]+"/, '"sid":"*"')
    .replace(/"pid":"[^"]{20,}"/, '"pid":"*"')
    .replace(SHOWN_OFFSET, '"offset":"*"')
    .replace(TRAILING_OFFSET, ',"*"]')
  return text.length > 500 ? `${text.slice(0, 400)}…` : text
}
