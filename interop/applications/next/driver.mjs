// A Next application with a custom server, in development: pages and API routes by Next, its own WebSocket for hot reloading, and a Socket.IO
// server on the same HTTP server; driven in Chromium.
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import next from 'next'
import { chromium } from 'playwright-core'
import { Server } from 'socket.io'

process.env.NEXT_TELEMETRY_DISABLED = '1'
const trace = []
rmSync('.next', { recursive: true, force: true })
const server = createServer()
const app = next({ dev: true, dir: import.meta.dirname, httpServer: server, hostname: '127.0.0.1' })
await app.prepare()
const handle = app.getRequestHandler()
server.on('request', (req, res) => handle(req, res))
const io = new Server(server)
io.on('connection', (socket) => {
  socket.on('ask', (text, answer) => answer(`${text}!`))
  socket.conn.on('upgrade', () => socket.emit('news', 'after the upgrade'))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = `http://127.0.0.1:${server.address().port}`
trace.push(['api', await (await fetch(`${address}/api/hello`, { method: 'POST' })).json()])
trace.push(['missing', (await fetch(`${address}/missing`)).status])
trace.push(['engine', (await fetch(`${address}/socket.io/?EIO=4&transport=polling`)).status])

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH,
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})
const page = await browser.newPage()
const sockets = []
page.on('websocket', (socket) => sockets.push(new URL(socket.url()).pathname))
await page.goto(address)
await page.waitForFunction(() => document.querySelectorAll('li').length >= 4, undefined, { timeout: 40_000 })
trace.push(['page', (await page.locator('li').allTextContents()).toSorted()])
trace.push(['websockets', [...new Set(sockets)].toSorted()])
trace.push(['served again', (await page.goto(`${address}/api/hello`)).status()])
await browser.close()
await io.close()
trace.push(['closed', server.listening])
console.log(JSON.stringify(trace))
process.exit(0)
