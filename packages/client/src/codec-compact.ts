// The codec of Socket.IO packets for browsers: the wire of @tidewire/protocol's in a fraction of its bytes, by way of JSON's own replacer and
// reviver where there is binary data. What it gives up is texts in errors: a bad packet is an error with a code.
import { RESERVED_EVENTS } from '@tidewire/protocol'
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import type { ClientCodec } from './codec.ts'
import { HAS_REVISION_3 } from './features.ts'

/** Accepted and sent in one packet, as by every official parser. */
const MAX_ATTACHMENTS = 10

function refuse(code: string, cause?: unknown): never {
  throw Object.assign(new Error(code, { cause }), { code })
}

const isBinary = (value: unknown): boolean => value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob

/** perf: a replacer makes JSON several times slower, this look before it does not. What has a toJSON is left to JSON, which may be all that ends there. */
const mayHoldBinary = (value: any): boolean => {
  const isObject = typeof value === 'object'
  if (!isObject || isBinary(value) || value?.toJSON) return isObject
  if (Array.isArray(value)) return value.some(mayHoldBinary)
  // A loop, and here: inside an `if` of its own it takes V8 ten times as long, and lists of keys or values twice.
  for (const key in value) if (mayHoldBinary(value[key])) return true
  return false
}

export function createCompactCodec(revision: SocketRevision): ClientCodec {
  let text: string | undefined
  let attachments: Uint8Array[] = []
  let due = 0

  return {
    encode({ type, nsp, id, data }) {
      const binary: Uint8Array[] = []
      let json: string | undefined
      try {
        const replace = function (this: any, key: string, value: unknown): unknown {
          // As it was before its toJSON; a Blob has no bytes at hand and goes as it is.
          const raw: any = this[key]
          if (!isBinary(raw)) return value
          return { _placeholder: true, num: binary.push(raw instanceof Blob ? (raw as any) : new Uint8Array(raw.buffer ?? raw, raw.byteOffset, raw.byteLength)) - 1 }
        }
        json = JSON.stringify(data, (mayHoldBinary(data) && replace) as typeof replace)
      } catch (error) {
        refuse(error instanceof RangeError ? 'TW_ERR_DEPTH' : 'TW_ERR_SOCKET_PACKET', error)
      }
      if (binary.length > MAX_ATTACHMENTS) refuse('TW_ERR_ATTACHMENTS')
      const kind = binary.length ? `${type + 3}${binary.length}-` : type
      return [`${kind}${nsp === '/' ? '' : nsp + ','}${id ?? ''}${json ?? ''}`, ...binary]
    },

    add(chunk) {
      if (typeof chunk === 'string') {
        if (due) refuse('TW_ERR_SOCKET_PACKET')
        const count = /^([56])(\d+)-/.exec(chunk)
        if (!count) return decode(chunk, revision)
        due = Number(count[2])
        if (due > MAX_ATTACHMENTS || !due) refuse('TW_ERR_ATTACHMENTS')
        text = (count[1] as unknown as number) - 3 + chunk.slice(count[0].length)
        // Bad JSON is told before its attachments come.
        decode(text, revision)
        return undefined
      }
      if (!due) refuse('TW_ERR_ATTACHMENTS')
      attachments.push(chunk)
      return --due ? undefined : decode(text!, revision, attachments.splice(0))
    },

    destroy() {
      due = 0
      attachments = []
    },
  }
}

function decode(text: string, revision: SocketRevision, attachments?: Uint8Array[]): SocketPacket {
  const match = /^([0-4]|$)(?:(\/[^,]*),?)?(\d*)/.exec(text) ?? refuse('TW_ERR_SOCKET_PACKET')
  const [head, digit, nsp = '/', id] = match
  const json = text.slice(head.length)
  const type = Number(digit) as SocketPacket['type']
  let data: any
  try {
    if (json) {
      data = JSON.parse(
        json,
        attachments && ((_key, value: any) => (value?._placeholder === true ? (attachments[value.num] ?? refuse('TW_ERR_ATTACHMENTS')) : value)),
      )
    }
  } catch (error) {
    refuse((error as any).code ?? 'TW_ERR_SOCKET_PACKET', error)
  }
  const isOld = HAS_REVISION_3 && revision === 4
  const isList = Array.isArray(data)
  const name = isList && data[0]
  const isValid =
    type === 1
      ? !json
      : type === 0 || type === 4
        ? typeof (data ?? {}) === 'object' ? !isList || isOld : type > 0 && typeof data === 'string'
        : isList && (type === 3 || typeof name === 'number' || (typeof name === 'string' && (isOld || !RESERVED_EVENTS.has(name))))
  if (!isValid) refuse('TW_ERR_SOCKET_PACKET')
  const packet: SocketPacket = { type, nsp, data }
  if (id) packet.id = Number(id)
  return packet
}
