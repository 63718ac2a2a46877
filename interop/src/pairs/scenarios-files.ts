// Scenarios about the client files that the server gives to browsers.
import type { Scenario } from './scenario.ts'

const FILES = [
  'socket.io.js',
  'socket.io.min.js',
  'socket.io.esm.min.js',
  'socket.io.msgpack.min.js',
  'socket.io.js.map',
  'socket.io.min.js.map',
]

export const files: Scenario[] = [
  ...FILES.map((file): Scenario => ({
    name: `serves ${file}`,
    api: '1',
    run: async (run) => {
      await run.serve()
      const { status, headers, body } = await run.get(`/socket.io/${file}`)
      run.c(
        status,
        headers.get('content-type'),
        body.length > 1_000,
        typeof headers.get('etag'),
        headers.get('cache-control'),
      )
      const etag = headers.get('etag')!
      const again = await run.get(`/socket.io/${file}`, { headers: { 'if-none-match': etag } })
      run.c(again.status, again.body.length)
      const weak = await run.get(`/socket.io/${file}`, { headers: { 'if-none-match': `W/${etag}` } })
      run.c(weak.status)
      const other = await run.get(`/socket.io/${file}?v=1`, { headers: { 'if-none-match': '"other"' } })
      run.c(other.status)
    },
  })),
  {
    name: 'serves no client with serveClient: false',
    api: '1, 2',
    run: async (run) => {
      await run.serve({ serveClient: false })
      const { status, body } = await run.get('/socket.io/socket.io.js')
      run.c(status, body.slice(0, 60))
    },
  },
  {
    name: 'serves no other file',
    api: '1',
    run: async (run) => {
      await run.serve()
      for (const file of ['other.js', 'package.json', '../package.json', '']) {
        const { status, body } = await run.get(`/socket.io/${file}`)
        run.c(file, status, body)
      }
    },
  },
]
