// Which Engine.IO revision a server speaks, told from what it answers. Pure decisions; engine-client.ts acts on them.
// 4 is asked for first: servers that speak only 3 (socket.io 1.x, 2.x) answer in 3 all the same, and no server is silent on it.

/** 4: socket.io 3.x and 4.x. 3: socket.io 1.x and 2.x. */
export type Revision = 3 | 4

/** How long a WebSocket that has said nothing for sure may take to send the unasked CONNECT of a 1.x or 2.x server. */
export const GRACE_MS = 150

const ZERO = 48
const NINE = 57
const BRACE = 123
const COLON = 58

/** The revision of the first polling body, from its first bytes; undefined when it is none. Content-Type lies, bytes do not. */
export function revisionOfBody(body: Uint8Array | string): Revision | undefined {
  const at = (index: number): number => (typeof body === 'string' ? body.charCodeAt(index) : body[index]!)
  if (at(0) === ZERO && at(1) === BRACE) return 4
  if (at(0) === 0 || at(0) === 1) return 3
  let index = 0
  while (at(index) >= ZERO && at(index) <= NINE && index < 10) index++
  return index > 0 && at(index) === COLON && at(index + 1) === ZERO ? 3 : undefined
}

/** What a first WebSocket message after the open packet says: only servers of revision 3 speak unasked, and without a session id. */
export function isUnaskedConnect(message: unknown): boolean {
  return typeof message === 'string' && (message === '0' || message.startsWith('4')) && !message.startsWith('4{')
}

/**
 * A refusal after which asking for revision 3 helps: servers of revision 3 that check the number (python-engineio 3.x). They say so in
 * the body, but an ASGI host makes a bare 403 of it on WebSocket.
 */
export function isRevisionRefused(status: unknown, text: unknown): boolean {
  if (text === undefined || text === '') return status === 400 || (status === 403 && text === '')
  return status === 400 && /"code"\s*:\s*5\b|unsupported (protocol )?version/i.test(String(text))
}

/** What is known of a URL from an earlier connection. */
export const verdicts: Map<string, Revision> = new Map()
