// The installed `tidewire/workers`: two processes behind one port, by `require` and by `import`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { io as connect } from '@tidewire/client'

const PROGRAM = `
async function serve(worker) {
  const http = createServer()
  const io = new Server(http, { cluster: worker.cluster })
  io.on('connection', (socket) => socket.on('who', (ack) => ack(process.pid)))
  await new Promise((resolve) => http.listen(Number(process.env.TEST_PORT), '127.0.0.1', resolve))
  return io
}
void startWorkers(serve, { count: 2, drain: { timeout: 2_000 } }).then((workers) => workers !== undefined && console.log(JSON.stringify(workers.pids)))
`
const PROGRAMS = {
  'program.cjs': `const { createServer } = require('node:http'); const { Server } = require('tidewire'); const { startWorkers } = require('tidewire/workers')${PROGRAM}`,
  'program.mjs': `import { createServer } from 'node:http'; import { Server } from 'tidewire'; import { startWorkers } from 'tidewire/workers'${PROGRAM}`,
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

for (const [file, text] of Object.entries(PROGRAMS)) {
  void test(`[CLU-93] two workers of ${file} serve one port on Node ${process.versions.node}`, async () => {
    // Within the project, so that its packages are found.
    const folder = mkdtempSync(join(process.cwd(), 'workers-'))
    writeFileSync(join(folder, file), text)
    const port = await freePort()
    const child = spawn(process.execPath, [join(folder, file)], {
      env: { ...process.env, TEST_PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    try {
      const [line] = await Promise.race([
        once(child.stdout.setEncoding('utf8'), 'data'),
        closed.then(([code]) => assert.fail(`ended with ${code}`)),
      ])
      const pids = JSON.parse(line)
      assert.equal(pids.length, 2)
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        const client = connect(`http://127.0.0.1:${port}`, { transports, forceNew: true })
        assert.ok(pids.includes(await client.timeout(30_000).emitWithAck('who')))
        client.disconnect()
      }
    } finally {
      child.kill('SIGTERM')
      const [code] = await closed
      rmSync(folder, { recursive: true, force: true })
      assert.equal(code, 0)
    }
  })
}
