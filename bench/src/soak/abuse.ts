// What clients do that break off, send nonsense or do nothing, each with the answer it must get. One entry is one short life.
import { frame } from '../generator/websocket-connection.ts'
import type { Random } from '@tidewire/testkit/random'
import { RawSocket, get, post, upgrade } from './raw-socket.ts'
import type { HttpAnswer } from './raw-socket.ts'
import { pause } from './tally.ts'
import { DEADLINE_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS } from './words.ts'

const POLLING = 'EIO=4&transport=polling'
const WEBSOCKET = 'EIO=4&transport=websocket'

type Abuse = (port: number, random: Random) => Promise<void>

function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text)
}

async function withSocket<T>(port: number, use: (raw: RawSocket) => Promise<T>): Promise<T> {
  const raw = new RawSocket(port)
  try {
    await raw.connected()
    return await use(raw)
  } finally {
    raw.destroy()
  }
}

const request = (port: number, bytes: string): Promise<HttpAnswer> =>
  withSocket(port, (raw) => {
    raw.write(bytes)
    return raw.answer()
  })

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

async function openWebSocket(raw: RawSocket, connectNamespace = true): Promise<void> {
  raw.write(upgrade(WEBSOCKET))
  const head = await raw.head()
  assert(head.startsWith('HTTP/1.1 101'), `upgrade answered with ${head.slice(0, 40)}`)
  assert((await raw.text()).startsWith('0{'), 'no handshake')
  if (!connectNamespace) return
  raw.write(frame('40'))
  assert((await raw.text()).startsWith('40{'), 'no CONNECT')
}

/** Ends in a close of the WebSocket, whatever comes before. */
async function assertClosed(raw: RawSocket, what: string): Promise<void> {
  while ((await raw.text()) !== 'closed');
  await raw.closed(what)
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
    await withSocket(port, async (raw) => {
      raw.write(post(query, '42["echo"', 1_000))
      await pause(50)
    })
  },
  'a poll that is aborted': async (port) => {
    const query = await openPolling(port)
    await withSocket(port, async (raw) => {
      raw.write(get(query))
      await pause(50)
    })
  },
  'half a request': (port, random) =>
    withSocket(port, async (raw) => {
      raw.write(get(POLLING).slice(0, 1 + random.below(40)))
      await pause(100)
    }),
  'a WebSocket that breaks off': (port) => withSocket(port, (raw) => openWebSocket(raw)),
  'a WebSocket handshake that breaks off': (port) =>
    withSocket(port, async (raw) => {
      raw.write(upgrade(WEBSOCKET))
    }),
  'half a frame': (port) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw)
      raw.write(frame('42["echo","never finished"]').subarray(0, 12))
      await pause(20)
    }),
  'a bad packet': (port, random) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw)
      const message = random.pick(BAD_MESSAGES)
      raw.write(frame(message))
      await assertClosed(raw, `after ${JSON.stringify(message)}`)
    }),
  'a bad frame': (port, random) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw)
      const bytes = random.pick(BAD_FRAMES)
      raw.write(bytes)
      await assertClosed(raw, `after ${bytes.toString('hex')}`)
    }),
  'a message too large': (port) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw)
      raw.write(Buffer.from('81ff000000000010000000000000', 'hex'))
      await assertClosed(raw, 'after 1 MiB')
    }),
  'a bad request': async (port, random) => {
    const [bytes, wanted] = random.pick(BAD_REQUESTS)
    const { status } = await request(port, bytes)
    assert(status === wanted, `${bytes.slice(0, 60)} answered with ${status}`)
  },
  'no namespace': (port) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw, false)
      await assertClosed(raw, 'of a client without a namespace')
    }),
  'no answer to pings': (port) =>
    withSocket(port, async (raw) => {
      await openWebSocket(raw)
      while (true) {
        const text = await raw.text()
        if (text === 'closed') break
        assert(text === '2', `got ${text}`)
      }
      await raw.closed('of a client that does not answer', PING_INTERVAL_MS + PING_TIMEOUT_MS + DEADLINE_MS)
    }),
  'a probe that breaks off': async (port) => {
    const query = await openPolling(port)
    await withSocket(port, async (raw) => {
      raw.write(upgrade(query.replace('polling', 'websocket')))
      assert((await raw.head()).startsWith('HTTP/1.1 101'), 'no upgrade')
      raw.write(frame('2probe'))
      assert((await raw.text()) === '3probe', 'no answer to the probe')
    })
    await assertAlive(port, query)
    await request(port, post(query, '1'))
  },
  'two polls at once': async (port) => {
    const query = await openPolling(port)
    await withSocket(port, async (raw) => {
      raw.write(get(query))
      await pause(20)
      const { status } = await request(port, get(query))
      assert(status === 400, `the second answered with ${status}`)
    })
  },
}
