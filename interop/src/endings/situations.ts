// The situations in which features meet an ending: each brings one client into it, and lets the ending happen there.
import { once } from 'node:events'
import type { Situation } from './cell.ts'
import { EarlyWire, PollingWire, WebSocketWire } from './wires.ts'

const FLOOD = 2_000
const flood = (): string[] => Array.from({ length: FLOOD }, (_, n) => `42["n",${n}]`)

export const situations: Situation[] = [
  {
    name: 'idle on WebSocket',
    async enter(cell, _ending, act) {
      cell.wire = await new WebSocketWire(cell.port).joined()
      act()
    },
  },
  {
    name: 'a word after the end',
    async enter(cell, _ending, act) {
      cell.wire = await new WebSocketWire(cell.port).joined()
      cell.peer.request.socket.on('end', () => queueMicrotask(() => cell.peer.emit('late')))
      act()
    },
  },
  {
    name: 'idle on polling',
    async enter(cell, _ending, act) {
      cell.wire = await PollingWire.joined(cell.port)
      act()
    },
  },
  {
    name: 'flood in slices over WebSocket',
    async enter(cell, _ending, act) {
      const wire = await new WebSocketWire(cell.port).joined()
      cell.wire = wire
      const begun = new Promise<void>((resolve) => {
        cell.onEvent = (n) => {
          if (n > 0) return
          act()
          resolve()
        }
      })
      wire.sendAtOnce(flood())
      await begun
    },
  },
  {
    name: 'flood in one POST',
    async enter(cell, ending, act) {
      const wire = await PollingWire.joined(cell.port)
      cell.wire = wire
      const last =
        ending === 'the client sends a close frame'
          ? ['1']
          : ending === 'the client sends DISCONNECT'
            ? ['41']
            : []
      const begun = new Promise<void>((resolve) => {
        cell.onEvent = (n) => {
          if (n > 0) return
          if (last.length === 0) act()
          resolve()
        }
      })
      const posted = wire.post([...flood(), ...last].join('\x1e'))
      await Promise.race([begun, posted])
    },
  },
  {
    name: 'paused reader',
    // Ours would close it for being slow.
    options: (cell) => (cell.isOurs ? { maxOutboxBytes: 64_000_000 } : {}),
    async enter(cell, _ending, act) {
      const wire = await new WebSocketWire(cell.port).joined()
      cell.wire = wire
      wire.ws.pause()
      for (let i = 0; i < 8; i++) cell.peer.emit('chunk', 'x'.repeat(900_000))
      await cell.fence()
      act()
    },
    goOn: (cell) => (cell.wire as WebSocketWire).ws.resume(),
  },
  {
    name: 'async allowRequest',
    hasNoSocket: true,
    options: (cell) => ({
      allowRequest: (_req: unknown, done: (error: null, isAllowed: boolean) => void) => {
        cell.held.push(() => done(null, true))
        cell.note('allowRequest')
      },
    }),
    async enter(cell, _ending, act) {
      cell.wire = new EarlyWire(cell.port)
      await cell.until('allowRequest', () => cell.held.length > 0)
      act()
    },
    goOn: (cell) => cell.held.shift()!(),
  },
  {
    name: 'async middleware',
    hasNoSocket: true,
    async enter(cell, _ending, act) {
      cell.io.use((_socket: unknown, next: () => void) => {
        cell.held.push(next)
        cell.note('middleware')
      })
      const wire = await new WebSocketWire(cell.port).opened()
      cell.wire = wire
      wire.ws.send('40')
      await cell.until('the middleware', () => cell.held.length > 0)
      act()
    },
    goOn: (cell) => cell.held.shift()!(),
  },
  {
    name: 'upgrade in progress',
    survives: (ending) => ending.startsWith('the client') && ending !== 'the client sends DISCONNECT',
    async enter(cell, _ending, act) {
      const wire = await PollingWire.joined(cell.port)
      cell.wire = wire
      const probe = new WebSocketWire(cell.port, `&sid=${wire.sid}`)
      wire.probe = probe
      await once(probe.ws, 'open')
      probe.ws.send('2probe')
      await once(probe.ws, 'message')
      act()
    },
    // A client that hears nothing of its upgrade polls again.
    goOn: (cell) => void (cell.wire as PollingWire).poll(),
  },
  {
    name: 'half-received attachments',
    async enter(cell, _ending, act) {
      const wire = await new WebSocketWire(cell.port).joined()
      cell.wire = wire
      wire.ws.send('452-["n",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
      wire.ws.send(Buffer.from([1]))
      await cell.fence()
      act()
    },
  },
  {
    name: 'recovery on',
    options: () => ({ connectionStateRecovery: {} }),
    async enter(cell, ending, act) {
      const wire = await new WebSocketWire(cell.port).joined()
      cell.wire = wire
      const { pid } = JSON.parse(wire.messages[1]!.slice(2)) as { pid: string }
      cell.peer.emit('x')
      await once(wire.ws, 'message')
      const offset = (JSON.parse(wire.messages[2]!.slice(2)) as string[])[1]
      act()
      if (ending.startsWith('io.')) return
      await cell.until('a "disconnect"', () => cell.log.some((line) => line.startsWith('disconnect:')))
      wire.destroy()
      const again = new WebSocketWire(cell.port)
      cell.wire = again
      await again.joined(`40${JSON.stringify({ pid, offset })}`)
      again.end()
      await cell.until(
        'the second "disconnect"',
        () => cell.log.filter((line) => line.startsWith('disconnect:')).length === 2,
      )
    },
  },
]
