// What a process sends right before it exits: most handlers of SIGTERM are written that way.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { DEADLINE_MS, websocket, WireSocket } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

const PROGRAM = `
  import { createServer } from 'node:http'
  import { Server } from 'tidewire'
  const http = createServer()
  const io = new Server(http)
  io.on('connection', (socket) => socket.on('exit', () => setImmediate(() => {
    socket.emit('to', 'one')
    io.emit('to all', new Uint8Array(2))
    process.exit()
  })))
  http.listen(0, '127.0.0.1', () => console.log(http.address().port))
`

const REFILLING = `
  import { createServer } from 'node:http'
  import { Server } from 'tidewire'
  const http = createServer()
  const io = new Server(http)
  io.on('connection', (socket) => socket.on('exit', () => {
    socket.conn.on('drain', () => socket.emit('next'))
    socket.emit('last')
    process.exit()
  }))
  http.listen(0, '127.0.0.1', () => console.log(http.address().port))
`

const LEAVING = `
  import { createServer } from 'node:http'
  import { Server } from 'tidewire'
  const http = createServer()
  const io = new Server(http)
  io.on('connection', (socket) => socket.on('exit', () => {
    socket.conn.once('drain', () => process.exit())
    io.emit('bye')
  }))
  http.listen(0, '127.0.0.1', () => console.log(http.address().port))
`

async function join(port: number): Promise<WireSocket> {
  const client = new WireSocket(port, websocket(4))
  await client.next()
  client.ws.send('40')
  await client.next()
  return client
}

async function start(program: string): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(
    process.execPath,
    ['--conditions=tidewire-source', '--input-type=module', '-e', program],
    {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: DEADLINE_MS,
    },
  )
  cleanups.push(() => child.kill())
  const [line] = await once(child.stdout, 'data')
  return { child, port: Number(String(line)) }
}

describe('a process that exits', () => {
  it('[API-48] has sent what it emitted in the same turn', async () => {
    const { port } = await start(PROGRAM)
    const client = await join(port)
    client.ws.send('42["exit"]')
    await client.end()

    expect(client.messages).toEqual([
      '42["to","one"]',
      '451-["to all",{"_placeholder":true,"num":0}]',
      Buffer.alloc(2),
    ])
  })

  it('[API-48] exits, though a listener sends more whenever what was sent has left', async () => {
    const { child, port } = await start(REFILLING)
    const client = await join(port)
    const exited = once(child, 'exit')
    client.ws.send('42["exit"]')

    expect(await exited).toEqual([0, null])
    await client.end()
    expect(client.messages[0]).toBe('42["last"]')
  })

  it('[API-48] has sent it to all, though it exits as soon as one of them has it', async () => {
    const { port } = await start(LEAVING)
    const clients = [await join(port), await join(port), await join(port), await join(port)]
    clients[1]!.ws.send('42["exit"]')
    await Promise.all(clients.map((client) => client.end()))

    expect(clients.map((client) => client.messages)).toEqual(clients.map(() => ['42["bye"]']))
  })
})
