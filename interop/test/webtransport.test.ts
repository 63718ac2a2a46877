// WebTransport over a real network and an engine of another make: the pure JavaScript HTTP/2 mapping of @fails-components/webtransport, with
// TLS, flow control and its own idea of closing. Its HTTP/3 engine is native and cannot be installed everywhere.
import { Http2Server, WebTransport } from '@fails-components/webtransport'
import { io as connectTo } from '@tidewire/client'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { Server } from 'tidewire'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const official = (require('socket.io-client-4.8.4') as { io: typeof connectTo }).io

/** Without these its sender stops for good after 16 kB. */
const WINDOWS = {
  initialStreamFlowControlWindow: 16e6,
  initialSessionFlowControlWindow: 32e6,
  streamFlowControlWindowSizeLimit: 16e6,
  sessionFlowControlWindowSizeLimit: 32e6,
}

const global = globalThis as { WebTransport?: unknown }
let http2: Http2Server
let io: Server
let url: string
const opened: any[] = []

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'webtransport-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    certificate,
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    names,
  ]
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`)
  const cert = readFileSync(certificate, 'utf8')
  http2 = new Http2Server({
    port: 0,
    host: '127.0.0.1',
    secret: 'test',
    cert,
    privKey: readFileSync(key, 'utf8'),
    ...WINDOWS,
  } as never)
  rmSync(folder, { recursive: true })
  tls.setDefaultCACertificates([...tls.getCACertificates(), cert])
  http2.startServer()
  await http2.ready
  url = `https://127.0.0.1:${http2.address()!.port}`
  io = new Server({ transports: ['polling', 'websocket', 'webtransport'] })
  io.attach(0)
  io.on('connection', (socket) => socket.on('echo', (...values: any[]) => values.pop()(...values)))
  void serve()
  global.WebTransport = function Trusting(target: string, options: object): object {
    const session = new WebTransport(target, { forceReliable: true, ...WINDOWS, ...options } as never) as any
    if (isLenient) {
      const create = session.createBidirectionalStream.bind(session)
      session.createBidirectionalStream = async () => lenient(await create())
    }
    return session as object
  }
})

/** The official client leaves the rejection of what it writes into a closed session unhandled, which would end this process. */
let isLenient = false
function lenient({ readable, writable }: any): object {
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  return { readable, writable: new WritableStream({ write: (chunk) => writer.write(chunk).catch(() => {}) }) }
}

async function serve(): Promise<void> {
  for await (const session of http2.sessionStream('/socket.io/') as AsyncIterable<any>)
    void io.engine.onWebTransportSession(session)
}

afterEach(() => {
  for (const socket of opened.splice(0)) socket.disconnect()
})
afterAll(async () => {
  delete global.WebTransport
  await io.close()
  http2.stopServer()
})

async function connect(client: typeof connectTo): Promise<{ here: any; there: any }> {
  const connection = once(io as never, 'connection') as Promise<[any]>
  const here: any = client(url, { transports: ['webtransport'], reconnection: false, forceNew: true })
  opened.push(here)
  const joined = new Promise<void>((resolve, reject) => {
    here.once('connect', resolve)
    here.once('connect_error', reject)
  })
  const [[there]] = await Promise.all([connection, joined])
  return { here, there }
}

describe.each([
  ['our client', connectTo],
  ['the official client', official],
])('%s on our server, over HTTP/2', (_name, client) => {
  beforeAll(() => void (isLenient = client === official))

  it('[EIO-90, EIO-93, CLI-40] exchanges events, binary and acknowledgements', async () => {
    const { here, there } = await connect(client)
    const large = Buffer.alloc(300_000, 'tide')

    expect(there.conn.transport.name).toBe('webtransport')
    expect(await here.emitWithAck('echo', 'é😀')).toBe('é😀')
    expect(Buffer.from(await here.emitWithAck('echo', large)).equals(large)).toBe(true)
    const got: number[] = []
    here.on('count', (n: number) => got.push(n))
    const last = new Promise((resolve) => here.once('last', resolve))
    for (let n = 0; n < 1000; n++) there.emit('count', n)
    there.emit('last', 'x'.repeat(100_000))
    await last
    expect(got).toEqual(Array.from({ length: 1000 }, (_, n) => n))
  })

  it('[EIO-97] is closed by the client', async () => {
    const { here, there } = await connect(client)
    const gone = once(there, 'disconnect')
    const closed = once(there.conn, 'close')
    here.disconnect()

    expect((await gone)[0]).toMatch(/^(client namespace disconnect|transport close|transport error)$/)
    await closed
    expect(io.engine.clientsCount).toBe(0)
  })

  it('[EIO-76] is closed by the server, and told so', async () => {
    const { here, there } = await connect(client)
    const gone = new Promise<string>((resolve) => here.once('disconnect', resolve))
    there.emit('goodbye')
    there.disconnect(true)

    expect(await gone).toBe('io server disconnect')
    expect(io.engine.clientsCount).toBe(0)
  })
})
