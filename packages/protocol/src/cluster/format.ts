// The format of bus messages: its version, and every number that is on the wire. A node tells the versions that it speaks in its hello; a
// pair of nodes uses the highest that both speak. Whoever changes anything here, or the layout in frame.ts and hello.ts, raises `max` and
// adds a line to the history; test/cluster/format.test.ts holds the bytes of every version that is still spoken.
//
// History: 1 (4.100.0) the first.

/** The versions of the bus format that this release speaks; two nodes use the highest that both do. */
export const CLUSTER_FORMAT = { min: 1, max: 1 } as const

/** The highest version that both ranges hold, or undefined. */
export function commonFormat(
  a: { readonly min: number; readonly max: number },
  b: { readonly min: number; readonly max: number },
): number | undefined {
  const highest = Math.min(a.max, b.max)
  return highest >= Math.max(a.min, b.min) ? highest : undefined
}

/** Bytes of a frame before its messages. */
export const FRAME_HEADER_BYTES = 40
/** Bytes of a hello before its JSON. */
export const HELLO_HEADER_BYTES = 24
/** HMAC-SHA256, cut to its first 16 bytes; the last bytes of a message that has the flag. */
export const MAC_BYTES = 16
/** The four characters of an incarnation, as ASCII. */
export const INCARNATION_BYTES = 4

/** Bits of a frame's third byte: it ends with a MAC; numbers before it are missing for good. */
export const FRAME_FLAG = { mac: 1, gap: 2 } as const
/** Bits of a message's first byte beside its service: the next message of the frame goes on with this one. */
export const MESSAGE_FLAG = { more: 0x80 } as const
/** Service numbers fill the low bits of a message's first byte. */
export const MAX_SERVICE = 0x3f
/** Four bytes of seven bits. */
export const MAX_MESSAGE_BYTES = 268_435_455

/** What a frame is for. */
export const FRAME_KIND = { data: 1, open: 2, probe: 3, alive: 4 } as const
/** Names in `FRAME_KIND`. */
export type FrameKind = keyof typeof FRAME_KIND
/** Why the link before this one ended; in `open` frames. */
export const LINK_REASON = { none: 0, hole: 1, dead: 2 } as const
/** Names in `LINK_REASON`. */
export type LinkReason = keyof typeof LINK_REASON
/** What a hello is for: `join` and `taken` settle the incarnation, `query` asks everyone for an `answer`, `beat` says "alive". */
export const HELLO_KIND = { join: 1, query: 2, answer: 3, beat: 4, bye: 5, taken: 6 } as const
/** Names in `HELLO_KIND`. */
export type HelloKind = keyof typeof HELLO_KIND
