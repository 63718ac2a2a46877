// What clients do that break off, send nonsense or do nothing, each with the answer it must get. One entry is one short life.
import { upgradeRequest } from '@tidewire/testkit/frames'
import type { Random } from '@tidewire/testkit/random'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import type { Answer } from '@tidewire/testkit/raw-connection'
import { frame } from '../generator/websocket-connection.ts'
import { pause, within } from './tally.ts'
import { DEADLINE_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS } from './words.ts'

const POLLING = 'EIO=4&transport=polling'
const WEBSOCKET = 'EIO=4&transport=websocket'

type Abuse = (port: number, random: Random) => Promise<void>

function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text)
}

const get = (query: string): string => `GET /socket.io/?${query} HTTP/1.1\r\nHost: x\r\n\r\n`

const post = (query: string, body: string, length = Buffer.byteLength(body)): string =>
  `POST /socket.io/?${query} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ${length}\r\n\r\n${body}`

const upgrade = (query: string): string => upgradeRequest(`/socket.io/?${query}`)

async function withConnection<T>(port: number, use: (raw: RawConnection) => Promise<T>): Promise<T> {
  const raw = await within(RawConnection.open({ port }), DEADLINE_MS, 'connect')
  try {
    return await use(raw)
  } finally {
    raw.destroy()
  }
}

async function answerTo(raw: RawConnection, bytes: string): Promise<Answer> {
  raw.socket.write(bytes)
  const answer = await within(raw.next(), DEADLINE_MS, 'answer')
  assert(answer !== undefined, 'closed without an answer')
  return answer
}

/** The next text message of the server, or undefined when it has closed. */
const textOf = (raw: RawConnection): Promise<string | undefined> => within(raw.text(), DEADLINE_MS, 'message')

const request = (port: number, bytes: string): Promise<Answer> => withConnection(port, (raw) => answerTo(raw, bytes))

/** A session on polling, its namespace joined; its query. */
async function openPolling(port: number): Promise<string> {
  const { status, body } = await request(port, get(POLLING))
  assert(status === 200, `handshake answered with ${status}`)
  const query = `${POLLING}&sid=${(JSON.parse(body.slice(1)) as { sid: string }).sid}`
  const { body: accepted } = await request(port, post(query, '40'))
  assert(accepted === 'ok', `CONNECT answered with ${accepted}`)
  const { body: first } = await request(port, get(query))
  assert(first.startsWith('40{'), `expected CONNECT, got ${first}`)
  return query
}

async function assertAlive(port: number, query: string): Promise<void> {
  const { status, body } = await request(port, post(query, '427["echo",1]'))
  assert(status === 200, `POST answered with ${status} ${body}`)
  const answer = await request(port, get(query))
  assert(answer.body.split('\u001e').includes('437[1]'), `echo answered with ${answer.status} ${answer.body}`)
}

async function openWebSocket(raw: RawConnection, connectNamespace = true): Promise<void> {
  const { status } = await answerTo(raw, upgrade(WEBSOCKET))
  assert(status === 101, `upgrade answered with ${status}`)
  assert((await textOf(raw))?.startsWith('0{') === true, 'no handshake')
  if (!connectNamespace) return
  raw.socket.write(frame('40'))
  assert((await textOf(raw))?.startsWith('40{') === true, 'no CONNECT')
}

/** Ends in a close of the WebSocket, whatever comes before. */
async function assertClosed(raw: RawConnection, what: string): Promise<void> {
  while ((await textOf(raw)) !== undefined);
  await within(raw.closed(), DEADLINE_MS, `${what}: close`)
}

const BAD_MESSAGES = [
  '9',
  '4{',
  '42{',
  '42',
  '4"x"',
  '47[1]',
  '451-',
  '451-["x"]x',
  '42["disconnect"]',
  '4420',
  '40/a,{',
  '42["connect"]',
  'x',
  '',
]
const BAD_FRAMES = [
  Buffer.from('8100', 'hex'), // not masked
  Buffer.from('c18000000000', 'hex'), // a reserved bit
  Buffer.from('83800000000000', 'hex'), // an unknown opcode
  Buffer.from('808000000000', 'hex'), // a continuation of nothing
  Buffer.from('81810000000080', 'hex'), // no UTF-8
  Buffer.from('88810000000003', 'hex'), // half a close code
  Buffer.from('82ff00200000000000000000000000', 'hex'), // 2^53 bytes
]
const BAD_REQUESTS: readonly [string, number][] = [
  [get('transport=polling&EIO=9'), 400],
  [get('EIO=4&transport=carrier-pigeon'), 400],
  [get(`${POLLING}&sid=nobody`), 400],
  [get(`${POLLING}&sid=__proto__`), 400],
  [post(POLLING, '40'), 400],
  [`PUT /socket.io/?${POLLING} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`, 400],
  [upgrade(`${WEBSOCKET}&sid=nobody`), 400],
]

export const abuses: Readonly<Record<string, Abuse>> = {
  'a body that never comes': async (port) => {
    const query = await openPolling(port)
    await withConnection(port, async (raw) => {
      raw.socket.write(post(query, '42["echo"', 1_000))
      await pause(50)
    })
  },
  'a poll that is aborted': async (port) => {
    const query = await openPolling(port)
    await withConnection(port, async (raw) => {
      raw.socket.write(get(query))
      await pause(50)
    })
  },
  'half a request': (port, random) =>
    withConnection(port, async (raw) => {
      raw.socket.write(get(POLLING).slice(0, 1 + random.below(40)))
      await pause(100)
    }),
  'a WebSocket that breaks off': (port) => withConnection(port, (raw) => openWebSocket(raw)),
  'a WebSocket handshake that breaks off': (port) =>
    withConnection(port, async (raw) => {
      raw.socket.write(upgrade(WEBSOCKET))
    }),
  'half a frame': (port) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw)
      raw.socket.write(frame('42["echo","never finished"]').subarray(0, 12))
      await pause(20)
    }),
  'a bad packet': (port, random) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw)
      const message = random.pick(BAD_MESSAGES)
      raw.socket.write(frame(message))
      await assertClosed(raw, `after ${JSON.stringify(message)}`)
    }),
  'a bad frame': (port, random) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw)
      const bytes = random.pick(BAD_FRAMES)
      raw.socket.write(bytes)
      await assertClosed(raw, `after ${bytes.toString('hex')}`)
    }),
  'a message too large': (port) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw)
      raw.socket.write(Buffer.from('81ff000000000010000000000000', 'hex'))
      await assertClosed(raw, 'after 1 MiB')
    }),
  'a bad request': async (port, random) => {
    const [bytes, wanted] = random.pick(BAD_REQUESTS)
    const { status } = await request(port, bytes)
    assert(status === wanted, `${bytes.slice(0, 60)} answered with ${status}`)
  },
  'no namespace': (port) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw, false)
      await assertClosed(raw, 'of a client without a namespace')
    }),
  'no answer to pings': (port) =>
    withConnection(port, async (raw) => {
      await openWebSocket(raw)
      for (let text = await textOf(raw); text !== undefined; text = await textOf(raw)) assert(text === '2', `got ${text}`)
      await within(raw.closed(), PING_INTERVAL_MS + PING_TIMEOUT_MS + DEADLINE_MS, 'of a client that does not answer: close')
    }),
  'a probe that breaks off': async (port) => {
    const query = await openPolling(port)
    await withConnection(port, async (raw) => {
      const { status } = await answerTo(raw, upgrade(query.replace('polling', 'websocket')))
      assert(status === 101, `upgrade answered with ${status}`)
      raw.socket.write(frame('2probe'))
      assert((await textOf(raw)) === '3probe', 'no answer to the probe')
    })
    await assertAlive(port, query)
    await request(port, post(query, '1'))
  },
  'two polls at once': async (port) => {
    const query = await openPolling(port)
    await withConnection(port, async (raw) => {
      raw.socket.write(get(query))
      await pause(20)
      const { status } = await request(port, get(query))
      assert(status === 400, `the second answered with ${status}`)
    })
  },
}
