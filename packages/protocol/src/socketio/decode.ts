// Incremental decoder: a text, then its attachments; returns a value, emits nothing.
import { ProtocolError } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { insertBinary, tooDeep } from './binary.ts'
import { PacketType, isDataValid } from './packet.ts'
import type { SocketPacket, SocketRevision } from './packet.ts'

/** What a decoder accepts. */
export interface SocketPacketDecoderOptions {
  /** 4 is as lenient as the parsers of 1.x and 2.x; 5 refuses reserved event names and data of a wrong kind. */
  revision: SocketRevision
  /** Attachments of one packet. Default 10. */
  maxAttachments?: number
  /** Levels of nesting of its data. Default 2000. */
  maxDepth?: number
  /** As the second argument of `JSON.parse`. */
  reviver?: ((this: any, key: string, value: any) => any) | undefined
}

/** While attachments are due a longer text is kept instead of its values, which may take twenty times the memory, and parsed again when all are there. */
const KEPT_AS_TEXT = 16_384
const ZERO = 48
const NINE = 57
const DASH = 45
const SLASH = 47

function malformed(what: string, text: string, officialMessage = 'invalid payload', cause?: unknown): ProtocolError {
  return new ProtocolError('TW_ERR_SOCKET_PACKET', `Malformed Socket.IO packet: ${what}; got ${JSON.stringify(text.slice(0, 40))}`, {
    cause,
    officialMessage,
  })
}

/**
 * Puts the packets of one connection together from its Engine.IO messages: a text, then its attachments.
 * @throws ProtocolError from `add`; the caller then closes the connection.
 */
export class SocketPacketDecoder {
  readonly #options: SocketPacketDecoderOptions
  #pending: SocketPacket | undefined
  #received: Uint8Array[] | undefined
  /** Of the pending packet, if it is long. */
  #text: string | undefined

  constructor(options: SocketPacketDecoderOptions) {
    this.#options = options
  }

  /** True while attachments are due. */
  get isWaiting(): boolean {
    return this.#pending !== undefined
  }

  /** Feeds one Engine.IO message; gives the packet it completes, if any (types 5 and 6 come out as 2 and 3). */
  add(chunk: string | Uint8Array): SocketPacket | undefined {
    if (typeof chunk === 'string') return this.#addText(chunk)
    return this.#addAttachment(chunk)
  }

  /** Forgets a half-received packet. */
  destroy(): void {
    this.#pending = undefined
    this.#received = undefined
    this.#text = undefined
  }

  #addText(text: string): SocketPacket | undefined {
    if (this.#pending !== undefined) throw malformed('text while attachments are due', text, 'got plaintext data when reconstructing a packet')
    const packet = this.#parse(text)
    if (packet.attachments === undefined) return packet
    this.#pending = packet
    this.#received = []
    if (text.length > KEPT_AS_TEXT) {
      this.#text = text
      packet.data = undefined
    }
    return undefined
  }

  #addAttachment(bytes: Uint8Array): SocketPacket | undefined {
    const packet = this.#pending
    if (packet === undefined) {
      throw new ProtocolError('TW_ERR_ATTACHMENTS', `Attachment without a packet; got ${bytes.length} bytes that no packet announced`, {
        officialMessage: 'got binary data when not reconstructing a packet',
      })
    }
    const received = this.#received!
    received.push(bytes)
    if (received.length < packet.attachments!) return undefined
    const text = this.#text
    this.destroy()
    return this.#complete(text === undefined ? packet : this.#parse(text), received)
  }

  #complete(packet: SocketPacket, attachments: Uint8Array[]): SocketPacket {
    packet.data = insertBinary(packet.data, attachments, true)
    packet.type = packet.type === PacketType.BINARY_EVENT ? PacketType.EVENT : PacketType.ACK
    packet.attachments = undefined
    return packet
  }

  #parse(text: string): SocketPacket {
    const { revision, maxAttachments = DEFAULT_LIMITS.maxAttachments } = this.#options
    const type = (text === '' ? 0 : text.charCodeAt(0) - ZERO) as PacketType
    if (!(type >= 0 && type <= 6)) throw malformed('unknown type', text, `unknown packet type ${Number(text[0])}`)
    let offset = 1
    let attachments: number | undefined
    if (type === PacketType.BINARY_EVENT || type === PacketType.BINARY_ACK) {
      const start = offset
      while (isDigit(text.charCodeAt(offset))) offset++
      if (offset === start || text.charCodeAt(offset) !== DASH) throw malformed('no number of attachments', text, 'Illegal attachments')
      attachments = Number(text.slice(start, offset++))
      if (attachments === 0) throw malformed('a binary packet without attachments', text, 'Illegal attachments')
      if (attachments > maxAttachments) {
        throw new ProtocolError(
          'TW_ERR_ATTACHMENTS',
          `Too many attachments; got ${attachments}, expected at most ${maxAttachments}. Send several events, or raise maxAttachments`,
          { officialMessage: 'too many attachments', limit: 'maxAttachments' },
        )
      }
    }
    let nsp = '/'
    if (text.charCodeAt(offset) === SLASH) {
      const comma = text.indexOf(',', offset)
      nsp = text.slice(offset, comma < 0 ? undefined : comma)
      offset = comma < 0 ? text.length : comma + 1
    }
    let id: number | undefined
    const idStart = offset
    while (isDigit(text.charCodeAt(offset))) offset++
    if (offset > idStart) id = Number(text.slice(idStart, offset))
    let data: unknown
    if (offset < text.length) {
      data = this.#parseJson(text, offset)
      if (!isDataValid(type, data, revision)) throw malformed('data of the wrong shape', text)
    } else if (type !== PacketType.CONNECT && type !== PacketType.DISCONNECT && type !== PacketType.CONNECT_ERROR) {
      throw malformed('no data', text)
    }
    const packet: SocketPacket = { type, nsp }
    if (data !== undefined) packet.data = data
    if (id !== undefined) packet.id = id
    if (attachments !== undefined) packet.attachments = attachments
    return packet
  }

  #parseJson(text: string, offset: number): unknown {
    // A value of depth n needs at least 2n units, so short texts need no look.
    const { maxDepth = DEFAULT_LIMITS.maxDepth } = this.#options
    if (text.length - offset > 2 * maxDepth && isDeeperThan(text, offset, maxDepth)) throw tooDeep(maxDepth)
    try {
      return JSON.parse(text.slice(offset), this.#options.reviver)
    } catch (cause) {
      throw malformed('data is not JSON', text.slice(offset), undefined, cause)
    }
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

/** perf: a search for one character costs a tenth of a loop over all, and most large texts are long strings with few brackets. */
function hasMoreThan(text: string, offset: number, brackets: number): boolean {
  let left = brackets
  for (const opening of '[{') {
    for (let at = text.indexOf(opening, offset); at >= 0; at = text.indexOf(opening, at + 1)) if (--left < 0) return true
  }
  return false
}

/** Counts brackets outside strings. */
function isDeeperThan(text: string, offset: number, maxDepth: number): boolean {
  if (!hasMoreThan(text, offset, maxDepth)) return false
  let depth = 0
  for (let i = offset; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22:
        for (i++; i < text.length; i++) {
          const code = text.charCodeAt(i)
          if (code === 0x5c) i++
          else if (code === 0x22) break
        }
        break
      case 0x5b:
      case 0x7b:
        if (++depth > maxDepth) return true
        break
      case 0x5d:
      case 0x7d:
        depth--
        break
    }
  }
  return false
}
