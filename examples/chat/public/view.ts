// The chat on the screen: the list of conversations, the open one (`room-view.ts`), the banner, the dialog for a new one.
// Draws what the model holds; `update` may be called as often as one likes, it draws once per frame.
import type { Connection, Status } from './connection.ts'
import { h, icon, ICONS, reconcile } from './dom.ts'
import { t } from './i18n.ts'
import type { Model, Room } from './model.ts'
import { showNewConversation } from './new-conversation.ts'
import { saveOutbox } from './outbox.ts'
import { RoomView } from './room-view.ts'
import { avatar, shortTime } from './presentation.ts'

export interface ViewActions {
  signOut(): void
  changeLanguage(): void
}

export class ChatView {
  readonly #root: HTMLElement
  readonly #model: Model
  readonly #connection: () => Connection
  readonly #actions: ViewActions
  #list = h('ul')
  #empty = h('p')
  #banner = h('div')
  #detail = h('section')
  #shell = h('div')
  #room: RoomView | undefined
  #status: Status = 'connecting'
  #isDrawing = false
  #isClosed = false

  constructor(root: HTMLElement, model: Model, connection: () => Connection, actions: ViewActions) {
    this.#root = root
    this.#model = model
    this.#connection = connection
    this.#actions = actions
    document.addEventListener('visibilitychange', this.#seen)
    addEventListener('focus', this.#seen)
    addEventListener('keydown', this.#keys)
  }

  close(): void {
    this.#isClosed = true
    document.removeEventListener('visibilitychange', this.#seen)
    removeEventListener('focus', this.#seen)
    removeEventListener('keydown', this.#keys)
    document.title = t('appName')
  }

  setStatus(status: Status): void {
    this.#status = status
    this.update()
    // A conversation opened before the connection was there.
    const open = this.#openRoom()
    if (status === 'online' && open !== undefined && !open.isLoaded) void this.#load(open.id)
  }

  /** Everything anew: at the start, and in another language. */
  rebuild(): void {
    this.#banner = h('div', { class: 'banner', role: 'status', 'data-testid': 'banner', hidden: true })
    this.#list = h('ul', { class: 'rooms', 'data-testid': 'conversations' })
    this.#empty = h('p', { class: 'hint' }, t('noConversations'))
    this.#detail = h('section', { class: 'detail' })
    this.#room = undefined
    const me = h('span', { class: 'me', 'data-testid': 'me' })
    this.#shell = h(
      'div',
      { class: 'shell' },
      this.#banner,
      h(
        'nav',
        { class: 'sidebar', 'aria-label': t('conversations') },
        h(
          'header',
          { class: 'bar' },
          me,
          h(
            'button',
            { class: 'quiet', 'data-testid': 'language', onclick: this.#actions.changeLanguage },
            t('language'),
          ),
          this.#iconButton(ICONS.leave, t('signOut'), 'signout', this.#actions.signOut),
          this.#iconButton(ICONS.plus, t('newConversation'), 'new-conversation', () =>
            showNewConversation(this.#model, this.#connection(), (id) => this.open(id)),
          ),
        ),
        this.#list,
        this.#empty,
      ),
      h('main', { class: 'main' }, this.#detail),
    )
    this.#root.replaceChildren(this.#shell)
    this.#draw()
  }

  open(id: string | undefined): void {
    this.#model.open = id
    this.#room = undefined
    const room = this.#openRoom()
    if (room !== undefined && !room.isLoaded) void this.#load(room.id)
    this.#draw()
    if (matchMedia('(min-width: 720px)').matches) this.#roomView()?.focus()
  }

  update(): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    // Not animation frames: a window in the background still counts its unread messages in the title.
    setTimeout(() => {
      this.#isDrawing = false
      if (!this.#isClosed) this.#draw()
    }, 16)
  }

  #draw(): void {
    const model = this.#model
    if (model.me !== '') saveOutbox(model.me, model.pending)
    this.#banner.hidden = this.#status === 'online'
    this.#banner.textContent = this.#status === 'connecting' ? t('connecting') : t('reconnecting')
    this.#shell.classList.toggle('has-open', this.#openRoom() !== undefined)
    this.#shell.dataset['status'] = this.#status
    const me = this.#shell.querySelector<HTMLElement>('.me')!
    if (me.textContent !== model.me) me.textContent = model.me

    const rooms = model.sortedRooms()
    this.#empty.hidden = rooms.length > 0 || this.#status !== 'online'
    reconcile(
      this.#list,
      rooms.map((room) => this.#roomItem(room)),
    )
    this.#drawRoom()
    this.#seen()
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0)
    document.title = unread > 0 ? `(${unread}) ${t('appName')}` : t('appName')
  }

  #drawRoom(): void {
    const room = this.#openRoom()
    if (room === undefined) {
      this.#room = undefined
      this.#detail.replaceChildren(h('p', { class: 'nothing' }, t('pickConversation')))
      return
    }
    if (this.#room?.id !== room.id) {
      this.#room = new RoomView(room.id, this.#model, this.#connection(), {
        back: () => this.open(undefined),
        changed: () => this.update(),
      })
      this.#detail.replaceChildren(...this.#room.elements)
    }
    this.#room.draw(room)
  }

  #roomItem(room: Room) {
    const model = this.#model
    const title = model.titleOf(room)
    const isOnline = room.type === 'direct' && model.isOnline(title)
    const isOpen = model.open === room.id
    const { last } = room
    const typing = [...room.typing.keys()]
    const preview =
      typing.length > 0
        ? t(typing.length > 1 ? 'typingMany' : 'typingOne', { who: typing.join(', ') })
        : last === undefined
          ? ''
          : `${last.from === model.me ? `${t('you')}: ` : room.type === 'group' ? `${last.from}: ` : ''}${last.text || `[${t('image')}]`}`
    return {
      key: room.id,
      signature: JSON.stringify([title, isOnline, isOpen, preview, room.unread, last?.time]),
      make: () =>
        h(
          'li',
          {},
          h(
            'button',
            {
              class: 'room',
              'data-testid': 'conversation',
              'data-id': room.id,
              'data-title': title,
              'aria-current': isOpen ? 'true' : undefined,
              onclick: () => this.open(room.id),
            },
            avatar(title, room.type === 'group', isOnline),
            h(
              'span',
              { class: 'room-text' },
              h(
                'span',
                { class: 'room-line' },
                h('strong', {}, title),
                h('time', {}, last === undefined ? '' : shortTime(last.time)),
              ),
              h(
                'span',
                { class: 'room-line' },
                h(
                  'span',
                  { class: typing.length > 0 ? 'preview is-typing' : 'preview', 'data-testid': 'preview' },
                  preview,
                ),
                room.unread > 0 &&
                  h(
                    'span',
                    {
                      class: 'unread',
                      'data-testid': 'unread',
                      'aria-label': t('unread', { n: room.unread }),
                    },
                    room.unread > 99 ? '99+' : String(room.unread),
                  ),
              ),
            ),
          ),
        ),
    }
  }

  #iconButton(path: string, label: string, testId: string, onclick: () => void): HTMLButtonElement {
    return h(
      'button',
      { class: 'icon', 'aria-label': label, title: label, 'data-testid': testId, onclick },
      icon(path),
    )
  }

  #roomView(): RoomView | undefined {
    return this.#room
  }

  #openRoom(): Room | undefined {
    return this.#model.open === undefined ? undefined : this.#model.rooms.get(this.#model.open)
  }

  async #load(id: string): Promise<void> {
    // When it fails, the next connect loads it (setStatus).
    await this.#connection()
      .loadLatest(id)
      .catch(() => {})
  }

  /** What is on the screen of somebody who looks at it is read. */
  readonly #seen = (): void => {
    const room = this.#openRoom()
    if (room === undefined || !room.isLoaded || this.#status !== 'online') return
    if (document.visibilityState !== 'visible' || !document.hasFocus()) return
    const before = room.unread
    this.#connection().markRead(room.id)
    if (before > 0) this.update()
  }

  readonly #keys = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && document.querySelector('dialog[open]') === null) this.open(undefined)
  }
}
