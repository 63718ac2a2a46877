// Bytes of a message as the server counts them against its `maxPayload`: the packet's digit included.

import { HAS_REVISION_3 } from '../features.ts'

/** Text, bytes, or a Blob. */
type Message = string | { readonly length?: number; readonly size?: number }

/** `isBase64`: over polling, where binary data becomes `b` and base64. */
export function messageSize(data: Message, isBase64: boolean): number {
  if (typeof data === 'string') return new TextEncoder().encode(data).length + 1
  const size = data.size ?? data.length!
  return HAS_REVISION_3 && isBase64 ? Math.ceil(size / 3) * 4 + 1 : size
}

/** Three bytes are the most that a unit of text becomes: only near the limit the exact number is worth its time. */
export function isTooLarge(data: Message, isBase64: boolean, limit: number = Infinity): boolean {
  // A Blob has no length.
  return !(data.length! * 3 < limit) && messageSize(data, isBase64) > limit
}
