// What a pair of packages offers at run time: exports, and the members of one live object of each class, prototypes included. Nothing is
// read but the objects.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Packages {
  /** What `import * as` gives. */
  server: any
  client: any
}

/** Names of members by class, as in `Socket` → { join, leave, … }. */
export type Surface = Map<string, Set<string>>

/** Own names of the object and of its prototypes, down to those of the language and of Node. */
export function membersOf(object: object): Set<string> {
  const names = new Set<string>()
  for (let one: any = object; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    if (one.constructor?.name === 'EventEmitter' && one !== object) break
    for (const name of Object.getOwnPropertyNames(one)) names.add(name)
  }
  names.delete('constructor')
  // Node's own state of an emitter.
  for (const name of ['_events', '_eventsCount', '_maxListeners']) names.delete(name)
  return names
}

/** A live object of each class: a server, and a client that has joined, upgraded and sent something. */
export async function liveObjects({ server, client }: Packages): Promise<{ objects: Map<string, any>; stop(): Promise<void> }> {
  const http = createServer()
  const io = new server.Server(http)
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve)
  })
  const family = io.of(/^\/family-/)
  const joined = new Promise<any>((resolve) => {
    io.on('connection', resolve)
  })
  const socket = client.io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports: ['websocket'], forceNew: true })
  const peer = await joined
  if (!socket.connected) {
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve)
    })
  }
  const [remote] = await io.to(peer.id).fetchSockets()
  const objects = new Map<string, any>([
    ['Server', io],
    ['Namespace', io.of('/')],
    ['ParentNamespace', family],
    ['Socket', peer],
    ['Client', peer.client],
    ['BroadcastOperator', io.to('room')],
    ['RemoteSocket', remote],
    ['Adapter', io.of('/').adapter],
    ['Engine', io.engine],
    ['engine Socket', peer.conn],
    ['engine Transport', peer.conn.transport],
    ['handshake request', peer.request],
    ['client Manager', socket.io],
    ['client Socket', socket],
    ['client engine', socket.io.engine],
    ['client Transport', socket.io.engine.transport],
  ])
  return {
    objects,
    async stop() {
      socket.disconnect()
      await io.close()
    },
  }
}

export function surfaceOf({ server, client }: Packages, objects: Map<string, any>): Surface {
  const surface: Surface = new Map([
    ['exports of socket.io', new Set(Object.keys(server))],
    ['exports of socket.io-client', new Set(Object.keys(client))],
  ])
  for (const [name, object] of objects) {
    // Of a request only what was put on it counts; the rest is Node's.
    surface.set(name, name === 'handshake request' ? new Set('_query' in object ? ['_query'] : []) : membersOf(object))
  }
  return surface
}
