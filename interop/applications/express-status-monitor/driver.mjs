// express-status-monitor (written for socket.io 2) in an Express application: its page in Chromium loads the client that the server serves, and
// draws what comes once a second; a second monitor is given the application's own server.
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import monitor from 'express-status-monitor'
import { chromium } from 'playwright-core'

const trace = []
const app = express()
const spans = [{ interval: 1, retention: 60 }]
app.use(monitor({ spans, title: 'the monitor', healthChecks: [] }))
app.get('/', (_req, res) => res.send('the application'))
app.get('/fail', (_req, res) => res.status(500).send('failed'))
const server = createServer(app).listen(0, '127.0.0.1')
await once(server, 'listening')
const address = `http://127.0.0.1:${server.address().port}`
// The first request makes it put its server on ours.
trace.push(['application', await (await fetch(address)).text()])
trace.push(['failing', (await fetch(`${address}/fail`)).status])

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH,
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})
const page = await browser.newPage()
// The page takes its client from elsewhere, which is not there: it gets the one that the server serves.
const served = await (await fetch(`${address}/socket.io/socket.io.min.js`)).text()
await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, (route) =>
  route.request().url().includes('/socket.io/')
    ? route.fulfill({ contentType: 'text/javascript', body: served })
    : route.abort(),
)
await page.addInitScript(() => {
  class Chart {
    constructor(_canvas, { data }) {
      this.data = data
      ;(window.charts ??= []).push(this)
    }
    update() {
      this.updates = (this.updates ?? 0) + 1
    }
  }
  Chart.defaults = {
    global: {
      defaultFontSize: 0,
      animation: {},
      tooltips: {},
      legend: {},
      elements: { line: {}, point: {} },
    },
  }
  window.Chart = Chart
})
const errors = []
page.on('pageerror', (error) => errors.push(error.message))
await page.goto(`${address}/status`)
trace.push(['title', await page.title()])
trace.push([
  'client',
  await page.evaluate(() => ['Manager', 'Socket', 'connect'].map((name) => typeof window.io[name])),
])
await page.waitForFunction(() => window.charts?.some(({ updates }) => updates > 1), undefined, {
  timeout: 20_000,
})
for (let i = 0; i < 5; i++) await fetch(address)
await page.waitForFunction(
  () => Number.parseFloat(document.getElementById('cpuStat').textContent) >= 0,
  undefined,
  { timeout: 20_000 },
)
trace.push(['charts', await page.evaluate(() => window.charts.length)])
trace.push(['errors', errors])
await browser.close()
server.closeAllConnections()
console.log(JSON.stringify(trace))
process.exit(0)
