// The open conversation: its head, the messages with their states, who types, and the composer with image preview.
import { MAX_IMAGE_BYTES, IMAGE_TYPES, MAX_TEXT_LENGTH } from '../src/limits.ts'
import type { ChatMessage } from '../src/store.ts'
import type { Connection } from './connection.ts'
import { h, icon, ICONS, reconcile } from './dom.ts'
import { t } from './i18n.ts'
import type { Model, Pending, Room } from './model.ts'
import { avatar, clock, day } from './presentation.ts'

export interface RoomActions {
  back(): void
  changed(): void
}

const TYPING_EVERY_MS = 2_000

export class RoomView {
  readonly id: string
  readonly elements: HTMLElement[]
  readonly #model: Model
  readonly #connection: Connection
  readonly #actions: RoomActions
  readonly #head = h('header', { class: 'bar room-head' })
  readonly #older = h('button', { class: 'quiet older', 'data-testid': 'older' })
  readonly #list = h('ol', { class: 'messages', 'data-testid': 'messages' })
  readonly #scroller: HTMLElement
  readonly #typing = h('p', { class: 'typing', role: 'status', 'data-testid': 'typing' })
  readonly #input: HTMLTextAreaElement
  readonly #file: HTMLInputElement
  readonly #preview = h('div', { class: 'image-preview', hidden: true, 'data-testid': 'image-preview' })
  readonly #problem = h('p', { class: 'problem', role: 'alert', 'data-testid': 'composer-problem' })
  #image: Pending['image']
  #typingSentAt = 0
  #isLoadingOlder = false
  #sticksToEnd = true

  constructor(id: string, model: Model, connection: Connection, actions: RoomActions) {
    this.id = id
    this.#model = model
    this.#connection = connection
    this.#actions = actions
    this.#older.addEventListener('click', () => void this.#loadOlder())
    this.#scroller = h('div', { class: 'scroller', tabindex: 0 }, this.#older, this.#list)
    this.#scroller.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroller
      this.#sticksToEnd = scrollHeight - scrollTop - clientHeight < 60
      if (scrollTop < 40) void this.#loadOlder()
    })
    // An image that arrives makes its message taller; a window that gets smaller hides the end.
    const keep = (): void => {
      if (this.#sticksToEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
    }
    this.#list.addEventListener('load', keep, true)
    new ResizeObserver(keep).observe(this.#scroller)
    this.#input = h('textarea', {
      rows: 1,
      maxlength: MAX_TEXT_LENGTH,
      placeholder: t('writeMessage'),
      'aria-label': t('writeMessage'),
      'data-testid': 'composer-input',
      oninput: () => this.#typed(),
      onkeydown: (event: KeyboardEvent) => {
        // Enter also ends the choice of a character in an input method: then it does not send.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
        event.preventDefault()
        this.#submit()
      },
      onpaste: (event: ClipboardEvent) => {
        const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
        if (file !== undefined) void this.#attach(file)
      },
    })
    this.#file = h('input', {
      type: 'file',
      accept: IMAGE_TYPES.join(','),
      class: 'visually-hidden',
      tabindex: -1,
      'aria-hidden': 'true',
      'data-testid': 'attach-input',
      onchange: () => {
        const [file] = this.#file.files ?? []
        if (file !== undefined) void this.#attach(file)
        this.#file.value = ''
      },
    })
    const composer = h(
      'form',
      {
        class: 'composer',
        onsubmit: (event: Event) => {
          event.preventDefault()
          this.#submit()
        },
      },
      this.#preview,
      this.#problem,
      h(
        'div',
        { class: 'composer-row' },
        this.#file,
        h(
          'button',
          {
            type: 'button',
            class: 'icon',
            'aria-label': t('attachImage'),
            title: t('attachImage'),
            onclick: () => this.#file.click(),
          },
          icon(ICONS.image),
        ),
        this.#input,
        h(
          'button',
          {
            type: 'submit',
            class: 'icon send',
            'aria-label': t('send'),
            title: t('send'),
            'data-testid': 'composer-send',
          },
          icon(ICONS.send),
        ),
      ),
    )
    this.elements = [this.#head, this.#scroller, this.#typing, composer]
  }

  focus(): void {
    this.#input.focus()
  }

  draw(room: Room): void {
    this.#drawHead(room)
    this.#older.textContent = room.isComplete ? t('start') : t('older')
    this.#older.disabled = room.isComplete
    this.#older.hidden = !room.isLoaded
    const typing = [...room.typing.keys()]
    this.#typing.textContent =
      typing.length === 0 ? '' : t(typing.length > 1 ? 'typingMany' : 'typingOne', { who: typing.join(', ') })
    const { scrollHeight, scrollTop } = this.#scroller
    const oldFirst = this.#list.firstElementChild
    reconcile(this.#list, this.#items(room))
    if (this.#sticksToEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
    else if (oldFirst !== this.#list.firstElementChild) {
      // Older messages came in above: what was on the screen stays there.
      this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight
    }
  }

  #drawHead(room: Room): void {
    const model = this.#model
    const title = model.titleOf(room)
    const isOnline = room.type === 'direct' && model.isOnline(title)
    const online = room.members.filter(({ name }) => model.isOnline(name)).length
    const status =
      room.type === 'direct'
        ? t(isOnline ? 'online' : 'offline')
        : t('membersCount', { n: room.members.length, online })
    const signature = JSON.stringify([title, status, room.members.length])
    if (this.#head.dataset['signature'] === signature) return
    this.#head.dataset['signature'] = signature
    this.#head.replaceChildren(
      h(
        'button',
        { class: 'icon back', 'aria-label': t('back'), 'data-testid': 'back', onclick: this.#actions.back },
        icon(ICONS.back),
      ),
      avatar(title, room.type === 'group', isOnline),
      h(
        'div',
        { class: 'room-title' },
        h('h2', { 'data-testid': 'room-title' }, title),
        h(
          'p',
          { title: room.members.map(({ name }) => name).join(', ') },
          h('span', { class: isOnline ? 'is-online' : '', 'data-testid': 'room-status' }, status),
          h(
            'button',
            {
              class: 'copy-id',
              title: t('copyId'),
              'aria-label': t('copyId'),
              'data-testid': 'room-id',
              onclick: () => void navigator.clipboard?.writeText(room.id),
            },
            room.id,
          ),
        ),
      ),
    )
  }

  #items(room: Room) {
    const items: Parameters<typeof reconcile>[1][number][] = []
    let previous: { from: string; day: string; time: number } | undefined
    // A back end may push messages with old times: a day can come more than once, so its key is what follows it.
    const divide = (time: number, next: string): string => {
      const name = day(time)
      if (previous?.day !== name) {
        items.push({
          key: `day:${next}`,
          signature: name,
          make: () => h('li', { class: 'day', role: 'separator' }, h('span', {}, name)),
        })
        previous = undefined
      }
      return name
    }
    for (const message of room.messages) {
      const name = divide(message.time, String(message.seq))
      const follows = previous?.from === message.from && message.time - previous.time < 300_000
      items.push(this.#messageItem(room, message, follows))
      previous = { from: message.from, day: name, time: message.time }
    }
    for (const pending of this.#model.pending) {
      if (pending.conversation !== room.id) continue
      divide(pending.time, pending.clientId)
      items.push(this.#pendingItem(pending))
    }
    return items
  }

  #messageItem(room: Room, message: ChatMessage, follows: boolean) {
    const isMine = message.from === this.#model.me
    const { state, readers, others } = this.#model.delivery(room, message.seq)
    const isPartly = isMine && room.type === 'group' && state !== 'read' && readers > 0
    const label = isPartly ? t('readBy', { n: readers, all: others }) : t(state)
    return {
      // The same key as while it was pending: the element is replaced in place.
      key: isMine && message.clientId !== undefined ? `c:${message.clientId}` : `s:${message.seq}`,
      signature: JSON.stringify([message.seq, follows, isMine && [state, label]]),
      make: () =>
        h(
          'li',
          {
            class: `message${isMine ? ' is-mine' : ''}${follows ? ' follows' : ''}`,
            'data-testid': 'message',
            'data-seq': message.seq,
            'data-state': isMine ? state : undefined,
          },
          !isMine && (follows ? h('span', { class: 'avatar-gap' }) : avatar(message.from, false, false)),
          h(
            'div',
            { class: 'bubble' },
            !isMine && !follows && h('span', { class: 'from' }, message.from),
            message.pushType !== undefined &&
              message.pushType !== 'text' &&
              h(
                'span',
                { class: 'tag', title: t('pushed', { type: message.pushType }), 'data-testid': 'push-type' },
                message.pushType,
              ),
            message.image !== undefined &&
              h(
                'a',
                { href: `/images/${message.image}`, target: '_blank', rel: 'noopener' },
                h('img', {
                  src: `/images/${message.image}`,
                  alt: t('imageFrom', { who: message.from }),
                  'data-testid': 'image',
                }),
              ),
            message.text !== '' && h('span', { class: 'text', 'data-testid': 'text' }, message.text),
            h(
              'span',
              { class: 'meta' },
              h('time', { datetime: new Date(message.time).toISOString() }, clock(message.time)),
              isMine && ticks(state, label),
            ),
          ),
        ),
    }
  }

  #pendingItem(pending: Pending) {
    const { clientId, text, image, state, error } = pending
    return {
      key: `c:${clientId}`,
      signature: `${state}${error}`,
      make: () =>
        h(
          'li',
          { class: `message is-mine is-${state}`, 'data-testid': 'message', 'data-state': state },
          h(
            'div',
            { class: 'bubble' },
            image !== undefined && h('img', { src: image.preview, alt: t('image') }),
            text !== '' && h('span', { class: 'text', 'data-testid': 'text' }, text),
            h('span', { class: 'meta' }, h('time', {}, clock(pending.time)), ticks(state, t(state))),
            state === 'failed' &&
              h(
                'span',
                { class: 'failure', role: 'alert' },
                `${t('failed')}: ${error ?? ''} `,
                h(
                  'button',
                  { class: 'quiet', 'data-testid': 'retry', onclick: () => this.#retry(pending) },
                  t('retry'),
                ),
                h(
                  'button',
                  { class: 'quiet', 'data-testid': 'discard', onclick: () => this.#discard(pending) },
                  t('discard'),
                ),
              ),
          ),
        ),
    }
  }

  #submit(): void {
    const text = this.#input.value.trim()
    if (text === '' && this.#image === undefined) return
    this.#model.pending.push({
      // Works without a secure context, where crypto.randomUUID does not exist.
      clientId: Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
        byte.toString(16).padStart(2, '0'),
      ).join(''),
      conversation: this.id,
      text,
      time: Date.now(),
      state: 'sending',
      ...(this.#image === undefined ? {} : { image: this.#image }),
    })
    this.#input.value = ''
    this.#grow()
    this.#setImage(undefined)
    this.#typingSentAt = 0
    this.#sticksToEnd = true
    this.#actions.changed()
    void this.#connection.flush()
    this.focus()
  }

  #retry(pending: Pending): void {
    pending.state = 'sending'
    delete pending.error
    this.#actions.changed()
    void this.#connection.flush()
  }

  #discard(pending: Pending): void {
    this.#model.pending = this.#model.pending.filter((one) => one !== pending)
    this.#actions.changed()
  }

  async #attach(file: File): Promise<void> {
    this.#problem.textContent = ''
    if (!IMAGE_TYPES.includes(file.type)) {
      this.#problem.textContent = t('notAnImage')
      return
    }
    if (file.size > MAX_IMAGE_BYTES) {
      this.#problem.textContent = t('imageTooLarge', {
        size: (file.size / 1048576).toFixed(1),
        max: MAX_IMAGE_BYTES / 1048576,
      })
      return
    }
    this.#setImage({ bytes: new Uint8Array(await file.arrayBuffer()), preview: URL.createObjectURL(file) })
    this.focus()
  }

  #setImage(image: Pending['image']): void {
    this.#image = image
    this.#problem.textContent = ''
    this.#preview.hidden = image === undefined
    this.#preview.replaceChildren()
    if (image === undefined) return
    this.#preview.append(
      h('img', { src: image.preview, alt: t('image') }),
      h(
        'button',
        {
          type: 'button',
          class: 'icon',
          'aria-label': t('removeImage'),
          onclick: () => this.#setImage(undefined),
        },
        icon(ICONS.close),
      ),
    )
  }

  #typed(): void {
    this.#grow()
    this.#problem.textContent = ''
    if (this.#input.value === '' || Date.now() - this.#typingSentAt < TYPING_EVERY_MS) return
    this.#typingSentAt = Date.now()
    this.#connection.typing(this.id)
  }

  /** As tall as the text, up to what the style allows. */
  #grow(): void {
    this.#input.style.height = 'auto'
    this.#input.style.height = `${this.#input.scrollHeight}px`
  }

  async #loadOlder(): Promise<void> {
    const room = this.#model.rooms.get(this.id)
    if (this.#isLoadingOlder || room === undefined || !room.isLoaded || room.isComplete) return
    this.#isLoadingOlder = true
    try {
      await this.#connection.loadOlder(this.id)
    } catch {
      // The button is still there to try again.
    } finally {
      this.#isLoadingOlder = false
    }
  }
}

const MARKS = { sending: '◷', sent: '✓', delivered: '✓✓', read: '✓✓', failed: '!' }

function ticks(state: keyof typeof MARKS, label: string): HTMLElement {
  return h(
    'span',
    { class: `ticks is-${state}`, role: 'img', 'aria-label': label, title: label },
    MARKS[state],
  )
}
