// docs/guides/pushing.md: every program in it, against its server.
import { readFileSync, writeFileSync } from 'node:fs'
import { io } from '@tidewire/client'
import { startKafka, startRedis } from '@tidewire/testkit/daemon'
import { compileJava, provisionOrSkip } from '@tidewire/testkit/provision'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { Guide } from '../src/guide.ts'

const java = await provisionOrSkip('java')
const python = await provisionOrSkip('python')
const kafka = await provisionOrSkip('kafka')
const redis = await provisionOrSkip('redis')

const KEY = 'only for this test'
let guide: Guide | undefined
afterEach(async () => {
  await guide?.close()
  guide = undefined
})

/** Someone who has the conversation open; gives the messages that come, one at a time. */
async function reader(url: string): Promise<() => Promise<{ from: string; text: string }>> {
  const socket = io(url, { forceNew: true })
  onTestFinished(() => void socket.disconnect())
  const messages: any[] = []
  let wake: (() => void) | undefined
  socket.on('message', (message) => {
    messages.push(message)
    wake?.()
  })
  await socket.timeout(10_000).emitWithAck('open', 'order-42')
  return async () => {
    if (messages.length === 0) {
      await new Promise<void>((resolve, reject) => {
        wake = resolve
        setTimeout(() => reject(new Error('no message came')), 20_000).unref()
      })
    }
    const { from, text } = messages.shift()
    return { from, text }
  }
}

interface Way {
  readonly from: string
  readonly text?: string
  run(key: string): ReturnType<Guide['run']>
}

/** As the guide says. */
const forJava2 = (code: string): string => code.replace(/.*EVENT_ERROR.*\n/, '')

// Java and a broker start slowly on a busy machine.
describe('docs/guides/pushing.md', { timeout: 180_000 }, () => {
  /** What a way to push does with the right key and with a wrong one. */
  async function check(url: string, { from, text = 'the parcel left', run }: Way): Promise<void> {
    const next = await reader(url)
    const refused = await run(`${KEY.slice(1)}x`)
    const { code, out, errors } = await run(KEY)

    expect({ from, wasRefused: /401|wrong key/i.test(refused.out + refused.errors) }).toEqual({
      from,
      wasRefused: true,
    })
    expect({ from, code, isOk: /ok'?"?: ?(true|True)/.test(out), errors }).toEqual({
      from,
      code: 0,
      isOk: true,
      errors: '',
    })
    // What was refused would have come before.
    expect(await next()).toEqual({ from, text })
  }

  it.skipIf(python.skip)('pushes by curl and Python arrive, those with a wrong key do not', async () => {
    guide = new Guide('pushing.md')
    const url = await guide.serve('server.mjs', { PUSH_KEY: KEY })
    const run = (command: string, file: string) => (key: string) =>
      guide!.run(command, [guide!.path(file)], { URL: url, PUSH_KEY: key })

    await check(url, { from: 'curl', run: run('sh', 'push.sh') })
    await check(url, { from: 'python http', text: '包裹已发出', run: run('python3', 'push_http.py') })
    await check(url, { from: 'python', run: run(python.value!['5.18.1'], 'push_socketio.py') })
  })

  it.skipIf(java.skip).each(['0.8.3', '1.0.0', '2.1.2'] as const)(
    'pushes by Java %s arrive, those with a wrong key do not',
    async (version) => {
      guide = new Guide('pushing.md', (code, file) =>
        file === 'Push.java' && version === '2.1.2' ? forJava2(code) : code,
      )
      const url = await guide.serve('server.mjs', { PUSH_KEY: KEY })
      const { java: runtime, clients } = java.value!
      const classpath = compileJava(`guide-push-${version}`, clients[version], [guide.path('Push.java')])

      await check(url, {
        from: 'java',
        run: (key) => guide!.run(runtime, ['-cp', classpath, 'Push'], { URL: url, PUSH_KEY: key }),
      })
    },
  )

  it.skipIf(kafka.skip)('records of a Kafka topic arrive; a bad one is skipped', async () => {
    guide = new Guide('pushing.md')
    const broker = await startKafka()
    onTestFinished(() => broker.stop())
    const program = readFileSync(guide.path('Produce.java'), 'utf8')
    writeFileSync(
      guide.path('Bad.java'),
      program.replace('class Produce', 'class Bad').replace(/String json = .*/, 'String json = "not JSON";'),
    )
    const classpath = compileJava('guide-produce', kafka.value!.classpath, [
      guide.path('Produce.java'),
      guide.path('Bad.java'),
    ])
    const url = await guide.serve('server.mjs', { PUSH_KEY: KEY, KAFKA: broker.bootstrap })
    const next = await reader(url)

    const produce = (name: string): ReturnType<Guide['run']> =>
      guide!.run(kafka.value!.java, ['-cp', classpath, name], { KAFKA: broker.bootstrap })

    expect((await produce('Bad')).out.trim()).toBe('pushes-0@0')
    expect((await produce('Produce')).out.trim()).toBe('pushes-0@1')
    expect(await next()).toEqual({ from: 'kafka', text: 'the parcel left' })
  })

  it.skipIf(redis.skip)(
    'what redis-emitter publishes arrives at servers with the Redis adapter',
    async () => {
      guide = new Guide('pushing.md')
      const daemon = await startRedis()
      onTestFinished(() => daemon.stop())
      const REDIS = `redis://127.0.0.1:${daemon.port}`
      const url = await guide.serve('adapter.mjs', { REDIS })
      const next = await reader(url)

      const { code, errors } = await guide.node('emit.mjs', { REDIS })

      expect({ code, errors }).toEqual({ code: 0, errors: '' })
      expect(await next()).toEqual({ from: 'emitter', text: 'the parcel left' })
    },
  )
})
