// docs/guides/recovery.md: its server and its client, and the unmodified official client in its place.
import { afterEach, describe, expect, it } from 'vitest'
import { Guide } from '../src/guide.ts'

let guide: Guide | undefined
afterEach(() => guide?.close())

describe('docs/guides/recovery.md', () => {
  it.each(['@tidewire/client', 'socket.io-client-4.8.4'])(
    '%s gets its session and all events back after its connection was cut',
    async (client) => {
      guide = new Guide('recovery.md', (code) => code.replace('@tidewire/client', client))
      const URL = await guide.serve('server.mjs')

      const { code, out, errors } = await guide.node('client.mjs', { URL })

      expect({ code, out, errors }).toEqual({
        code: 0,
        out: 'recovered: true, nothing missing: true\n',
        errors: '',
      })
    },
  )

  it('a session that is longer away than the server waits is new, and the server says so', async () => {
    guide = new Guide('recovery.md', (code) =>
      code
        .replace('120_000', '50')
        .replace('// Load everything: this is a new session.', 'console.log(reason)')
        .replace('received.length < 20', 'received.length < 11'),
    )
    const URL = await guide.serve('server.mjs')

    const { out } = await guide.node('client.mjs', { URL })

    expect(out).toBe('new\nsession unknown\nrecovered: false, nothing missing: false\n')
  })
})
