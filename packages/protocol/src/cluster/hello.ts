// Hellos: how nodes find each other, say that they live, and leave. Their layout is the same in every release, whatever the format of
// frames, so that two releases can always tell each other what they speak.
//
//   0 "T" · 1 layout (1) · 2 kind · 3 flags · 4 lowest format · 5 highest format · 6 (0, 0) · 8 incarnation (4) · 12 boot (8)
//   20 count (u32) · 24 JSON · MAC (16)
import { decodeUtf8, encodeUtf8 } from '../bytes.ts'
import { fail, namesOf, readIncarnation, readUint32, writeIncarnation, writeUint32 } from './bytes.ts'
import { FRAME_FLAG, HELLO_HEADER_BYTES, HELLO_KIND, MAC_BYTES } from './format.ts'
import type { HelloKind } from './format.ts'

/** "T": no format of frames will ever have this number, so that both may come on one subject. */
export const HELLO_MAGIC = 0x54
const LAYOUT = 1
const BOOT_BYTES = 8
const MAX_HELLO_BYTES = 4_096
const MAX_TEXT = 256

/** What a node tells about itself. */
export interface HelloInfo {
  /** For people, never for routing. */
  readonly name: string
  /** The release of tidewire. */
  readonly version: string
  /** Where a balancer reaches it, if it was told. */
  readonly address: string | undefined
  /** How many sessions it owns. */
  readonly sessions: number
}

/** How a node makes itself known, decoded. */
export interface Hello {
  /** What it is for. */
  readonly kind: HelloKind
  /** Versions of the frame format that the node speaks. */
  readonly format: { readonly min: number; readonly max: number }
  /** Of the node that speaks, or that is spoken of in `taken`. */
  readonly incarnation: string
  /** 16 hexadecimal digits, random per boot: tells two nodes with the same incarnation apart. In `taken`, the boot that has to redraw. */
  readonly boot: string
  /** Rises with every hello of a boot: an older one that comes late, or again, is recognised. */
  readonly count: number
  /** What it tells about itself. */
  readonly info: HelloInfo
}

/** The bytes, with room for the MAC at their end when there is to be one. */
export function encodeHello(hello: Hello, hasMac: boolean): Uint8Array {
  const { name, version, address, sessions } = hello.info
  const json = encodeUtf8(
    JSON.stringify({
      name: name.slice(0, MAX_TEXT),
      version,
      address: address?.slice(0, MAX_TEXT),
      sessions,
    }),
  )
  const bytes = new Uint8Array(HELLO_HEADER_BYTES + json.length + (hasMac ? MAC_BYTES : 0))
  bytes[0] = HELLO_MAGIC
  bytes[1] = LAYOUT
  bytes[2] = HELLO_KIND[hello.kind]
  bytes[3] = hasMac ? FRAME_FLAG.mac : 0
  bytes[4] = hello.format.min
  bytes[5] = hello.format.max
  writeIncarnation(bytes, 8, hello.incarnation)
  for (let i = 0; i < BOOT_BYTES; i++) bytes[12 + i] = parseInt(hello.boot.slice(2 * i, 2 * i + 2), 16)
  writeUint32(bytes, 20, hello.count)
  bytes.set(json, HELLO_HEADER_BYTES)
  return bytes
}

/** Whether bytes from the bus are a hello and no frame. */
export function isHello(bytes: Uint8Array): boolean {
  return bytes[0] === HELLO_MAGIC
}

/** Whether it ends with a code made with the cluster's secret. */
export function hasHelloMac(bytes: Uint8Array): boolean {
  return (bytes[3]! & FRAME_FLAG.mac) !== 0
}

const KINDS = namesOf(HELLO_KIND)

/** Reads and checks a hello. @throws ProtocolError TW_ERR_CLUSTER_FRAME */
export function decodeHello(bytes: Uint8Array): Hello {
  const hasMac = bytes.length > 3 && hasHelloMac(bytes)
  const end = hasMac ? bytes.length - MAC_BYTES : bytes.length
  if (end < HELLO_HEADER_BYTES || bytes.length > MAX_HELLO_BYTES) fail(`a hello has ${bytes.length} bytes`)
  if (bytes[0] !== HELLO_MAGIC || bytes[1] !== LAYOUT) fail('not a hello')
  const kind = KINDS[bytes[2]!]
  if (kind === undefined) fail(`a hello has the unknown kind ${bytes[2]}`)
  let boot = ''
  for (let i = 0; i < BOOT_BYTES; i++) boot += bytes[12 + i]!.toString(16).padStart(2, '0')
  return {
    kind,
    format: { min: bytes[4]!, max: bytes[5]! },
    incarnation: readIncarnation(bytes, 8),
    boot,
    count: readUint32(bytes, 20),
    info: readInfo(decodeUtf8(bytes.subarray(HELLO_HEADER_BYTES, end))),
  }
}

/** Later releases may say more: what is not known is ignored. */
function readInfo(json: string): HelloInfo {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    fail('a hello is not JSON')
  }
  if (typeof value !== 'object' || value === null) fail('a hello is not a JSON object')
  const { name, version, address, sessions } = value as Record<string, unknown>
  if (typeof name !== 'string' || typeof version !== 'string' || typeof sessions !== 'number')
    fail('a hello lacks name, version or sessions')
  return { name, version, address: typeof address === 'string' ? address : undefined, sessions }
}
