// The client's bundles in a real Chromium, as pages load them from our server: XMLHttpRequest, upgrade, binary, losing and regaining the
// network. Runs on packages/client/dist; built here when it is not there.
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { Server } from 'tidewire'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

const dist = new URL('../../packages/client/dist/', import.meta.url)
const provided = await provisionOrSkip('chromium')

describe.skipIf(provided.skip !== undefined)('client in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    if (!existsSync(new URL('socket.io.websocket.esm.min.js', dist))) {
      spawnSync(process.execPath, [new URL('../../scripts/build.mjs', import.meta.url).pathname], { stdio: 'ignore' })
    }
    browser = await chromium.launch({ executablePath: provided.value!, args: ['--no-sandbox', '--disable-gpu'] })
  })
  afterAll(() => browser?.close())

  /** A page of an origin with a Socket.IO server; `head` is what loads the client. */
  async function open(head: string): Promise<{ page: Page; context: BrowserContext; io: Server; log: string[] }> {
    const http = createServer((req, res) => {
      const file = /^\/dist\/([\w.]+)$/.exec(req.url!)?.[1]
      res.setHeader('content-type', file === undefined ? 'text/html' : 'text/javascript')
      res.end(file === undefined ? `<!doctype html><meta charset="utf-8"><title>x</title>${head}` : readFileSync(new URL(file, dist)))
    })
    const io = new Server(http)
    io.on('connection', (socket) => socket.on('echo', (value, ack) => ack(value)))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const context = await browser.newContext()
    const page = await context.newPage()
    const log: string[] = []
    page.on('console', (message) => log.push(message.text()))
    page.on('pageerror', (error) => log.push(`thrown: ${error.message}`))
    await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`)
    onTestFinished(async () => {
      await context.close()
      await io.close()
    })
    return { page, context, io, log }
  }

  /** In the page: connects with what is on `window.io`, exchanges text and binary data, and says how. */
  const exchange = async (transports: string[] | undefined): Promise<unknown[]> => {
    const socket = (window as any).io({ forceNew: true, ...(transports && { transports }) })
    await new Promise((resolve, reject) => {
      socket.on('connect', resolve)
      socket.on('connect_error', reject)
    })
    const { engine } = socket.io
    if (transports?.length === 2 && engine.transport.name === 'polling') await new Promise((resolve) => engine.once('upgrade', resolve))
    const text = await socket.emitWithAck('echo', '汉字 😀')
    const bytes = [...new Uint8Array(await socket.emitWithAck('echo', new Uint8Array([1, 2, 255])))]
    const { name } = engine.transport
    socket.disconnect()
    return [text, bytes, name]
  }

  test.each([
    { file: 'socket.io.min.js', transports: ['polling'], last: 'polling' },
    { file: 'socket.io.min.js', transports: ['websocket'], last: 'websocket' },
    { file: 'socket.io.min.js', transports: ['polling', 'websocket'], last: 'websocket' },
    { file: 'socket.io.js', transports: ['polling', 'websocket'], last: 'websocket' },
  ])('[CLI-30] exchanges text and bytes over $transports, from the server\'s $file', async ({ file, transports, last }) => {
    const { page, log } = await open(`<script src="/socket.io/${file}"></script>`)

    expect(await page.evaluate(exchange, transports)).toEqual(['汉字 😀', [1, 2, 255], last])
    expect(log).toEqual([])
  })

  test.each(['socket.io.esm.min.js', 'socket.io.websocket.esm.min.js'])('[CLI-37, CLI-39] works as the module %s', async (file) => {
    const { page, log } = await open(`<script type="module">import { io } from '/dist/${file}'; window.io = io; window.isReady = true</script>`)
    await page.waitForFunction(() => (window as any).isReady)

    expect(await page.evaluate(exchange, ['websocket'])).toEqual(['汉字 😀', [1, 2, 255], 'websocket'])
    expect(log).toEqual([])
  })

  test('[CLI-32, CLI-33] notices that the network is gone, and is back when it is, whatever the delay', async () => {
    const { page, context } = await open('<script src="/socket.io/socket.io.min.js"></script>')
    await page.evaluate(async () => {
      const socket = (window as any).io({ transports: ['websocket'], reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000 })
      const events: string[] = ((window as any).events = [])
      for (const event of ['connect', 'disconnect']) socket.on(event, (why: string) => events.push(why ?? event))
      await new Promise((resolve) => socket.once('connect', resolve))
    })
    await context.setOffline(true)
    await page.waitForFunction(() => (window as any).events.length === 2)
    await context.setOffline(false)
    await page.waitForFunction(() => (window as any).events.length === 3)

    expect(await page.evaluate(() => (window as any).events)).toEqual(['connect', 'transport close', 'connect'])
  })

  test('[CLI-38] writes debug lines when localStorage.debug asks for them, in the build that has them', async () => {
    const { page, log } = await open('<script src="/socket.io/socket.io.js"></script>')
    await page.evaluate(() => localStorage.setItem('debug', 'socket.io-client:socket'))
    await page.reload()
    await page.evaluate(exchange, ['websocket'])

    expect(log.length).toBeGreaterThan(0)
    expect(log.filter((line) => !line.startsWith('socket.io-client:socket '))).toEqual([])
  })
})
