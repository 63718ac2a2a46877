// What Node and `ws` cost at the least: just enough of the protocol, by hand, for the scenarios over WebSocket. No namespaces, no middleware, no
// checks, no heartbeat.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { control } from './application.ts'

const rooms = new Map<string, Set<WebSocket>>()
let latestId = 0

function serveSocket(socket: WebSocket, room: string | null): void {
  let ackWithAttachment: string | undefined
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      socket.send(ackWithAttachment!)
      socket.send(data)
      return
    }
    const text = data.toString()
    const bracket = text.indexOf('[')
    if (text.startsWith('40')) socket.send(`40{"sid":"${++latestId}"}`)
    else if (text.startsWith('451-')) ackWithAttachment = `461-${text.slice(4, bracket)}[{"_placeholder":true,"num":0}]`
    else if (bracket > 2) socket.send(`43${text.slice(2, bracket)}${JSON.stringify([(JSON.parse(text.slice(bracket)) as unknown[])[1]])}`)
    else if (text.startsWith('42')) {
      const [, target, news] = JSON.parse(text.slice(2)) as [string, string, string]
      const frame = `42${JSON.stringify(['news', news])}`
      for (const member of rooms.get(target) ?? []) member.send(frame)
    }
  })
  if (room !== null) {
    const members = rooms.get(room) ?? new Set()
    rooms.set(room, members.add(socket))
    socket.on('close', () => members.delete(socket))
  }
  socket.send('0{"sid":"a","upgrades":[],"pingInterval":600000,"pingTimeout":600000,"maxPayload":1000000}')
}

const http = createServer()
const server = new WebSocketServer({ server: http, perMessageDeflate: false })
server.on('connection', (socket, req) => serveSocket(socket, new URL(req.url!, 'http://a').searchParams.get('room')))
control(http)
