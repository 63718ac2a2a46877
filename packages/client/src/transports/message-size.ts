// Bytes of a message as the server counts them against its `maxPayload`: the packet's digit included.

/** `isBase64`: over polling, where binary data becomes `b` and base64. */
export function messageSize(data: string | Uint8Array, isBase64: boolean): number {
  if (typeof data === 'string') return new TextEncoder().encode(data).length + 1
  return isBase64 ? Math.ceil(data.length / 3) * 4 + 1 : data.length
}

/** Three bytes are the most that a unit of text becomes: only near the limit the exact number is worth its time. */
export function isTooLarge(data: string | Uint8Array, isBase64: boolean, limit: number | undefined): boolean {
  return data.length * 3 >= limit! && messageSize(data, isBase64) > limit!
}
