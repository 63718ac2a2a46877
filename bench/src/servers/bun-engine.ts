// socket.io 4.8.4 on @socket.io/bun-engine, run by Bun. Prints its port; its costs are read from outside.
import { Server as Engine } from '@socket.io/bun-engine'
import { Server } from 'socket.io-4.8.4'
import { listen } from './application.ts'

declare const Bun: { serve(options: object): { port: number } }

const io = new Server()
const engine = new Engine({ path: '/socket.io/' })
io.bind(engine as never)
listen(io)
const { port } = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 30, ...engine.handler() })
console.log(JSON.stringify({ port }))
