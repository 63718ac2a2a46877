// A server in a bundle, as applications are put on machines without node_modules.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'

const PROGRAM = `
import { createServer } from 'node:http'
import { Server, Socket } from 'tidewire'
import { Adapter } from 'tidewire/adapter'
import { io as connect } from '@tidewire/client'

const http = createServer()
const io = new Server(http)
io.on('connection', (socket) => socket.on('echo', (text, ack) => ack([text, socket instanceof Socket, io.of('/').adapter instanceof Adapter])))
http.listen(0, '127.0.0.1', async () => {
  const client = connect('http://127.0.0.1:' + http.address().port)
  console.log(JSON.stringify(await client.timeout(30_000).emitWithAck('echo', 'x')))
  client.disconnect()
  await io.close()
})
`
let folder
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidewire-bundled-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

for (const format of ['cjs', 'esm']) {
  void test(`[API-28] in a bundle of esbuild with the format ${format} a server serves on Node ${process.versions.node}`, async () => {
    const outfile = join(folder, `${format}.${format === 'cjs' ? 'cjs' : 'mjs'}`)
    await build({
      stdin: { contents: PROGRAM, resolveDir: import.meta.dirname },
      bundle: true,
      platform: 'node',
      format,
      outfile,
      logLevel: 'error',
      // As its documentation says for packages that require what Node brings.
      ...(format === 'esm' && {
        banner: {
          js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
        },
      }),
    })
    writeFileSync(join(folder, 'package.json'), '{}')

    assert.equal(
      execFileSync(process.execPath, [outfile], { cwd: folder, encoding: 'utf8' }),
      '["x",true,true]\n',
    )
  })
}
