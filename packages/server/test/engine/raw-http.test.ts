// The recorded answers of socket.io 4.8.4 to hand-made requests, beside ours (raw-http-probes.ts): rules EIO-20, EIO-24, EIO-27, EIO-50.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send, start } from '../start.ts'
import type { Started } from '../start.ts'
import { declareProbes } from './raw-http-probes.ts'

describe('raw HTTP, as socket.io 4.8.4 answers it', () => {
  let server: Started
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.close())

  declareProbes('[EIO-20, EIO-24, EIO-27, EIO-50] %s', () => server.port)

  it('[EIO-24] serves others after all of it', async () => {
    const answer = await send(server.port, 'GET', '/socket.io/?EIO=4&transport=polling')

    expect(answer.status).toBe(200)
    expect(server.io.engine.clientsCount).toBeGreaterThan(0)
  })
})
