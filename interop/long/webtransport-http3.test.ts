// WebTransport over HTTP/3 in a real Chromium: the client's script bundle, an HTTP/3 engine of another make (aioquic, bridged by
// servers/webtransport-http3/bridge.py), our server. Needs `npm run build` for the bundle.
import { isCI, provisionOrSkip } from '@tidewire/testkit/provision'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { Server } from 'tidewire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const provided = await provisionOrSkip('chromium')
const cache = new URL('../../.cache/webtransport-http3', import.meta.url).pathname
const python = join(cache, 'bin/python')

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr ?? String(error)}`)
}

let skip = provided.skip
try {
  if (skip === undefined && !existsSync(join(cache, 'ready'))) {
    rmSync(cache, { recursive: true, force: true })
    run('python3', '-m', 'venv', cache)
    run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'aioquic==1.7.2')
    run('touch', join(cache, 'ready'))
  }
} catch (error) {
  if (isCI()) throw error
  skip = (error as Error).message
  console.warn(`[provision] SKIPPED HTTP/3: ${skip}`)
}

describe.skipIf(skip !== undefined)('Chromium on our server over HTTP/3', () => {
  let browser: Browser
  let http: HttpServer
  let bridge: NetServer
  let engine: ChildProcess
  let io: Server
  let url: string
  let port: number
  let hash: number[]
  const folder = mkdtempSync(join(tmpdir(), 'webtransport-'))

  /** The bridge's connection as the session it stands for. */
  function accept(socket: Socket): void {
    socket.on('error', () => {})
    const closed = new Promise<object>((resolve) => socket.on('close', () => resolve({})))
    const stream = Duplex.toWeb(socket) as any
    void io.engine.onWebTransportSession({
      closed,
      incomingBidirectionalStreams: new ReadableStream({
        start: (controller) => controller.enqueue(stream),
      }) as any,
      close: () => void socket.end(),
    })
  }

  beforeAll(async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    // Chromium takes a hash only for ECDSA certificates that are valid for two weeks at most.
    run(
      'openssl',
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
      '10',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
    )
    hash = [
      ...createHash('sha256')
        .update(new X509Certificate(readFileSync(certificate)).raw)
        .digest(),
    ]
    const bundle = readFileSync(new URL('../../packages/client/dist/socket.io.min.js', import.meta.url))
    http = createServer((req, res) => {
      if (req.url === '/io.js') res.end(bundle)
      else res.setHeader('Content-Type', 'text/html').end('<script src=/io.js></script>')
    })
    io = new Server(http, { transports: ['polling', 'websocket', 'webtransport'] })
    io.on('connection', (socket) => {
      socket.on('echo', (...values: any[]) => values.pop()(...values))
      socket.on('bye', () => socket.disconnect(true))
    })
    bridge = createTcpServer(accept)
    await Promise.all([
      new Promise<void>((resolve) => http.listen(0, resolve)),
      new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve)),
    ])
    url = `http://localhost:${(http.address() as AddressInfo).port}`
    const script = new URL('../servers/webtransport-http3/bridge.py', import.meta.url).pathname
    engine = spawn(python, [script, String((bridge.address() as AddressInfo).port), certificate, key], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    port = await new Promise<number>((resolve, reject) => {
      let text = ''
      engine.stdout!.on('data', (chunk: Buffer) => {
        text += String(chunk)
        if (text.includes('\n')) resolve(Number.parseInt(text))
      })
      engine.on('exit', (code) => reject(new Error(`the bridge has ended with ${code}`)))
    })
    browser = await chromium.launch({
      executablePath: provided.value!,
      args: ['--no-sandbox', '--disable-gpu'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    engine?.kill()
    bridge?.close()
    await io?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A page with a client on these transports; its sessions go to the port of the HTTP/3 engine. */
  async function open(transports: string[]): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(url)
    await page.evaluate(
      async ({ transports: names, port: udp, hash: value }) => {
        const Native = WebTransport
        const page = globalThis as any
        page.WebTransport = function (target: string, options: object) {
          const there = new URL(target)
          there.hostname = '127.0.0.1'
          there.port = String(udp)
          return new Native(there.href, options)
        }
        const certificates = {
          serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(value) }],
        }
        page.socket = page.io({
          transports: names,
          reconnection: false,
          transportOptions: { webtransport: certificates },
        })
        const { engine } = page.socket.io
        if (names[0] === 'polling') await new Promise((resolve) => engine.once('upgrade', resolve))
        if (page.socket.connected) return
        await new Promise<void>((resolve, reject) => {
          page.socket.once('connect', resolve)
          page.socket.once('connect_error', reject)
        })
      },
      { transports, port, hash },
    )
    return page
  }

  it.each([
    ['of its own', ['webtransport']],
    ['after polling', ['polling', 'websocket', 'webtransport']],
  ])(
    '[EIO-90, EIO-93, CLI-40, CLI-41] exchanges events, binary and acknowledgements in a session %s',
    async (_how, transports) => {
      const page = await open(transports)
      const seen = await page.evaluate(async () => {
        const { socket } = globalThis as any
        const large = await socket.emitWithAck('echo', new Uint8Array(300_000).fill(7))
        for (let n = 0; n < 500; n++) socket.emit('count', n)
        return {
          transport: socket.io.engine.transport.name,
          bytes: large.byteLength,
          text: await socket.emitWithAck('echo', 'é😀'),
        }
      })

      expect(seen).toEqual({ transport: 'webtransport', bytes: 300_000, text: 'é😀' })
      expect([...io.sockets.sockets.values()].map(({ conn }) => conn.transport.name)).toEqual([
        'webtransport',
      ])
      const [there] = io.sockets.sockets.values()
      const gone = new Promise<string>((resolve) => there!.once('disconnect', resolve))
      const closed = new Promise((resolve) => there!.conn.once('close', resolve))
      await page.evaluate(() => void (globalThis as any).socket.disconnect())
      expect(await gone).toMatch(/^(client namespace disconnect|transport close)$/)
      await closed
      expect(io.engine.clientsCount).toBe(0)
      await page.close()
    },
  )

  it('[EIO-76] is told by the server that it is the end', async () => {
    const page = await open(['webtransport'])
    const reason = await page.evaluate(async () => {
      const { socket } = globalThis as any
      const gone = new Promise((resolve) => socket.once('disconnect', resolve))
      socket.emit('bye')
      return gone
    })
    expect(reason).toBe('io server disconnect')
    await page.close()
  })
})
