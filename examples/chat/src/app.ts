// Puts the chat together and runs it: store, rules, Socket.IO server, HTTP, and Kafka when asked for.
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'
import type { ClusterSettings } from 'tidewire'
import { Conversations } from './conversations.ts'
import { httpHandler } from './http.ts'
import { KafkaPushes } from './kafka.ts'
import { MAX_IMAGE_BYTES } from './limits.ts'
import { loadPage } from './page.ts'
import { Presence } from './presence.ts'
import { chatEvents, serveChat, servePushes } from './sockets.ts'
import { SqliteStore } from './store.ts'

export interface ChatOptions {
  /** 0 takes any free one. When it is in use the next free one is taken, and `report` told. */
  port?: number
  host?: string
  /** Folder of the database. Default: in memory, gone at the end. */
  data?: string
  kafka?: { brokers: string; topic: string; groupId?: string }
  /** One of several nodes that share the database. */
  cluster?: ClusterSettings
  /** Gets one line for whatever an operator should know. Default: stderr. */
  report?: (line: string) => void
}

export interface Chat {
  url: string
  port: number
  io: Server
  /** Sends the clients to other nodes, if there are any, and then closes. */
  drain(): Promise<void>
  close(): Promise<void>
}

/** How long clients may take to leave at the end. */
const DRAIN_SPREAD_MS = 1_000
const DRAIN_TIMEOUT_MS = 5_000

/** Ports tried after the wanted one, before any free one is taken. */
const NEIGHBOURS = 10

export async function startChat(options: ChatOptions = {}): Promise<Chat> {
  const report = options.report ?? ((line: string) => console.error(line))
  const page = await loadPage()
  const store = new SqliteStore(options.data)
  const httpServer = createServer()
  // Room for the largest image and what is around it.
  const io = new Server({
    maxHttpBufferSize: MAX_IMAGE_BYTES + 64 * 1024,
    health: true,
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
  })
  const presence = new Presence(io)
  const conversations = new Conversations(store, chatEvents(io))
  const target = { conversations, countOnline: (names: readonly string[]) => presence.count(names) }
  serveChat(io, store, conversations, presence)
  servePushes(io, target, report)
  httpServer.on('request', httpHandler(page, store, target, report))
  io.attach(httpServer)

  const host = options.host ?? 'localhost'
  let port: number
  try {
    port = await listen(httpServer, options.port ?? 0, options.host, report)
  } catch (error) {
    store.close()
    throw error
  }
  await io.cluster?.ready()
  const { kafka } = options
  const pushes = kafka && new KafkaPushes({ groupId: 'tidewire-chat', ...kafka, report }, target)
  pushes?.start()

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await pushes?.close()
    await io.close()
    store.close()
  }
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${shown}:${port}`,
    port,
    io,
    close: () => (closing ??= close()),
    async drain() {
      await io.drain({ spread: DRAIN_SPREAD_MS, timeout: DRAIN_TIMEOUT_MS })
      await (closing ??= close())
    },
  }
}

async function listen(
  server: HttpServer,
  wanted: number,
  host: string | undefined,
  report: (line: string) => void,
): Promise<number> {
  const tries = wanted === 0 ? [0] : [...Array.from({ length: NEIGHBOURS + 1 }, (_, i) => wanted + i), 0]
  for (const port of tries) {
    if (port > 65_535) continue
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.removeListener('error', reject)
          resolve()
        })
      })
      const taken = (server.address() as AddressInfo).port
      if (taken !== wanted && wanted !== 0) report(`port ${wanted} is in use; taking ${taken}`)
      return taken
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  throw new Error('no port is free')
}
