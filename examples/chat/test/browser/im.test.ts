import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startChat } from '../../src/app.ts'
import type { Chat } from '../../src/app.ts'
import { startNodes } from '../../src/nodes.ts'
import { Window, artifacts, launch } from './window.ts'

const chromium = await provisionOrSkip('chromium')

// A PNG of one red pixel.
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  'base64',
)

const daemons = await Promise.all([provisionOrSkip('redis'), provisionOrSkip('nginx')])

/** What the tests need of a chat, whatever it is made of. */
type Running = Pick<Chat, 'url' | 'io' | 'close'>

async function startThree(): Promise<Running> {
  const data = mkdtempSync(join(tmpdir(), 'tidewire-chat-'))
  const { url, nodes, close } = await startNodes(3, 0, (cluster) =>
    startChat({ data, host: '127.0.0.1', cluster }),
  )
  return {
    url,
    io: nodes[0]!.io,
    async close() {
      await close()
      rmSync(data, { recursive: true })
    },
  }
}

const CHATS: [what: string, start: () => Promise<Running>, skip: string | undefined][] = [
  ['one node', startChat, undefined],
  ['three nodes behind nginx, round robin', startThree, daemons.find(({ skip }) => skip !== undefined)?.skip],
]

describe.skipIf(chromium.skip !== undefined).each(CHATS.filter(([, , skip]) => skip === undefined))(
  'two windows on %s',
  (_what, startRunning) => {
    let browser: Browser

    beforeAll(async () => {
      browser = await launch(chromium.value!)
    })
    afterAll(async () => {
      await browser?.close()
    })

    async function start(): Promise<{ chat: Running; ann: Window; bob: Window }> {
      const chat = await startRunning()
      const windows: Window[] = []
      onTestFinished(async () => {
        for (const window of windows) await window.context.close()
        await chat.close()
        expect(windows.flatMap(({ errors }) => errors)).toEqual([])
      })
      const ann = await Window.signIn(browser, chat.url, 'ann')
      windows.push(ann)
      const bob = await Window.signIn(browser, chat.url, 'bob')
      windows.push(bob)
      return { chat, ann, bob }
    }

    test('[IM-11] shows a sent message in the other window, its unread count, and its delivered and read marks to the sender', async () => {
      const { ann, bob } = await start()
      await ann.createGroup('Team', 'bob')

      await ann.send('Hello 你好 👋')
      await ann.send('second')
      await expect.poll(() => bob.conversation('Team').getByTestId('unread').textContent()).toBe('2')
      await ann.expectState('second', 'delivered')
      await bob.open('Team')

      await bob.expectTexts(['Hello 你好 👋', 'second'])
      await ann.expectState('second', 'read')
      await expect.poll(() => bob.get('unread').count()).toBe(0)
      await bob.send('answer')
      await ann.expectTexts(['Hello 你好 👋', 'second', 'answer'])
    })

    test('[IM-11] shows who types, and who is online', async () => {
      const { ann, bob } = await start()
      await ann.get('new-conversation').click()
      await ann.get('direct-name').fill('bob')
      await ann.get('direct-create').click()
      await expect.poll(() => ann.get('room-status').textContent()).toBe('online')
      await bob.open('ann')

      await bob.get('composer-input').pressSequentially('hm')
      await expect.poll(() => ann.get('typing').textContent()).toBe('bob is typing…')
      await bob.get('signout').click()

      await expect.poll(() => ann.get('room-status').textContent()).toBe('offline')
      await expect.poll(() => ann.get('typing').textContent()).toBe('')
    })

    test('[IM-11] sends an image, and says which files it cannot send', async () => {
      const { ann, bob } = await start()
      await ann.createGroup('Photos', 'bob')
      await bob.open('Photos')
      const attach = (name: string, mimeType: string, buffer: Buffer) =>
        ann.get('attach-input').setInputFiles({ name, mimeType, buffer })

      await attach('big.png', 'image/png', Buffer.alloc(6 * 1024 * 1024))
      await expect
        .poll(() => ann.get('composer-problem').textContent())
        .toBe('This image has 6.0 MB; at most 5 MB can be sent.')
      await attach('dot.png', 'image/png', PNG)
      await ann.get('image-preview').locator('img').waitFor()
      await ann.send('a dot')

      const image = bob.get('image')
      await image.waitFor()
      await expect.poll(() => image.evaluate((img) => (img as any).naturalWidth as number)).toBe(1)
      const bytes = await bob.page.request.get(
        new URL((await image.getAttribute('src'))!, bob.page.url()).href,
      )
      expect((await bytes.body()).equals(PNG)).toBe(true)

      await attach('fake.png', 'image/png', Buffer.from('not an image'))
      await ann.get('image-preview').locator('img').waitFor()
      await ann.send('fake')
      await ann.expectState('fake', 'failed')
      await ann.get('discard').click()
      await ann.expectTexts(['a dot'])
    })

    test('[IM-12] misses nothing while offline, and sends what was written meanwhile', async () => {
      const { chat, ann, bob } = await start()
      await ann.createGroup('Trip', 'bob')
      await bob.open('Trip')
      await ann.send('before')
      await bob.expectTexts(['before'])

      await bob.context.setOffline(true)
      chat.io.of('/im').in('user:bob').disconnectSockets(true)
      await bob.get('banner').waitFor()
      for (const text of ['one', 'two', 'three']) await ann.send(text)
      await ann.expectState('three', 'sent')
      await bob.send('from offline')
      await bob.expectState('from offline', 'sending')
      await bob.context.setOffline(false)

      await bob.online()
      const all = ['before', 'one', 'two', 'three', 'from offline']
      await bob.expectTexts(all)
      await ann.expectTexts(all)
      await ann.expectState('three', 'read')
    })

    test('[IM-12] comes back from a cut connection, with messages sent in the same moment once and in order', async () => {
      const { chat, ann, bob } = await start()
      await ann.createGroup('Cut', 'bob')
      await bob.open('Cut')
      const texts: string[] = []
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 4; i++) {
          texts.push(`${round}.${i}`)
          await ann.send(`${round}.${i}`)
          if (i === 1)
            for (const socket of await chat.io.of('/im').fetchSockets()) (socket as any).disconnect(true)
        }
        await ann.expectTexts(texts)
        await bob.expectTexts(texts)
      }
      expect(texts.length).toBe(20)
    })

    test('[IM-12] keeps unsent text over a reload', async () => {
      const { chat, ann } = await start()
      await ann.createGroup('Later', 'bob')
      await ann.context.setOffline(true)
      chat.io.of('/im').in('user:ann').disconnectSockets(true)
      await ann.get('banner').waitFor()
      await ann.send('kept')
      await ann.expectState('kept', 'sending')
      await ann.context.setOffline(false)

      await ann.page.reload()
      await ann.online()
      await ann.open('Later')

      await ann.expectTexts(['kept'])
      await ann.expectState('kept', 'delivered')
    })

    test('[IM-11] loads older messages when asked, and fits a phone in Chinese', async () => {
      const { chat, ann, bob } = await start()
      await ann.createGroup('Long', 'bob')
      for (let i = 1; i <= 120; i++) {
        await fetch(`${chat.url}/push`, {
          method: 'POST',
          body: JSON.stringify({
            type: 'n',
            from: 'shop',
            to: 'long',
            msgContent: i === 120 ? `n120 ${'long '.repeat(20).trim()}` : `n${i}`,
          }),
        })
      }
      const expected = [
        ...Array.from({ length: 119 }, (_, i) => `n${i + 1}`),
        `n120 ${'long '.repeat(20).trim()}`,
      ]
      const phone = await Window.signIn(browser, chat.url, 'bob', {
        locale: 'zh-CN',
        viewport: { width: 360, height: 640 },
      })
      onTestFinished(() => phone.context.close())
      const badge = await phone.conversation('Long').getByTestId('unread').boundingBox()
      expect(badge!.x + badge!.width).toBeLessThan(360)
      await phone.open('Long')
      await phone.message('n120').waitFor()
      // Disabled when there is nothing older.
      const older = phone.get('older')
      const shown = async (): Promise<object> => ({
        count: await phone.get('message').count(),
        isEnabled: await older.isEnabled(),
      })
      await expect
        .poll(
          async () => {
            await older.click({ timeout: 1_000 }).catch(() => {})
            return shown()
          },
          { timeout: 30_000 },
        )
        .toEqual({ count: 120, isEnabled: false })

      await phone.expectTexts(expected)
      const width = await phone.page.evaluate(
        () => (globalThis as any).document.documentElement.scrollWidth as number,
      )
      expect(width).toBe(360)
      expect(await phone.get('composer-input').getAttribute('placeholder')).toBe('输入消息')
      await phone.page.screenshot({ path: `${artifacts}im-phone.png` })
      await phone.get('back').click()
      await phone.conversation('Long').waitFor()
      expect(bob.errors).toEqual([])
    })
  },
)
