// Where a server answers, by the ways to say so.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { Server } from 'tidewire'
import { send } from '../start.ts'

it.each([
  ['attach(http, { path })', (io: Server, http: ReturnType<typeof createServer>) => io.attach(http, { path: '/deep/io/' }), {}],
  ['new Server({ path })', (io: Server, http: ReturnType<typeof createServer>) => io.attach(http), { path: '/deep/io' }],
  ['new Server({ path }) before attach(http, { path })', (io: Server, http: ReturnType<typeof createServer>) => io.attach(http, { path: '/other' }), { path: '/deep/io' }],
  ['path()', (io: Server, http: ReturnType<typeof createServer>) => io.path('/deep/io').attach(http), {}],
])('[API-22] serves where it is told: %s', async (_how, attach, options) => {
  const http = createServer()
  const io = new Server(options)
  attach(io, http)
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  expect((await send(port, 'GET', '/deep/io/?EIO=4&transport=polling')).body).toMatch(/^0\{"sid"/)
  await io.close()
})
