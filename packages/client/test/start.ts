// Servers of other makes, in this process, on a free port.
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'

const require = createRequire(new URL('../../../interop/package.json', import.meta.url))

export type ServerName = 'tidewire' | '1.7.4' | '2.5.1' | '3.1.2' | '4.8.4'
export const SERVERS: readonly ServerName[] = ['tidewire', '1.7.4', '2.5.1', '3.1.2', '4.8.4']

/** Within which everything happens that is waited for, however busy the machine is. */
export const DEADLINE_MS = 20_000

export interface Running {
  io: any
  url: string
  port: number
  http: HttpServer
  close(): Promise<void>
}

export function createIo(name: ServerName, http: HttpServer, options: object = {}): any {
  if (name === 'tidewire') return new Server(http, options)
  const exported = require(`socket.io-${name}`) as any
  return exported.Server === undefined ? exported(http, options) : new exported.Server(http, options)
}

export async function start(name: ServerName, options: object = {}, port = 0): Promise<Running> {
  const http = createServer()
  const io = createIo(name, http, options)
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
  const address = http.address() as AddressInfo
  return {
    io,
    http,
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = new Promise<void>((resolve) => (http.listening ? http.once('close', () => resolve()) : resolve()))
      void io.close()
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}

/** The arguments of the next `event`; rejects when it does not come. */
export function next(emitter: any, event: string, withinMs = DEADLINE_MS): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}" within ${withinMs} ms`)), withinMs)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}
