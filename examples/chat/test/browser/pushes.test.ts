import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startKafka } from '@tidewire/testkit/daemon'
import { compileJava, provisionOrSkip } from '@tidewire/testkit/provision'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startChat } from '../../src/app.ts'
import { Window, artifacts, launch } from './window.ts'

const chromium = await provisionOrSkip('chromium')
const java = await provisionOrSkip('java')
const kafka = await provisionOrSkip('kafka')

const push = fileURLToPath(new URL('../../push/', import.meta.url))

async function run(command: string, ...args: string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${out}${errors}`)
  return out
}

const javaProgram = (name: string, classpath: string): string =>
  compileJava(`push-${name}`, classpath, [`${push}${name}/src/main/java/Main.java`])

const produce = (bootstrap: string, to: string, text: string): Promise<string> =>
  run(
    kafka.value!.java,
    '-cp',
    javaProgram('java-kafka', kafka.value!.classpath),
    'Main',
    bootstrap,
    'im-messages',
    to,
    text,
  )

describe.skipIf([chromium, java, kafka].some(({ skip }) => skip !== undefined))('pushes', () => {
  test(
    '[IM-13] appear, by Java 1.0.0, Kafka, curl and Python, in the right conversation and in no other',
    { timeout: 180_000 },
    async () => {
      const broker = await startKafka()
      onTestFinished(() => broker.stop())
      const chat = await startChat({ kafka: { brokers: broker.bootstrap, topic: 'im-messages' } })
      onTestFinished(() => chat.close())
      const browser = await launch(chromium.value!)
      onTestFinished(() => browser.close())
      const ann = await Window.signIn(browser, chat.url, 'ann')
      const bob = await Window.signIn(browser, chat.url, 'bob')
      const conversations = ['By Java', 'By Kafka', 'By curl', 'By Python', 'Untouched']
      for (const title of conversations) await ann.createGroup(title, 'bob')
      await bob.open('By Java')

      const javaSocket = javaProgram('java-socketio', java.value!.clients['1.0.0'])
      const answers = [
        await run(java.value!.java, '-cp', javaSocket, 'Main', chat.url, 'by-java', '爪哇 ☕ "1.0.0"'),
        await run(`${push}curl.sh`, chat.url, 'by-curl', 'curl "says" \\ hi'),
        await run('python3', `${push}push.py`, chat.url, 'by-python', '蟒蛇 🐍'),
      ].map((line) => JSON.parse(line) as unknown)
      const place = await produce(broker.bootstrap, 'by-kafka', '卡夫卡 📮')

      expect(answers).toMatchObject(
        ['by-java', 'by-curl', 'by-python'].map((conversation) => ({
          ok: true,
          conversation,
          seq: 1,
          online: 2,
        })),
      )
      expect(place.trim()).toBe('im-messages/0/0')
      await bob.expectTexts(['爪哇 ☕ "1.0.0"'])
      await expect
        .poll(() => bob.conversation('By Kafka').getByTestId('preview').textContent(), { timeout: 30_000 })
        .toBe('kafka: 卡夫卡 📮')
      await bob.page.screenshot({ path: `${artifacts}im-pushes.png` })
      // Nothing but the one message in each, and none in the last: what came after everything else is the fence.
      await ann.open('Untouched')
      await ann.send('fence')
      await bob.open('Untouched')
      await bob.expectTexts(['fence'])
      await bob.open('By Kafka')
      await bob.expectTexts(['卡夫卡 📮'])
      await bob.open('By curl')
      await bob.expectTexts(['curl "says" \\ hi'])
      await bob.open('By Python')
      await bob.expectTexts(['蟒蛇 🐍'])
      expect([...ann.errors, ...bob.errors]).toEqual([])
    },
  )

  test(
    '[IM-8, IM-9] survive a broker that is absent at the start and restarts; a bad record is skipped, none is lost or doubled',
    { timeout: 180_000 },
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'tidewire-kafka-'))
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
      const port = await freePort()
      const brokers = `127.0.0.1:${port}`
      const lines: string[] = []
      const data = mkdtempSync(join(tmpdir(), 'tidewire-chat-'))
      onTestFinished(() => rmSync(data, { recursive: true, force: true }))
      const options = {
        data,
        kafka: { brokers, topic: 'im-messages' },
        report: (line: string) => void lines.push(line),
      }
      let chat = await startChat(options)
      onTestFinished(() => chat.close())
      await expect.poll(() => lines.join('\n'), { timeout: 20_000 }).toContain('cannot be used')
      const { io } = await import('@tidewire/client')
      const connect = async () => {
        const socket = io(`${chat.url}/im`, { auth: { name: 'ann' }, forceNew: true })
        onTestFinished(() => void socket.disconnect())
        const texts: string[] = []
        socket.on('message', ({ text }: { text: string }) => texts.push(text))
        await once(socket as never, 'connect')
        return { socket, texts }
      }
      const first = await connect()
      await first.socket.emitWithAck('group', { title: 'Orders', members: [] })

      let broker = await startKafka({ dir, port, keepDir: true })
      await produce(brokers, 'orders', 'one')
      await produce(brokers, 'nowhere', 'lost')
      await produce(brokers, 'orders', 'two')
      await expect.poll(() => first.texts, { timeout: 40_000 }).toEqual(['one', 'two'])
      expect(lines.filter((line) => line.includes('skipped'))).toEqual([
        expect.stringContaining('kafka record im-messages/0/1 skipped: to: there is no conversation'),
      ])
      await broker.stop()
      broker = await startKafka({ dir, port, keepDir: true })
      onTestFinished(() => broker.stop())
      await produce(brokers, 'orders', 'three')
      await expect.poll(() => first.texts, { timeout: 60_000 }).toEqual(['one', 'two', 'three'])

      // What comes while the chat is down is delivered after its start, and nothing twice.
      first.socket.disconnect()
      await chat.close()
      await produce(brokers, 'orders', 'four')
      chat = await startChat(options)
      const second = await connect()
      const history = async () =>
        (await second.socket.emitWithAck('history', { conversation: 'orders' })).messages.map(
          ({ text }: { text: string }) => text,
        )
      await expect.poll(history, { timeout: 40_000 }).toEqual(['one', 'two', 'three', 'four'])
    },
  )
})
