// Plays a session to a server over real sockets and writes down everything that comes back. In: steps. Out: a transcript without ids and
// times, so that those of two servers compare. The end is found by fences, not by waiting: what was received is worked off when /settle
// answers, what was sent is here when a ping of the WebSocket is answered after that.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import * as ws from 'ws'

export type Step =
  /** A WebSocket message, or a POST, with this text. `$ack` becomes the id of the latest event of the server that wants an answer. */
  | { text: string }
  /** The same with these bytes. */
  | { hex: string }
  /** These bytes, whatever they are, on the connection of a WebSocket. */
  | { raw: string }

export interface Session {
  transport: 'websocket' | 'polling'
  eio: 3 | 4
  /** Of the handshake, beside the usual. */
  query?: string
  /** Nothing is waited for between the steps: what comes back is then a matter of chance, what must not happen is not. */
  isBurst?: boolean
  steps: Step[]
}

export interface Transcript {
  /** Engine.IO packets of the server, in order. */
  packets: string[]
  /** How it ended: status and body of a refusal, or the close code. */
  end: unknown
  /** Whether it was still open after the last step. */
  isAlive: boolean
  /** Answers to each POST. */
  posts?: unknown[]
  /** The reason that the application was told last. */
  ending: string | undefined
  /** What the application heard. */
  heard: Heard
}

export interface Heard {
  entries: unknown[]
  /** Sockets that have not been told of their end. */
  left: number
  /** What would have ended the process. */
  crashes: string[]
}

type Played = Omit<Transcript, 'heard' | 'ending'>

const DEADLINE_MS = 30_000
const POLICY_VIOLATION = 1008
const ENDED_BY_SERVER = new Set(['forced close', 'forced server close', 'parse error', 'transport error'])
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

function fetchText(port: number, method: string, path: string, body?: string | Buffer): Promise<{ status: number; text: string; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': typeof body === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream' }
    const req = request({ port, host: '127.0.0.1', method, path, agent, headers, timeout: DEADLINE_MS }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => resolve({ status: res.statusCode!, text: Buffer.concat(chunks).toString(), bytes: Buffer.concat(chunks) }))
      res.on('error', reject)
    })
    req.on('timeout', () => req.destroy(new Error(`${method} ${path} not answered within ${DEADLINE_MS} ms`)))
    req.on('error', reject)
    req.end(body)
  })
}

const settle = (port: number): Promise<unknown> => fetchText(port, 'GET', '/settle')

/** Whether the session is open for its server, which may have closed it before the client can see that. */
const isOpen = async (port: number, sid: string): Promise<boolean> => (await fetchText(port, 'GET', `/settle?sid=${sid}`)).text === 'open'

/** Why the session's sockets have ended, if any had begun. */
function endingOf({ entries }: Heard): string | undefined {
  const [, , reason] = (entries.findLast((entry) => (entry as unknown[])[0] === 'disconnect') ?? []) as unknown[]
  return reason as string | undefined
}

/** A refusal says more on ours: what to do about it (docs/compat.md). */
const withoutHint = (body: string): string => body.replace(/,"hint":"(?:[^"\\]|\\.)*"/, '')

/** Ids are each server's own. */
const NO_ACK = '99999999'

class Masked {
  readonly packets: string[] = []
  /** Of the latest event that wants an answer; none has this. */
  latestAck = NO_ACK

  add(packet: string): void {
    this.packets.push(
      packet
        .replace(/"sid":"[^"]*"/, '"sid":"…"')
        .replace(/^(42(?:\/[^,]*,)?)(\d+)(\["hello")/, (_all, before: string, id: string, after: string) => {
          this.latestAck = id
          return `${before}N${after}`
        }),
    )
  }

  fill(text: string): string {
    return text.replaceAll('$ack', this.latestAck)
  }
}

export async function play(port: number, run: string, session: Session): Promise<Transcript> {
  const query = `EIO=${session.eio}&transport=${session.transport}&run=${run}${session.query ?? ''}`
  const played = session.transport === 'websocket' ? await playWebSocket(port, query, session) : await playPolling(port, query, session)
  const { text } = await fetchText(port, 'GET', `/log?run=${run}`)
  const heard = JSON.parse(text) as Heard
  const ending = endingOf(heard)
  // Over polling the end of a session is seen late: what the application was told is certain.
  return { ...played, isAlive: played.isAlive && (ending === undefined || !ENDED_BY_SERVER.has(ending)), ending, heard }
}

/** A masked frame; the mask is zero. */
function frame(first: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]) : Buffer.from([first, 0x80 | 126, payload.length >> 8, payload.length & 255, 0, 0, 0, 0])
  return Buffer.concat([head, payload])
}

async function playWebSocket(port: number, query: string, session: Session): Promise<Played> {
  const masked = new Masked()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let end: unknown
  let answered: () => void = () => {}
  const closed = new Promise<void>((resolve) => socket.on('close', resolve))
  socket.on('error', () => {})
  const receiver = new (ws as any).Receiver({ isServer: false, maxPayload: 0, allowSynchronousEvents: true, binaryType: 'nodebuffer' })
  receiver.on('message', (data: Buffer, isBinary: boolean) => masked.add(isBinary ? `<${data.toString('hex')}>` : data.toString()))
  receiver.on('pong', () => answered())
  receiver.on('ping', () => masked.add('<ping>'))
  receiver.on('conclude', (code: number) => {
    // Ours says why in a close frame, theirs leaves it empty (docs/decisions/0002-codec-differences.md).
    end = code === POLICY_VIOLATION ? 1005 : code
    socket.end()
  })
  receiver.on('error', (error: Error) => {
    end = `unreadable: ${error.message}`
    socket.destroy()
  })
  await once(socket, 'connect')
  socket.write(`GET /socket.io/?${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  const isOpen = await new Promise<boolean>((resolve) => {
    let head = Buffer.alloc(0)
    const take = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      const at = head.indexOf('\r\n\r\n')
      if (at < 0) return
      socket.off('data', take)
      socket.on('data', (more: Buffer) => receiver.write(more))
      end = head.toString('latin1', 9, 12)
      if (end === '101') receiver.write(head.subarray(at + 4))
      resolve(end === '101')
    }
    socket.on('data', take)
    void closed.then(() => resolve(false))
  })
  if (isOpen) {
    end = 'open'
    await settle(port)
    for (const step of session.steps) {
      if (socket.destroyed) break
      if ('raw' in step) socket.write(Buffer.from(step.raw, 'hex'))
      else if ('text' in step) socket.write(frame(0x81, Buffer.from(masked.fill(step.text))))
      else socket.write(frame(0x82, Buffer.from(step.hex, 'hex')))
      if (session.isBurst !== true) await fence(port, socket, closed, (resolve) => (answered = resolve))
    }
    await fence(port, socket, closed, (resolve) => (answered = resolve))
  }
  socket.destroy()
  return { packets: masked.packets, end, isAlive: end === 'open' }
}

/** Everything that the server has to say to what it was sent has arrived. A half-sent frame leaves the ping unread: then nothing more comes. */
async function fence(port: number, socket: ReturnType<typeof connect>, closed: Promise<void>, listen: (resolve: () => void) => void): Promise<void> {
  await settle(port)
  const pong = new Promise<void>(listen)
  if (!socket.destroyed && socket.writable) socket.write(frame(0x89, Buffer.alloc(0)))
  await settle(port)
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await settle(port)
  }
  await Promise.race([pong, closed, turns()])
}

async function playPolling(port: number, query: string, session: Session): Promise<Played> {
  const masked = new Masked()
  const opened = await fetchText(port, 'GET', `/socket.io/?${query}`)
  const split = session.eio === 4 ? splitV4 : splitV3
  const posts: unknown[] = []
  const sid = /"sid":"([^"]*)"/.exec(opened.text)?.[1]
  if (opened.status !== 200 || sid === undefined) return { packets: [], end: [opened.status, withoutHint(opened.text)], posts, isAlive: false }
  for (const packet of split(opened.bytes)) masked.add(packet)
  const path = `/socket.io/?${query}&sid=${sid}`
  let end: unknown
  const polling = (async () => {
    for (;;) {
      const { status, text, bytes } = await fetchText(port, 'GET', path)
      if (status !== 200) return void (end = [status, withoutHint(text)])
      for (const packet of split(bytes)) masked.add(packet)
    }
  })()
  const failed = polling.catch((error: Error) => void (end = error.message))
  await settle(port)
  for (const step of session.steps) {
    // The event may still be on its way in a poll.
    if ('text' in step && step.text.includes('$ack')) for (let turn = 0; turn < 4 && masked.latestAck === NO_ACK; turn++) await settle(port)
    const body = 'text' in step ? masked.fill(step.text) : Buffer.from('hex' in step ? step.hex : step.raw, 'hex')
    try {
      const { status, text } = await fetchText(port, 'POST', path, body)
      posts.push([status, withoutHint(text)])
    } catch (error) {
      posts.push((error as NodeJS.ErrnoException).code)
    }
    if (session.isBurst !== true) await settle(port)
  }
  await settle(port)
  // A session that still lives is closed by its client, which releases the poll.
  const isAlive = await isOpen(port, sid)
  if (isAlive) await fetchText(port, 'POST', path, session.eio === 4 ? '1' : '1:1').catch(() => {})
  await failed
  // Whether a poll was waiting is chance: what it is answered with when there is nothing to say, or the end is near, is left out.
  return { packets: masked.packets.filter((packet) => packet !== '6' && packet !== '1'), end, posts, isAlive }
}

const splitV4 = (body: Buffer): string[] => body.toString().split('\x1e')

function splitV3(body: Buffer): string[] {
  const packets: string[] = []
  if (body[0] === 0 || body[0] === 1) {
    for (let at = 0; at < body.length;) {
      const end = body.indexOf(0xff, at)
      const length = Number([...body.subarray(at + 1, end)].join(''))
      const data = body.subarray(end + 1, end + 1 + length)
      packets.push(body[at] === 0 ? data.toString() : `<${data.toString('hex')}>`)
      at = end + 1 + length
    }
    return packets
  }
  const text = body.toString()
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at)
    const length = Number(text.slice(at, colon))
    packets.push(text.slice(colon + 1, colon + 1 + length))
    at = colon + 1 + length
  }
  return packets
}
