// The recorded answers of socket.io 4.8.4 with allowEIO3 to hand-made requests; those of a server of ours must be the same, but for what is named here.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { send } from '../start.ts'

const servers = JSON.parse(
  readFileSync(new URL('../../../../interop/traces/raw-http.json', import.meta.url), 'utf8'),
) as any[]
const { probes } = servers.find(
  ({ server, options }) => server === 'socket.io 4.8.4' && options.allowEIO3 === true,
)

interface Difference {
  status: number
  body: RegExp
  why: string
}

/** Deliberate differences, by probe, with what we answer. */
const DIFFERENT: Record<string, Difference> = {
  'polling handshake EIO=5': {
    status: 400,
    body: /"code":5/,
    why: 'only missing, 1, 2 and 3 are revision 3 (EIO-20)',
  },
  'polling handshake EIO=abc': { status: 400, body: /"code":5/, why: 'the same' },
  'unknown sid': {
    status: 400,
    body: /^\{"code":1,"message":"Session ID unknown","hint":".+"\}$/,
    why: 'a hint names cause and fix (EIO-27)',
  },
  'sid=__proto__': {
    status: 400,
    body: /^\{"code":1,"message":"Session ID unknown","hint":".+"\}$/,
    why: 'the same',
  },
  'POST unknown sid': {
    status: 400,
    body: /^\{"code":1,"message":"Session ID unknown","hint":".+"\}$/,
    why: 'the same',
  },
  'JSONP handshake j=2': { status: 200, body: /^0\{"sid"/, why: 'JSONP is for revision 3 only (EIO-48)' },
  'JSONP handshake j=ab3<': { status: 200, body: /^0\{"sid"/, why: 'the same' },
  'client bundle': { status: 200, body: /./, why: 'our own bundle, tested on the built packages' },
}

const simple = probes.filter(
  ({ request, response }: any) => request.method !== undefined && response.status !== undefined,
)
// Ours, like 2.x, sends the unasked CONNECT of revision 3 with the open packet.
const shape = (body: string): string => body.replace(/"sid":"[\w-]+"/, '"sid":"…"').replace(/2:40$/, '')

/** Declares a test for each, its name in the title; `more` are differences of this server alone. */
export function declareProbes(
  title: string,
  port: () => number,
  more: Record<string, Difference> = {},
): void {
  it.each(
    simple
      .filter(({ name }: any) => name !== 'client bundle')
      .map((probe: any): [string, any] => [probe.name, probe]),
  )(title, async (...[name, { request, response }]: any[]) => {
    const answer = await send(port(), request.method, request.path, {
      body: request.body,
      headers: request.headers,
    })
    const different = more[name] ?? DIFFERENT[name]

    expect(answer.status).toBe(different?.status ?? response.status)
    if (different !== undefined) expect(answer.body).toMatch(different.body)
    else {
      expect(shape(answer.body)).toBe(shape(response.body))
      expect(answer.headers['content-type']).toBe(response.headers['content-type'])
    }
    if (answer.status !== 404)
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
  })
}
