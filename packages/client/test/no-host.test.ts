// A client that is told no host: where it goes, and what it says when nothing listens there, beside the official client.
import { Manager, io } from '@tidewire/client'
import { Agent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'

const official = createRequire(new URL('../../../interop/package.json', import.meta.url))(
  'socket.io-client-4.8.4',
) as { Manager: typeof Manager }

/** Notes where a connection is to go to, and refuses it. */
function refusing(secure: boolean): { agent: Agent; asked: string[] } {
  const agent = secure ? new HttpsAgent() : new Agent()
  const asked: string[] = []
  agent.createConnection = ({ host, port }) => {
    asked.push(`${host}:${port}`)
    const socket = new Socket()
    process.nextTick(() => socket.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))
    return socket
  }
  return { agent, asked }
}

interface Attempt {
  asked: string[]
  uri: string | undefined
  engine: unknown[]
  error: string
}

async function attempt(
  make: typeof Manager,
  transport: string,
  uri: string | undefined,
  options: { secure?: boolean },
): Promise<Attempt> {
  const { agent, asked } = refusing(options.secure === true)
  const manager = new make(uri, {
    ...options,
    transports: [transport],
    agent,
    autoConnect: false,
    reconnection: false,
  })
  const error = await new Promise<Error | undefined>((resolve) => manager.open(resolve))
  const { hostname, port, secure } = manager.engine
  return { asked, uri: manager.uri, engine: [hostname, String(port), secure], error: error!.message }
}

/** As on a page of that address, until what is returned is called. */
function onPage(url: string): () => void {
  const { protocol, host, hostname, port } = new URL(url)
  const globals = globalThis as { location?: unknown }
  globals.location = { protocol, host, hostname, port }
  return () => delete globals.location
}

describe('a Manager without a host', () => {
  describe.each(['polling', 'websocket'])('by %s', (transport) => {
    it.each<{
      uri?: string
      options: { host?: string; port?: number | string; secure?: boolean; path?: string }
      to: string
    }>([
      { options: {}, to: 'localhost:80' },
      { options: { secure: true }, to: 'localhost:443' },
      { options: { port: 1234 }, to: 'localhost:1234' },
      { options: { port: '1234', secure: true }, to: 'localhost:1234' },
      { options: { path: '/elsewhere' }, to: 'localhost:80' },
      { uri: '', options: {}, to: 'localhost:80' },
      { uri: '/admin', options: {}, to: 'localhost:80' },
      { uri: 'h.test:12', options: {}, to: 'h.test:12' },
      { options: { host: 'h.test' }, to: 'h.test:80' },
    ])(
      '[CLI-46] $uri $options goes to $to, and says so when nothing listens',
      async ({ uri, options, to }) => {
        const ours = await attempt(Manager, transport, uri, options)

        expect(ours.asked).toEqual([to])
        expect(ours).toEqual(await attempt(official.Manager, transport, uri, options))
      },
    )

    it.each([
      { page: 'http://page.test:81/x', options: {}, to: 'page.test:81' },
      { page: 'http://page.test:81/x', options: { port: 1234 }, to: 'page.test:1234' },
      { page: 'http://page.test:81/x', options: { host: 'h.test' }, to: 'h.test:80' },
      { page: 'http://page.test/x', options: { secure: true }, to: 'page.test:443' },
    ])('[CLI-46] goes to $to from the page $page with $options', async ({ page, options, to }) => {
      const leave = onPage(page)
      try {
        const ours = await attempt(Manager, transport, undefined, options)

        expect(ours.asked).toEqual([to])
        expect(ours).toEqual(await attempt(official.Manager, transport, undefined, options))
      } finally {
        leave()
      }
    })
  })

  it.each([undefined, null])('[CLI-13] io(%s, options) and a Manager made so take the options', (uri) => {
    const leave = onPage('http://page.test:81/x')
    try {
      const options = { autoConnect: false, forceNew: true, reconnectionDelay: 7, auth: { a: 1 } }
      const socket = io(uri as undefined, options)

      expect([socket.io.uri, socket.io.reconnectionDelay(), socket.auth, socket.active]).toEqual([
        'http://page.test:81',
        7,
        { a: 1 },
        false,
      ])
      expect(new Manager(uri as undefined, options).reconnectionDelay()).toBe(
        new official.Manager(uri as undefined, options).reconnectionDelay(),
      )
    } finally {
      leave()
    }
  })

  it.each([[[]], [['/admin']], [['']]])(
    '[CLI-46] io(%j) goes to localhost, of which the official client knows only where there is a page',
    async (args: string[]) => {
      const { agent, asked } = refusing(false)
      const socket = io(...(args as [string]), {
        transports: ['polling'],
        agent,
        reconnection: false,
        forceNew: true,
      })
      const error = await new Promise<Error>((resolve) => socket.on('connect_error', resolve))

      expect(asked).toEqual(['localhost:80'])
      expect(error.message).toBe('xhr poll error')
    },
  )
})

describe('a request that Node refuses to make', () => {
  it.each([
    {
      what: 'an agent for http with an URL of https',
      options: { agent: new Agent(), secure: true },
      says: 'Protocol "https:" not supported. Expected "http:"',
    },
    {
      what: 'a header with a line break',
      options: { extraHeaders: { 'x-a': 'a\nb' } },
      says: 'Invalid character in header content ["x-a"]',
    },
    { what: 'something else as agent', options: { agent: {} }, says: /Agent-like Object/ },
  ])('[CLI-47] is an error of the connection: $what', async ({ options, says }) => {
    const outcome = async (make: typeof Manager, transport: string): Promise<any> => {
      const manager = new make({
        ...options,
        host: '127.0.0.1',
        port: 9,
        transports: [transport],
        autoConnect: false,
        reconnection: false,
        timeout: 4000,
      })
      return new Promise((resolve) => manager.open(resolve))
    }
    const ours = await outcome(Manager, 'polling')
    expect(ours.message).toBe((await outcome(official.Manager, 'polling')).message)
    expect(ours.context?.message ?? ours.description?.message).toMatch(says)
    // Officially this one is told to nobody, until the time-out.
    expect((await outcome(Manager, 'websocket')).message).toBe('websocket error')
  })
})
