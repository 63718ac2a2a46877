// The MessagePack parsers, ours and the published one, on either side.
import { createRequire } from 'node:module'
import { encodeMsgpack, msgpackParser } from '@tidewire/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { WireSocket, start, websocket } from '../start.ts'
import type { Started } from '../start.ts'

const require = createRequire(new URL('../../../../interop/package.json', import.meta.url))
const { io: connect } = require('socket.io-client-4.8.4')
const PARSERS: Record<string, any> = { ours: msgpackParser, published: require('socket.io-msgpack-parser') }

let server: Started
let client: any
afterEach(async () => {
  client?.disconnect()
  await server.close()
})

describe('MessagePack', () => {
  it.each(
    ['ours', 'published'].flatMap((serving) => ['ours', 'published'].map((asking) => ({ serving, asking }))),
  )(
    '[SIO-8] a server with the $serving parser and a client with the $asking one understand each other',
    async ({ serving, asking }) => {
      server = await start({ parser: PARSERS[serving] })
      server.io.use((socket, next) => (socket.nsp.name === '/' ? next() : next(new Error('no'))))
      server.io.on('connection', (socket) => {
        socket.on('echo', (...args: any[]) => args.pop()(...args))
      })
      client = connect(server.url, { parser: PARSERS[asking], transports: ['websocket'], forceNew: true })
      const sent = ['汉字 😀', 1.5, -7, { deep: [null, true, Buffer.from([1, 2, 3])] }, Buffer.alloc(300, 7)]

      const answer = await new Promise<any[]>((resolve) =>
        client.emit('echo', ...sent, (...args: any[]) => resolve(args)),
      )

      expect(answer).toEqual(sent)
    },
  )

  it('[SIO-8] a malformed message ends its own connection only', async () => {
    server = await start({ parser: msgpackParser })
    client = connect(server.url, {
      parser: PARSERS['published'],
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    })
    await new Promise((resolve) => client.once('connect', resolve))
    const gone = new Promise<string>((resolve) => client.once('disconnect', resolve))
    client.io.engine.write(Buffer.from([0xc1]))

    expect(await gone).toBe('transport close')
  })

  const HOSTILE = {
    'an event whose name is an object': [{ toString: 'x' }],
    'an event of the protocol itself': ['disconnect'],
    'an event that is no list': { 0: 'x' },
  }
  it.each(
    Object.entries(HOSTILE).flatMap(([what, data]) =>
      [{}, { perMessageDeflate: true }].flatMap((options) =>
        Object.keys(PARSERS).map((parser) => ({ what, data, options, parser })),
      ),
    ),
  )(
    '[SIO-8, SIO-33] $what ends its own connection, with the $parser parser and $options',
    async ({ data, options, parser }) => {
      server = await start({ parser: PARSERS[parser], ...options })
      const { port } = server
      const hostile = new WireSocket(port, websocket(4))
      expect(String(await hostile.next())).toMatch(/^0/)
      hostile.ws.send(encodeMsgpack({ type: 0, nsp: '/' }))
      await hostile.next()
      client = connect(server.url, {
        parser: PARSERS[parser],
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
      })
      await new Promise((resolve) => client.once('connect', resolve))
      hostile.ws.send(encodeMsgpack({ type: 2, nsp: '/', data }))

      expect(await hostile.end()).toMatchObject({ code: 1008 })
      await expect.poll(() => server.io.engine.clientsCount).toBe(1)
      expect(client.connected).toBe(true)
    },
  )

  it('[SIO-48] what an application has put in the place of onevent may throw', async () => {
    const reported: unknown[] = []
    server = await start({ perMessageDeflate: true, onHandlerError: (error) => void reported.push(error) })
    server.io.on('connection', (socket) => {
      socket.onevent = () => {
        throw new Error('a wildcard that fails')
      }
    })
    client = connect(server.url, { transports: ['websocket'], forceNew: true, reconnection: false })
    await new Promise((resolve) => client.once('connect', resolve))
    client.emit('x')

    await expect.poll(() => reported).toEqual([new Error('a wildcard that fails')])
    expect(client.connected).toBe(true)
  })
})
