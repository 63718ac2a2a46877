// browser-sync serves a page to two windows of Chromium, with a Socket.IO client of its own in it: it
// injects CSS, reloads, and tells when it ends.
import { createServer } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import browserSync from 'browser-sync'
import { chromium } from 'playwright-core'

const trace = []
const folder = mkdtempSync(join(tmpdir(), 'application-browser-sync-'))
const page = (title) =>
  `<!doctype html><html><head><title>${title}</title><link rel="stylesheet" href="style.css"></head><body></body></html>`
writeFileSync(join(folder, 'index.html'), page('first'))
writeFileSync(join(folder, 'style.css'), 'body { color: rgb(1, 2, 3) }')

/** It wants a port to begin its search at. */
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, () => {
    const { port: free } = probe.address()
    probe.close(() => resolve(free))
  })
})
const sync = browserSync.create()
await new Promise((resolve, reject) =>
  sync.init(
    {
      server: folder,
      open: false,
      ui: false,
      notify: false,
      online: false,
      logLevel: 'silent',
      port,
      minify: false,
    },
    (error) => (error ? reject(error) : resolve()),
  ),
)
const connected = []
sync.emitter.on('client:connected', ({ ua }) => connected.push(ua.includes('Chrome')))
const address = sync.getOption('urls').get('local')
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH,
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})
async function open() {
  const window = await browser.newPage()
  window.on('pageerror', (error) => trace.push(['pageerror', error.message]))
  await window.goto(address)
  await window.waitForFunction(() => window.___browserSync___?.socket?.connected === true)
  return window
}
const first = await open()
const second = await open()
trace.push(['connected', connected])
trace.push(['namespace', await first.evaluate(() => window.___browserSync___.socket.nsp)])

writeFileSync(join(folder, 'style.css'), 'body { color: rgb(4, 5, 6) }')
sync.reload('style.css')
for (const window of [first, second])
  await window.waitForFunction(() => getComputedStyle(document.body).color === 'rgb(4, 5, 6)')
trace.push(['css injected', await first.title(), await second.title()])

writeFileSync(join(folder, 'index.html'), page('second'))
sync.reload()
for (const window of [first, second]) await window.waitForFunction(() => document.title === 'second')
for (const window of [first, second])
  await window.waitForFunction(() => window.___browserSync___?.socket?.connected === true)
trace.push(['reloaded', await first.title(), await second.title()])

const gone = []
for (const window of [first, second]) {
  await window.evaluate(() => {
    window.gone = new Promise((resolve) => window.___browserSync___.socket.on('disconnect', resolve))
  })
  gone.push(window.evaluate(() => window.gone))
}
sync.exit()
// Which of the two depends on what the socket was doing when the server cut it.
trace.push(['exit', (await Promise.all(gone)).map((reason) => /^transport (close|error)$/.test(reason))])
await browser.close()
rmSync(folder, { recursive: true, force: true })
console.log(JSON.stringify(trace))
process.exit(0)
