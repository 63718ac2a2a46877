// The declarations of the installed packages, read by the compiler before ours (5.9) under each way to resolve modules; the paths that
// editors write into projects with the oldest one are those of the official packages.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const APPLICATION = `
import { createServer } from 'http'
import { Server, Socket } from 'tidewire'
import type { DefaultEventsMap, ExtendedError } from 'tidewire'
import { io } from '@tidewire/client'
import type { Socket as ClientSocket } from '@tidewire/client'

interface ToServer { hello: (name: string, answer: (greeting: string) => void) => void }
interface ToClient { news: (text: string) => void }
const server = new Server<ToServer, ToClient>(createServer())
server.use((socket, next: (error?: ExtendedError) => void) => next())
server.on('connection', (socket: Socket<ToServer, ToClient, DefaultEventsMap, any>) => {
  socket.on('hello', (name, answer) => answer(name.toUpperCase()))
  socket.emit('news', socket.id)
})
const client: ClientSocket<ToClient, ToServer> = io('http://127.0.0.1')
client.emitWithAck('hello', 'x').then((greeting: string) => client.disconnect())
`

const OFFICIAL_PATHS = `
import { Server } from 'tidewire'
import { Client } from 'tidewire/dist/client'
import { BroadcastOperator, RemoteSocket } from 'tidewire/dist/broadcast-operator'
import { ExtendedError, Namespace } from 'tidewire/dist/namespace'
import { ParentNamespace } from 'tidewire/dist/parent-namespace'
import { Handshake, Socket } from 'tidewire/dist/socket'
import { DisconnectReason } from 'tidewire/dist/socket-types'
import { DefaultEventsMap, EventsMap } from 'tidewire/dist/typed-events'
import { Socket as ClientSocket } from '@tidewire/client/build/esm/socket'
import { Manager, ManagerOptions } from '@tidewire/client/build/esm/manager'
import { io } from '@tidewire/client'

export function check(server: Server, socket: Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>): void {
  const namespace: Namespace = server.of('/')
  const parent: ParentNamespace | Namespace = server.of(/x/)
  const operator: BroadcastOperator<DefaultEventsMap, any> = server.to('room')
  const remotes: Promise<RemoteSocket<DefaultEventsMap, any>[]> = operator.fetchSockets()
  const client: Client = socket.client
  const handshake: Handshake = socket.handshake
  socket.on('disconnect', (reason: DisconnectReason) => reason)
  const options: Partial<ManagerOptions> = {}
  const other: ClientSocket = io('http://127.0.0.1', options)
  const manager: Manager = other.io
  void [namespace, parent, remotes, client, handshake, manager]
}
export type Both = ExtendedError | EventsMap
`

/** A class is one type, whichever way its declaration is found: private members make two copies of it two types. */
const REQUIRED = `
import { Adapter } from 'tidewire/adapter'
import { Server, Socket } from 'tidewire'
export declare function take(server: Server, socket: Socket, adapter: Adapter): void
`
const IMPORTED = `
import type { Server, Socket } from 'tidewire'
import { take } from './required.cjs'
export const hand = (server: Server, socket: Socket): void => take(server, socket, server.of('/').adapter)
`

const CASES = [
  { name: 'node10 and CommonJS', files: { application: APPLICATION, paths: OFFICIAL_PATHS }, options: { module: 'commonjs', moduleResolution: 'node10' } },
  { name: 'node16', files: { application: APPLICATION }, options: { module: 'node16', moduleResolution: 'node16' } },
  { name: 'node16, both kinds of modules', files: { 'required.cts': REQUIRED, 'imported.mts': IMPORTED }, options: { module: 'node16', moduleResolution: 'node16' } },
  { name: 'bundler', files: { application: APPLICATION }, options: { module: 'esnext', moduleResolution: 'bundler' } },
]

for (const { name, files, options } of CASES) {
  void test(`[API-14] the declarations compile with TypeScript 5.9 and module resolution ${name}`, { skip: !process.versions.node.startsWith('20.') }, () => {
    // Within the project, so that its packages are found.
    const folder = mkdtempSync(join(process.cwd(), 'declarations-'))
    try {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: options.module === 'commonjs' ? 'commonjs' : 'module' }))
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file.includes('.') ? file : `${file}.ts`), text)
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: { target: 'es2022', lib: ['es2023', 'dom'], strict: true, noEmit: true, types: ['node'], ...options },
          include: ['*.ts', '*.cts', '*.mts'],
        }),
      )
      const compiler = join(process.cwd(), 'node_modules/typescript/bin/tsc')
      const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
      assert.equal(stdout, '')
      assert.equal(status, 0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
