// Numbers, texts, lists and bodies in the messages of services: written into one buffer that grows, because a link copies what it is given;
// read with checks, throwing nothing but ProtocolError.
import { ProtocolError } from '@tidewire/protocol'
import type { PacketBody } from '@tidewire/protocol'

const FIRST_SIZE = 4_096
/** A larger buffer is not kept for the next message. */
const KEPT_SIZE = 256 * 1024

export class MessageWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_SIZE)
  #length = 0

  /** Begins a message; the one before it is gone. */
  start(kind: number): this {
    if (this.#bytes.length > KEPT_SIZE) this.#bytes = Buffer.allocUnsafeSlow(FIRST_SIZE)
    this.#length = 0
    return this.byte(kind)
  }

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
    return this
  }

  /** Seven bits a byte, low ones first; up to 2^53. */
  number(value: number): this {
    this.#reserve(8)
    for (; value >= 0x80; value = Math.floor(value / 0x80))
      this.#bytes[this.#length++] = (value % 0x80) | 0x80
    this.#bytes[this.#length++] = value
    return this
  }

  text(value: string): this {
    const size = Buffer.byteLength(value)
    this.number(size)
    this.#reserve(size)
    this.#length += this.#bytes.write(value, this.#length)
    return this
  }

  bytes(value: Uint8Array): this {
    this.number(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  texts(values: { readonly size: number } & Iterable<string>): this {
    this.number(values.size)
    for (const value of values) this.text(value)
    return this
  }

  body({ json, attachments }: PacketBody): this {
    this.text(json).number(attachments.length)
    for (const attachment of attachments) this.bytes(attachment)
    return this
  }

  /** The message, valid until the next `start`. */
  get message(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

export class MessageReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  number(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const digit = this.byte()
      value += (digit & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('a number is above 2^53')
      if (digit < 0x80) return value
      factor *= 0x80
    }
  }

  text(): string {
    const size = this.number()
    const at = this.#take(size)
    return this.#bytes.toString('utf8', at, at + size)
  }

  /** A copy: the message is the link's. */
  bytes(): Buffer {
    const size = this.number()
    const at = this.#take(size)
    return Buffer.from(this.#bytes.subarray(at, at + size))
  }

  texts(): string[] {
    const values: string[] = []
    for (let count = this.#count(); count > 0; count--) values.push(this.text())
    return values
  }

  body(): PacketBody {
    const json = this.text()
    const attachments: Buffer[] = []
    for (let count = this.#count(); count > 0; count--) attachments.push(this.bytes())
    return { json, attachments }
  }

  /** Each item takes a byte at least. */
  #count(): number {
    const count = this.number()
    if (count > this.#bytes.length - this.#at) throw malformed('a list is longer than its message')
    return count
  }

  #take(size: number): number {
    const at = this.#at
    if (size > this.#bytes.length - at) throw malformed('it is cut off')
    this.#at += size
    return at
  }
}

export function malformed(what: string): ProtocolError {
  return new ProtocolError('TW_ERR_CLUSTER_FRAME', `Malformed message of a node: ${what}`)
}
