// What a process sends right before it exits: most handlers of SIGTERM are written that way.
import { spawn } from 'node:child_process'
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

describe('a process that exits', () => {
  it('[API-48] has sent what it emitted in the same turn', async () => {
    const child = spawn(process.execPath, ['--conditions=tidewire-source', '--input-type=module', '-e', PROGRAM], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: DEADLINE_MS,
    })
    cleanups.push(() => child.kill())
    const [line] = await once(child.stdout, 'data')
    const client = new WireSocket(Number(String(line)), websocket(4))
    await client.next()
    client.ws.send('40')
    await client.next()
    client.ws.send('42["exit"]')
    await client.end()

    expect(client.messages).toEqual(['42["to","one"]', '451-["to all",{"_placeholder":true,"num":0}]', Buffer.alloc(2)])
  })
})
