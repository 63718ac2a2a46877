// The IM, put together: HTTP server, tidewire, store, and the three ways in for pushes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'
import { createRoutes } from './http.ts'
import { Im } from './im.ts'
import { startKafka } from './kafka.ts'
import type { KafkaIngest, KafkaOptions } from './kafka.ts'
import { PushError, Pusher, toFailure } from './push.ts'
import { Store } from './store.ts'

export interface ChatOptions {
  /** Default 0: any free port. */
  port?: number
  host?: string
  /** Folder of the database; in memory when absent. */
  data?: string
  kafka?: KafkaOptions
}

export interface Chat {
  url: string
  port: number
  io: Server
  kafka: KafkaIngest | undefined
  close(): Promise<void>
}

/** @throws the listen error (EADDRINUSE …) */
export async function startChat(options: ChatOptions = {}): Promise<Chat> {
  const store = new Store(options.data)
  const http = createServer()
  const io = new Server()
  const im = new Im(io.of('/im'), store)
  const pusher = new Pusher(im, store)
  http.on('request', createRoutes(pusher, store))
  io.attach(http)
  // Back ends, with any Socket.IO client of any version: event "2" is a push, acknowledged with what became of it.
  io.on('connection', (socket) => {
    socket.on('2', (push: unknown, ack?: unknown) => {
      let answer: object
      try {
        answer = pusher.deliver(push)
      } catch (error) {
        if (!(error instanceof PushError)) console.error('push failed', error)
        answer = toFailure(error)
      }
      if (typeof ack === 'function') ack(answer)
    })
  })
  try {
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(options.port ?? 0, options.host, () => {
        http.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    await io.close()
    store.close()
    throw error
  }
  const kafka = options.kafka === undefined ? undefined : startKafka(pusher, options.kafka)
  const { port } = http.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    port,
    io,
    kafka,
    async close() {
      await kafka?.close()
      await io.close()
      store.close()
    },
  }
}
