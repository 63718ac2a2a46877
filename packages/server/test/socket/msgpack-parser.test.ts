// The MessagePack parsers, ours and the published one, on either side.
import { createRequire } from 'node:module'
import { msgpackParser } from '@tidewire/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { start } from '../start.ts'
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
  it.each(['ours', 'published'].flatMap((serving) => ['ours', 'published'].map((asking) => ({ serving, asking }))))(
    '[SIO-8] a server with the $serving parser and a client with the $asking one understand each other',
    async ({ serving, asking }) => {
      server = await start({ parser: PARSERS[serving] })
      server.io.use((socket, next) => (socket.nsp.name === '/' ? next() : next(new Error('no'))))
      server.io.on('connection', (socket) => {
        socket.on('echo', (...args: any[]) => args.pop()(...args))
      })
      client = connect(server.url, { parser: PARSERS[asking], transports: ['websocket'], forceNew: true })
      const sent = ['汉字 😀', 1.5, -7, { deep: [null, true, Buffer.from([1, 2, 3])] }, Buffer.alloc(300, 7)]

      const answer = await new Promise<any[]>((resolve) => client.emit('echo', ...sent, (...args: any[]) => resolve(args)))

      expect(answer).toEqual(sent)
    },
  )

  it('[SIO-8] a malformed message ends its own connection only', async () => {
    server = await start({ parser: msgpackParser })
    client = connect(server.url, { parser: PARSERS['published'], transports: ['websocket'], forceNew: true, reconnection: false })
    await new Promise((resolve) => client.once('connect', resolve))
    const gone = new Promise<string>((resolve) => client.once('disconnect', resolve))
    client.io.engine.write(Buffer.from([0xc1]))

    expect(await gone).toBe('transport close')
  })
})
