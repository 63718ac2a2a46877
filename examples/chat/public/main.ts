// The page: the sign-in form, or the chat of the user whose name this browser remembers.
import { Connection } from './connection.ts'
import { h } from './dom.ts'
import { currentLanguage, setLanguage, t } from './i18n.ts'
import { Model } from './model.ts'
import { loadOutbox } from './outbox.ts'
import { ChatView } from './view.ts'

const KEY = 'tidewire-chat.name'
const root = document.querySelector<HTMLDivElement>('#app')!

function changeLanguage(): void {
  setLanguage(currentLanguage() === 'en' ? 'zh' : 'en')
  document.documentElement.lang = currentLanguage() === 'zh' ? 'zh-CN' : 'en'
}

function showSignIn(problem = '', name = ''): void {
  document.title = t('appName')
  const input = h('input', {
    id: 'name',
    name: 'name',
    autocomplete: 'username',
    maxlength: 32,
    required: true,
    value: name,
    placeholder: t('yourName'),
    'aria-describedby': 'signin-problem',
    'data-testid': 'signin-name',
  })
  const form = h(
    'form',
    {
      class: 'signin-card',
      onsubmit: (event: Event) => {
        event.preventDefault()
        if (input.value.trim() !== '') showChat(input.value.trim())
      },
    },
    h('img', { src: '/icon.svg', alt: '', width: 56, height: 56 }),
    h('h1', {}, t('appName')),
    h('p', {}, t('tagline')),
    h('label', { for: 'name', class: 'visually-hidden' }, t('yourName')),
    input,
    h(
      'p',
      { id: 'signin-problem', class: 'problem', role: 'alert', 'data-testid': 'signin-problem' },
      problem,
    ),
    h('button', { type: 'submit', class: 'primary', 'data-testid': 'signin-submit' }, t('signIn')),
    h(
      'button',
      {
        type: 'button',
        class: 'quiet',
        'data-testid': 'language',
        onclick: () => {
          changeLanguage()
          showSignIn('', input.value)
        },
      },
      t('language'),
    ),
  )
  root.replaceChildren(h('main', { class: 'signin' }, form))
  input.focus()
}

function showChat(name: string): void {
  const model = new Model()
  model.pending = loadOutbox(name)
  const leave = (problem = ''): void => {
    connection.close()
    view.close()
    localStorage.removeItem(KEY)
    showSignIn(problem, name)
  }
  const view: ChatView = new ChatView(root, model, () => connection, {
    signOut: () => leave(),
    changeLanguage: () => {
      changeLanguage()
      view.rebuild()
    },
  })
  const connection: Connection = new Connection(model, name, {
    changed: () => view.update(),
    status: (status, why) => {
      if (status === 'refused') return leave(t('refused', { why }))
      if (status === 'online') localStorage.setItem(KEY, name)
      view.setStatus(status)
    },
  })
  view.rebuild()
}

document.documentElement.lang = currentLanguage() === 'zh' ? 'zh-CN' : 'en'
const remembered = localStorage.getItem(KEY)
if (remembered === null) showSignIn()
else showChat(remembered)
