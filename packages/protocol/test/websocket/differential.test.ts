// Our codec against `ws` as a black box: each side speaks to the other over real sockets, and the same bytes, good and bad, get the same
// answers and close codes from both.
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { OPCODE, encodeCloseFrame, encodeFrame } from '../../src/index.ts'
import { startEchoServer } from './echo-server.ts'
import type { EchoServer } from './echo-server.ts'
import { RecordingDecoder, hex } from './events.ts'
import type { FrameEvent } from './events.ts'
import { doubtfulBytes } from './frame-arbitrary.ts'

const MAX_PAYLOAD_BYTES = 600
const M = '00000000'

let ours: EchoServer
let theirs: WebSocketServer
let theirPort: number

beforeAll(async () => {
  ours = await startEchoServer({ maxPayloadBytes: MAX_PAYLOAD_BYTES })
  theirs = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: MAX_PAYLOAD_BYTES })
  theirs.on('connection', (socket) => {
    // A broken frame is reported here and answered with a close frame.
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }))
  })
  await once(theirs, 'listening')
  theirPort = (theirs.address() as AddressInfo).port
})

afterAll(async () => {
  await ours.close()
  for (const socket of theirs.clients) socket.terminate()
  await new Promise((resolve) => theirs.close(resolve))
})

/** Everything that a server answers to these bytes, up to its close frame; a reason is free text and left out. */
async function answersOf(port: number, bytes: Uint8Array): Promise<FrameEvent[]> {
  const socket = connect(port, '127.0.0.1')
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  const recording = new RecordingDecoder({ role: 'client' })
  let head = Buffer.alloc(0)
  let isOpen = false
  const closed = new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(
      () => reject(new Error(`no close frame; got ${JSON.stringify(recording.events)}`)),
      20_000,
    )
    const end = (): void => {
      clearTimeout(deadline)
      resolve()
    }
    socket.on('close', end)
    // A server that was sent too much may reset the connection; what it said before that counts.
    socket.on('error', end)
    socket.on('data', (chunk: Buffer) => {
      if (isOpen) recording.push(chunk)
      else {
        head = Buffer.concat([head, chunk])
        const at = head.indexOf('\r\n\r\n')
        if (at === -1) return
        if (!head.toString('latin1').startsWith('HTTP/1.1 101')) reject(new Error(head.toString('latin1')))
        isOpen = true
        recording.push(head.subarray(at + 4))
        socket.write(bytes)
      }
      if (recording.events.at(-1)?.[0] === 'close') end()
    })
  })
  try {
    await closed
  } finally {
    socket.destroy()
  }
  return recording.events.map((event) => (event[0] === 'close' ? ['close', event[1], ''] : event))
}

test.each([
  ['[WS-2]', 'an unmasked text', '81 05 48656c6c6f', 1002],
  ['[WS-2]', 'an unmasked ping', '89 00', 1002],
  ['[WS-3]', 'the first reserved bit', `c1 80 ${M}`, 1002],
  ['[WS-3]', 'the second reserved bit', `a1 80 ${M}`, 1002],
  ['[WS-3]', 'the third reserved bit', `91 80 ${M}`, 1002],
  ['[WS-3]', 'opcode 3', `83 80 ${M}`, 1002],
  ['[WS-3]', 'opcode 11', `8b 80 ${M}`, 1002],
  ['[WS-3]', 'a ping in fragments', `09 80 ${M}`, 1002],
  ['[WS-3]', 'a ping of 126 bytes', `89 fe 007e ${M} ${'00'.repeat(126)}`, 1002],
  ['[WS-3]', 'a continuation of nothing', `80 80 ${M}`, 1002],
  ['[WS-3]', 'a message inside another', `01 81 ${M} 61 81 81 ${M} 62`, 1002],
  ['[WS-3]', 'a close of one byte', `88 81 ${M} 03`, 1002],
  ['[WS-3]', 'close code 1005', `88 82 ${M} 03ed`, 1002],
  ['[WS-3]', 'close code 1015', `88 82 ${M} 03f7`, 1002],
  ['[WS-3]', 'close code 2999', `88 82 ${M} 0bb7`, 1002],
  ['[WS-5]', 'text that is no UTF-8', `81 81 ${M} ff`, 1007],
  ['[WS-5]', 'fragments that are no UTF-8', `01 81 ${M} c3 80 81 ${M} 61`, 1007],
  ['[WS-5]', 'a close reason that is no UTF-8', `88 83 ${M} 03e8 ff`, 1007],
  ['[WS-6]', 'a frame above the limit', `82 fe 0259 ${M}`, 1009],
  ['[WS-6]', 'a length above 2^53', `82 ff 0020000000000000 ${M}`, 1009],
  ['[WS-6]', 'fragments above the limit', `02 fe 0258 ${M} ${'00'.repeat(600)} 80 81 ${M} 00`, 1009],
  ['[WS-9]', 'a close without a code', `88 80 ${M}`, 1005],
  ['[WS-9]', 'a close with a code', `88 82 ${M} 0fa0`, 4000],
])('%s answers %s with the close code of ws', async (_rule, _name, bytes, code) => {
  const [mine, reference] = await Promise.all([
    answersOf(ours.port, hex(bytes)),
    answersOf(theirPort, hex(bytes)),
  ])
  expect(mine).toEqual([['close', code, '']])
  expect(mine).toEqual(reference)
})

test(
  '[WS-8, WS-9] answers any bytes with the messages, pongs and close code of ws',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(doubtfulBytes, async (bytes) => {
        const [mine, reference] = await Promise.all([
          answersOf(ours.port, bytes),
          answersOf(theirPort, bytes),
        ])
        expect(mine).toEqual(reference)
      }),
      { numRuns: 150 },
    )
  },
)

const message = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.toWellFormed()),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
)

test(
  '[WS-1] a ws client gets back what it sends us, cut into fragments or not',
  { timeout: 60_000 },
  async () => {
    const socket = new WebSocket(ours.url, { perMessageDeflate: false })
    await once(socket, 'open')
    await fc.assert(
      fc.asyncProperty(message, fc.boolean(), async (data, isCut) => {
        const answer = once(socket, 'message', { signal: AbortSignal.timeout(20_000) }) as Promise<
          [Buffer, boolean]
        >
        if (isCut) {
          const half = Math.floor(data.length / 2)
          // Strings are cut between characters only: ws would encode each half of a pair by itself.
          const bytes = Buffer.from(data)
          const binary = typeof data !== 'string'
          socket.send(bytes.subarray(0, half), { fin: false, binary })
          socket.send(bytes.subarray(half), { binary })
        } else socket.send(data)
        const [echoed, isBinary] = await answer
        expect(isBinary).toBe(typeof data !== 'string')
        expect(Buffer.compare(echoed, Buffer.from(data))).toBe(0)
      }),
      { numRuns: 200 },
    )
    const pong = once(socket, 'pong', { signal: AbortSignal.timeout(20_000) })
    socket.ping('still here')
    expect(String((await pong)[0])).toBe('still here')
    socket.close(4321, 'bye')
    const [code, reason] = (await once(socket, 'close', { signal: AbortSignal.timeout(20_000) })) as [
      number,
      Buffer,
    ]
    expect([code, reason.toString()]).toEqual([4321, 'bye'])
  },
)

test('[WS-1] a ws server gives back what our client side encodes', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
      const frames = messages.map((data) =>
        encodeFrame(typeof data === 'string' ? OPCODE.TEXT : OPCODE.BINARY, data, { mask: randomBytes(4) }),
      )
      const events = await answersOf(
        theirPort,
        Buffer.concat([...frames, encodeCloseFrame(3456, '', randomBytes(4))]),
      )
      expect(events).toEqual([
        ...messages.map((data) =>
          typeof data === 'string' ? ['text', data] : ['binary', data.toString('hex')],
        ),
        ['close', 3456, ''],
      ])
    }),
    { numRuns: 50 },
  )
})

test.each([125, 126, 65_535, 65_536, 1_000_000])(
  '[WS-1] a message of %i bytes reaches ws and comes back',
  async (length) => {
    const large = await startEchoServer()
    try {
      const socket = new WebSocket(large.url, { perMessageDeflate: false })
      await once(socket, 'open')
      for (const data of ['x'.repeat(length), Buffer.alloc(length, 0x5a)]) {
        const answer = once(socket, 'message', { signal: AbortSignal.timeout(20_000) }) as Promise<
          [Buffer, boolean]
        >
        socket.send(data)
        expect(Buffer.compare((await answer)[0], Buffer.from(data))).toBe(0)
      }
      socket.terminate()
    } finally {
      await large.close()
    }
  },
)
