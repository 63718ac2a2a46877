// The IM's page. State lives in `state`; whatever changes it calls one of the render functions. Text reaches the page through textContent
// alone, so nothing that people write can become markup.
import { io } from '/socket.io/socket.io.esm.min.js'
import { switchLanguage, text, translate } from '/texts.js'

const MAX_IMAGE_BYTES = 700_000
const TYPING_MS = 3000
const $ = (id) => document.getElementById(id)

const state = {
  me: undefined,
  socket: undefined,
  users: new Map(),
  /** id -> { ...conversation, messages: Map(seq -> message), pending: Map(clientId -> message), hasAll } */
  conversations: new Map(),
  open: undefined,
  typing: new Map(),
  chosen: new Set(),
}

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

// ---- sign in

function showSignIn(error = '') {
  $('sign-in').hidden = false
  $('chat').hidden = true
  $('sign-in-error').textContent = error
  $('name').value = localStorage.getItem('name') ?? ''
  $('name').focus()
}

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  enter($('name').value.trim())
})

$('sign-out').addEventListener('click', () => {
  localStorage.removeItem('name')
  sessionStorage.removeItem('name')
  location.reload()
})

function enter(name) {
  state.me = name
  const socket = (state.socket = io('/im', { auth: { name }, reconnectionDelay: 300, reconnectionDelayMax: 3000 }))
  socket.on('connect', () => void sync())
  socket.on('disconnect', showConnection)
  socket.on('connect_error', (error) => {
    // A refusal by the server is final; anything else is tried again.
    if (!socket.active) showSignIn(error.message)
    else showConnection()
  })
  socket.on('presence', ({ user, online }) => {
    state.users.set(user, { name: user, online })
    renderPeople()
    renderHeader()
  })
  socket.on('conversation', (conversation) => {
    addConversation(conversation)
    renderConversations()
  })
  socket.on('message', receive)
  socket.on('mark', ({ conversation, user, kind, seq }) => {
    const member = state.conversations.get(conversation)?.members.find((one) => one.user === user)
    if (!member) return
    member[kind] = Math.max(member[kind], seq)
    if (kind === 'read') member.delivered = Math.max(member.delivered, seq)
    renderConversations()
    if (state.open === conversation) renderMessages()
  })
  socket.on('typing', ({ conversation, user, isTyping }) => {
    const key = `${conversation}\n${user}`
    clearTimeout(state.typing.get(key)?.timer)
    state.typing.delete(key)
    if (isTyping) state.typing.set(key, { conversation, user, timer: setTimeout(() => { state.typing.delete(key); renderTyping() }, TYPING_MS + 1000) })
    renderTyping()
  })
}

/** Asks for everything that has changed since the highest numbers known here, then sends what waits. */
async function sync() {
  const known = {}
  for (const [id, { messages }] of state.conversations) known[id] = Math.max(0, ...messages.keys())
  const { socket } = state
  let answer
  try {
    answer = await socket.timeout(10_000).emitWithAck('sync', { known })
  } catch {
    return
  }
  sessionStorage.setItem('name', answer.me)
  localStorage.setItem('name', answer.me)
  $('sign-in').hidden = true
  $('chat').hidden = false
  $('me').textContent = answer.me
  state.users = new Map(answer.users.map((user) => [user.name, user]))
  for (const conversation of answer.conversations) addConversation(conversation)
  for (const messages of Object.values(answer.missed)) for (const message of messages) store(message)
  for (const conversation of state.conversations.values()) {
    acknowledge(conversation)
    for (const message of conversation.pending.values()) void transmit(message)
  }
  showConnection()
  renderAll()
  document.body.dataset.ready = 'true'
}

function showConnection() {
  const isConnected = state.socket?.connected === true
  $('banner').hidden = isConnected
  $('banner').textContent = text('offline')
  document.body.dataset.connected = String(isConnected)
}

// ---- conversations and messages

function addConversation(conversation) {
  const known = state.conversations.get(conversation.id)
  state.conversations.set(conversation.id, {
    messages: known?.messages ?? new Map(),
    pending: known?.pending ?? new Map(),
    hasAll: known?.hasAll ?? false,
    ...conversation,
    last: conversation.last ?? known?.last,
  })
}

function store(message) {
  const conversation = state.conversations.get(message.conversation)
  if (!conversation) return
  conversation.messages.set(message.seq, message)
  if (message.from === state.me) release(conversation, message.clientId)
  if (message.seq >= conversation.lastSeq) {
    conversation.lastSeq = message.seq
    conversation.last = message
  }
}

function release(conversation, clientId) {
  const pending = conversation.pending.get(clientId)
  conversation.pending.delete(clientId)
  if (pending?.preview) setTimeout(() => URL.revokeObjectURL(pending.preview), 60_000)
}

function receive(message) {
  store(message)
  const conversation = state.conversations.get(message.conversation)
  if (!conversation) return void sync()
  const sender = conversation.members.find(({ user }) => user === message.from)
  if (sender) sender.read = sender.delivered = Math.max(sender.read, message.seq)
  state.typing.delete(`${message.conversation}\n${message.from}`)
  acknowledge(conversation)
  renderConversations()
  renderTyping()
  if (state.open === message.conversation) renderMessages()
}

const own = (conversation) => conversation.members.find(({ user }) => user === state.me)
const unreadOf = (conversation) => conversation.lastSeq - (own(conversation)?.read ?? 0)
const titleOf = ({ type, title, members }) =>
  type === 'direct' ? (members.find(({ user }) => user !== state.me)?.user ?? title) : title

/** Tells the server what has arrived here and what has been seen. */
function acknowledge(conversation) {
  const member = own(conversation)
  if (!member || !state.socket.connected) return
  const { id, lastSeq } = conversation
  if (member.delivered < lastSeq) {
    member.delivered = lastSeq
    state.socket.emit('delivered', { conversation: id, seq: lastSeq })
  }
  if (state.open === id && document.visibilityState === 'visible' && member.read < lastSeq) {
    member.read = lastSeq
    state.socket.emit('read', { conversation: id, seq: lastSeq })
  }
}

document.addEventListener('visibilitychange', () => {
  const conversation = state.conversations.get(state.open)
  if (conversation) acknowledge(conversation)
  renderConversations()
})

async function openConversation(id) {
  state.open = id
  document.body.dataset.view = 'room'
  const conversation = state.conversations.get(id)
  acknowledge(conversation)
  renderAll()
  $('text').focus()
  if (!conversation.hasAll && conversation.messages.size < conversation.lastSeq) await loadOlder(conversation)
}

async function loadOlder(conversation) {
  const before = Math.min(Infinity, ...conversation.messages.keys())
  try {
    const answer = await state.socket.timeout(10_000).emitWithAck('history', {
      conversation: conversation.id,
      ...(Number.isFinite(before) ? { before } : {}),
    })
    for (const message of answer.messages ?? []) conversation.messages.set(message.seq, message)
    conversation.hasAll = (answer.messages ?? []).length === 0 || conversation.messages.has(1)
  } catch {
    return
  }
  if (state.open === conversation.id) renderMessages()
}

$('messages').addEventListener('scroll', () => {
  const conversation = state.conversations.get(state.open)
  if (conversation && $('messages').scrollTop < 40 && !conversation.hasAll) void loadOlder(conversation)
})

// ---- sending

const createClientId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** Shows the message at once; it keeps its clientId for ever, so that trying again cannot send it twice. */
function submit(body) {
  const conversation = state.conversations.get(state.open)
  if (!conversation) return
  const message = { conversation: conversation.id, clientId: createClientId(), from: state.me, time: Date.now(), state: 'sending', ...body }
  conversation.pending.set(message.clientId, message)
  renderMessages()
  void transmit(message)
}

async function transmit(message) {
  const { conversation, clientId, content, image, mime } = message
  message.state = 'sending'
  // Not connected: sync() sends it on the next connection.
  if (!state.socket.connected) return
  try {
    const request = image ? { conversation, clientId, image, mime } : { conversation, clientId, content }
    const answer = await state.socket.timeout(15_000).emitWithAck('send', request)
    if (answer.ok) store(answer.message)
    else Object.assign(message, { state: 'failed', reason: answer.error })
  } catch {
    // Disconnected: it stays pending. Connected but unanswered: the person decides.
    if (state.socket.connected) message.state = 'failed'
  }
  renderConversations()
  if (state.open === conversation) renderMessages()
}

$('compose').addEventListener('submit', (event) => {
  event.preventDefault()
  const content = $('text').value.trim()
  if (content === '') return
  $('text').value = ''
  tellTyping(false)
  submit({ type: 'text', content })
})

$('text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  $('compose').requestSubmit()
})

let typingUntil = 0
let typingTimer
function tellTyping(isTyping) {
  clearTimeout(typingTimer)
  if (!state.open || !state.socket.connected) return
  if (isTyping && Date.now() < typingUntil) {
    typingTimer = setTimeout(() => tellTyping(false), TYPING_MS)
    return
  }
  typingUntil = isTyping ? Date.now() + TYPING_MS / 2 : 0
  state.socket.emit('typing', { conversation: state.open, isTyping })
  if (isTyping) typingTimer = setTimeout(() => tellTyping(false), TYPING_MS)
}
$('text').addEventListener('input', () => tellTyping($('text').value !== ''))

$('image').addEventListener('change', async () => {
  const [file] = $('image').files
  $('image').value = ''
  if (!file) return
  if (file.size > MAX_IMAGE_BYTES) {
    $('banner').hidden = false
    $('banner').textContent = text('tooLarge', MAX_IMAGE_BYTES / 1000)
    setTimeout(showConnection, 4000)
    return
  }
  submit({ type: 'image', image: await file.arrayBuffer(), mime: file.type, preview: URL.createObjectURL(file) })
})

// ---- people and groups

async function create(request) {
  try {
    const answer = await state.socket.timeout(10_000).emitWithAck('create', request)
    if (!answer.ok) return answer.error
    addConversation(answer.conversation)
    await openConversation(answer.conversation.id)
  } catch (error) {
    return error.message
  }
}

$('new-group').addEventListener('submit', async (event) => {
  event.preventDefault()
  const error = await create({ type: 'group', title: $('group-title').value, members: [...state.chosen] })
  $('group-error').textContent = error ?? ''
  if (error) return
  $('group-title').value = ''
  state.chosen.clear()
  renderPeople()
})

$('back').addEventListener('click', () => {
  state.open = undefined
  document.body.dataset.view = 'list'
  renderAll()
})

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    switchLanguage()
    $('text').placeholder = text('write')
    if (state.socket) renderAll()
    showConnection()
  })
}

// ---- rendering

const clock = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
const summary = (message) => (message.type === 'image' ? `[${text('image')}]` : message.content)

function renderAll() {
  renderConversations()
  renderPeople()
  renderHeader()
  renderMessages()
  renderTyping()
}

function renderConversations() {
  const list = [...state.conversations.values()].toSorted((a, b) => (b.last?.time ?? Infinity) - (a.last?.time ?? Infinity))
  const items = list.map((conversation) => {
    const unread = unreadOf(conversation)
    const last = [...conversation.pending.values()].at(-1) ?? conversation.last
    const item = element(
      'button',
      { type: 'button', className: 'conversation', onclick: () => void openConversation(conversation.id) },
      element('strong', { textContent: titleOf(conversation) }),
      element('span', { className: 'last', textContent: last ? summary(last) : '' }),
    )
    item.dataset.testid = `conversation-${conversation.id}`
    item.setAttribute('aria-current', String(conversation.id === state.open))
    if (unread > 0) item.append(element('b', { className: 'unread', textContent: String(unread) }))
    return item
  })
  $('conversations').replaceChildren(...items)
  const total = list.reduce((sum, conversation) => sum + unreadOf(conversation), 0)
  document.title = total > 0 ? `(${total}) tidewire chat` : 'tidewire chat'
}

function renderPeople() {
  const others = [...state.users.values()].filter(({ name }) => name !== state.me).toSorted((a, b) => a.name.localeCompare(b.name))
  const items = others.map(({ name, online }) => {
    const box = element('input', { type: 'checkbox', checked: state.chosen.has(name), ariaLabel: name })
    box.dataset.testid = `choose-${name}`
    box.addEventListener('change', () => (box.checked ? state.chosen.add(name) : state.chosen.delete(name)))
    const button = element('button', { type: 'button', className: 'plain', textContent: name, onclick: () => void create({ type: 'direct', members: [name] }) })
    button.dataset.testid = `person-${name}`
    const dot = element('i', { className: online ? 'dot online' : 'dot', title: text(online ? 'online' : 'away') })
    dot.dataset.testid = `presence-${name}`
    return element('div', { className: 'person' }, box, dot, button)
  })
  $('people').replaceChildren(...items)
}

function renderHeader() {
  const conversation = state.conversations.get(state.open)
  document.body.dataset.open = String(conversation !== undefined)
  if (!conversation) return
  $('title').textContent = titleOf(conversation)
  const peer = conversation.type === 'direct' ? conversation.members.find(({ user }) => user !== state.me) : undefined
  const about = peer ? text(state.users.get(peer.user)?.online ? 'online' : 'away') : text('members', conversation.members.length)
  $('subtitle').textContent = `${about} · ${conversation.id}`
  $('text').placeholder = text('write')
}

/** How far a message of one's own has come, told by the slowest member. */
function stateOf(conversation, message) {
  if (message.seq === undefined) return message.state
  const others = conversation.members.filter(({ user }) => user !== state.me)
  if (others.length > 0 && others.every(({ read }) => read >= message.seq)) return 'read'
  if (others.length > 0 && others.every(({ delivered }) => delivered >= message.seq)) return 'delivered'
  return 'sent'
}

function renderMessage(conversation, message) {
  const isOwn = message.from === state.me
  const item = element('li', { className: isOwn ? 'own' : 'other' })
  item.dataset.testid = 'message'
  item.dataset.seq = message.seq ?? ''
  if (!isOwn && conversation.type !== 'direct') item.append(element('em', { textContent: message.from }))
  if (message.type === 'image') {
    const picture = element('img', { src: message.preview ?? `/images/${message.content}`, alt: text('image'), loading: 'lazy' })
    picture.addEventListener('load', stick)
    item.append(picture)
  } else item.append(element('p', { textContent: message.content }))
  const foot = element('small', { textContent: clock(message.time) })
  if (isOwn) {
    const how = stateOf(conversation, message)
    const label = element(how === 'failed' ? 'button' : 'span', { className: `state ${how}`, textContent: text('states')[how], title: message.reason ?? '' })
    label.dataset.state = how
    if (how === 'failed') label.addEventListener('click', () => void transmit(message))
    foot.append(' · ', label)
  }
  item.append(foot)
  return item
}

let isAtEnd = true
function stick() {
  if (isAtEnd) $('messages').scrollTop = $('messages').scrollHeight
}

function renderMessages() {
  const conversation = state.conversations.get(state.open)
  if (!conversation) return $('messages').replaceChildren()
  const list = $('messages')
  const fromEnd = list.scrollHeight - list.scrollTop
  isAtEnd = list.dataset.of !== conversation.id || fromEnd - list.clientHeight < 60
  list.dataset.of = conversation.id
  const stored = [...conversation.messages.values()].toSorted((a, b) => a.seq - b.seq)
  list.replaceChildren(...[...stored, ...conversation.pending.values()].map((message) => renderMessage(conversation, message)))
  list.scrollTop = isAtEnd ? list.scrollHeight : list.scrollHeight - fromEnd
}

function renderTyping() {
  const who = [...state.typing.values()].filter(({ conversation }) => conversation === state.open).map(({ user }) => user)
  $('typing').textContent = who.length > 0 ? text('typing', who.join(', ')) : ''
}

translate()
const known = sessionStorage.getItem('name') ?? localStorage.getItem('name')
if (known && sessionStorage.getItem('name')) enter(known)
else showSignIn()
