// Bytes in every runtime: base64 and UTF-8 through Buffer where there is one, through the web's functions elsewhere.

declare const btoa: (text: string) => string
declare const atob: (text: string) => string
declare const Blob: (new () => object) | undefined
declare const File: (new () => object) | undefined

interface NodeBuffer {
  from(value: string, encoding: string): Uint8Array & { toString(encoding: string): string }
  from(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array & { toString(encoding: string): string }
}
const nodeBuffer = (globalThis as { Buffer?: NodeBuffer }).Buffer
const encoder = new TextEncoder()
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function encodeBase64(bytes: Uint8Array): string {
  if (nodeBuffer) return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return btoa(decodeLatin1(bytes))
}

/** A character for each byte. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return text
}

/** Lenient like the official decoders: what is not base64 is skipped. */
export function decodeBase64(text: string): Uint8Array {
  if (nodeBuffer) return nodeBuffer.from(text, 'base64')
  let binary: string
  try {
    binary = atob(text)
  } catch {
    binary = atob(text.replace(/[^A-Za-z0-9+/]/g, '').replace(/^((?:.{4})*).$/, '$1'))
  }
  return Uint8Array.from(binary, (char) => char.charCodeAt(0))
}

/** Lone surrogates become U+FFFD. */
export const encodeUtf8 = (text: string): Uint8Array =>
  nodeBuffer ? nodeBuffer.from(text, 'utf8') : encoder.encode(text)
/** Invalid sequences become U+FFFD. */
export const decodeUtf8 = (bytes: Uint8Array): string => lenientDecoder.decode(bytes)

let strictDecoder: InstanceType<typeof TextDecoder> | undefined
/** Encoded surrogates, which old senders write for halves of a pair. */
const SURROGATE = 0xed

/** As the parsers of revision 3: a lone surrogate becomes U+FFFD. @throws TypeError for anything else that is not UTF-8 */
export function decodeUtf8Strictly(bytes: Uint8Array): string {
  strictDecoder ??= new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })
  if (!bytes.includes(SURROGATE)) return strictDecoder.decode(bytes)
  const replaced = Uint8Array.from(bytes)
  for (let i = 0; i + 2 < replaced.length; i++) {
    if (replaced[i] === SURROGATE && replaced[i + 1]! >= 0xa0 && replaced[i + 1]! < 0xc0 && replaced[i + 2]! >= 0x80 && replaced[i + 2]! < 0xc0) {
      replaced.set([0xef, 0xbf, 0xbd], i)
    }
  }
  return strictDecoder.decode(replaced)
}

/** A view of any binary value's bytes, or undefined when it is none (Blob and File are binary without bytes at hand). */
export function viewOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return undefined
}

const BlobClass = typeof Blob === 'function' ? Blob : undefined
const FileClass = typeof File === 'function' ? File : undefined

export function isBinary(value: unknown): boolean {
  return (
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    (BlobClass !== undefined && value instanceof BlobClass) ||
    (FileClass !== undefined && value instanceof FileClass)
  )
}
