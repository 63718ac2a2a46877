// A window of the IM in a real Chromium, as a test sees it.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

export const artifacts: string = fileURLToPath(new URL('../../../../artifacts/', import.meta.url))

export async function launch(executablePath: string): Promise<Browser> {
  mkdirSync(artifacts, { recursive: true })
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export class Window {
  readonly page: Page
  readonly context: BrowserContext
  /** What the page threw; a test expects none. */
  readonly errors: string[] = []

  private constructor(page: Page) {
    this.page = page
    this.context = page.context()
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => this.errors.push(String(error)))
  }

  /** Opens the page in a browser profile of its own and signs in. */
  static async signIn(
    browser: Browser,
    url: string,
    name: string,
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<Window> {
    const context = await browser.newContext({
      locale: 'en-US',
      viewport: { width: 1000, height: 700 },
      ...options,
    })
    const window = new Window(await context.newPage())
    await window.page.goto(url)
    await window.get('signin-name').fill(name)
    await window.get('signin-submit').click()
    await window.online()
    return window
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId)
  }

  async online(): Promise<void> {
    await this.page.locator('.shell[data-status=online]').waitFor()
  }

  conversation(title: string): Locator {
    return this.page.locator(`[data-testid=conversation][data-title="${title}"]`)
  }

  async createGroup(title: string, members: string): Promise<void> {
    await this.get('new-conversation').click()
    await this.get('group-title').fill(title)
    await this.get('group-members').fill(members)
    await this.get('group-create').click()
    await this.page.locator('[data-testid=room-title]', { hasText: title }).waitFor()
  }

  async open(title: string): Promise<void> {
    await this.conversation(title).click()
    await this.page.locator('[data-testid=room-title]', { hasText: title }).waitFor()
  }

  async send(text: string): Promise<void> {
    await this.get('composer-input').fill(text)
    await this.get('composer-send').click()
  }

  message(text: string): Locator {
    return this.page.locator('[data-testid=message]', { hasText: text })
  }

  /** The texts of the open conversation, once they are these. */
  async expectTexts(texts: readonly string[]): Promise<void> {
    await expect
      .poll(() => this.get('messages').getByTestId('text').allTextContents(), { timeout: 20_000 })
      .toEqual(texts)
  }

  async expectState(text: string, state: string): Promise<void> {
    await expect
      .poll(() => this.message(text).last().getAttribute('data-state'), { timeout: 20_000 })
      .toBe(state)
  }
}
