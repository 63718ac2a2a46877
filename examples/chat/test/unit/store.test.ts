import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ChatError, Conversations } from '../../src/conversations.ts'
import { SqliteStore } from '../../src/store.ts'

function openStore(folder?: string): SqliteStore {
  const store = new SqliteStore(folder)
  onTestFinished(() => store.close())
  return store
}

function openChat() {
  const store = openStore()
  const told: unknown[] = []
  const conversations = new Conversations(store, {
    created: ({ id }) => told.push(['created', id]),
    posted: ({ conversation, seq }) => told.push(['posted', conversation, seq]),
    marked: (conversation, member) => told.push(['marked', conversation, member.name, member.read]),
  })
  return { store, conversations, told }
}

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof ChatError) return error.code
    throw error
  }
  throw new Error('nothing was thrown')
}

test('[IM-1] numbers messages per conversation from 1 without gaps', () => {
  const { conversations } = openChat()
  const first = conversations.createGroup('ann', 'First', ['bob'])
  const second = conversations.createGroup('ann', 'Second', ['bob'])

  const seqs = [first, second, first, first].map(
    ({ id }) => conversations.send({ from: 'ann', conversation: id, text: 'x' }).seq,
  )

  expect(seqs).toEqual([1, 1, 2, 3])
})

test('[IM-1] stores a message that is sent twice with one client id once, and tells others once', () => {
  const { conversations, told } = openChat()
  const { id } = conversations.createGroup('ann', 'Group', ['bob'])

  const first = conversations.send({ from: 'ann', conversation: id, text: 'x', clientId: 'c1' })
  const again = conversations.send({ from: 'ann', conversation: id, text: 'x', clientId: 'c1' })
  const ofOther = conversations.send({ from: 'bob', conversation: id, text: 'y', clientId: 'c1' })

  expect(again).toEqual(first)
  expect(ofOther.seq).toBe(2)
  expect(told.filter(([what]: any) => what === 'posted')).toEqual([
    ['posted', id, 1],
    ['posted', id, 2],
  ])
})

test('[IM-1] keeps messages, marks and images over a restart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-chat-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const before = new SqliteStore(folder)
  before.addConversation('room', 'group', 'Room', ['ann', 'bob'])
  const image = { id: 'i1', mediaType: 'image/png', bytes: Uint8Array.of(1, 2, 0, 255) }
  before.append({ conversation: 'room', from: 'ann', text: '你好 👋', time: 5, image })
  before.mark('room', 'bob', { read: 1 })
  before.close()

  const after = openStore(folder)

  expect(after.messages('room', { limit: 10 })).toEqual([
    { conversation: 'room', seq: 1, from: 'ann', text: '你好 👋', time: 5, image: 'i1' },
  ])
  expect(after.conversation('room')!.members).toEqual([
    { name: 'ann', delivered: 0, read: 0 },
    { name: 'bob', delivered: 1, read: 1 },
  ])
  expect(Buffer.from(after.image('i1')!.bytes)).toEqual(Buffer.from(image.bytes))
})

test('[IM-1] pages through history in both directions', () => {
  const store = openStore()
  store.addConversation('room', 'group', 'Room', ['ann'])
  for (let i = 1; i <= 10; i++) store.append({ conversation: 'room', from: 'ann', text: String(i), time: i })
  const seqs = (page: { before?: number; after?: number }) =>
    store.messages('room', { limit: 3, ...page }).map(({ seq }) => seq)

  expect([seqs({}), seqs({ before: 8 }), seqs({ after: 8 }), seqs({ before: 1 })]).toEqual([
    [8, 9, 10],
    [5, 6, 7],
    [9, 10],
    [],
  ])
})

test('[IM-2] raises marks only, and no further than the last message', () => {
  const { store, conversations, told } = openChat()
  const { id } = conversations.createGroup('ann', 'Group', ['bob'])
  for (let i = 0; i < 3; i++) conversations.send({ from: 'ann', conversation: id, text: 'x' })
  told.length = 0

  conversations.mark('bob', id, { read: 2 })
  conversations.mark('bob', id, { read: 1 })
  conversations.mark('bob', id, { read: 99 })

  expect(told).toEqual([
    ['marked', id, 'bob', 2],
    ['marked', id, 'bob', 3],
  ])
  expect(store.conversation(id)!.members[1]).toEqual({ name: 'bob', delivered: 3, read: 3 })
})

test('[IM-2] counts as unread what others wrote after the read mark', () => {
  const { conversations } = openChat()
  const { id } = conversations.createGroup('ann', 'Group', ['bob'])
  for (const from of ['ann', 'ann', 'bob', 'ann']) conversations.send({ from, conversation: id, text: 'x' })
  conversations.mark('bob', id, { read: 1 })

  expect(conversations.summary(id, 'bob')!.unread).toBe(2)
  expect(conversations.summary(id, 'ann')!.unread).toBe(1)
})

test('[IM-3] refuses strangers, unknown conversations, bad names, empty and oversized messages, and files that are no images', () => {
  const { conversations } = openChat()
  const { id } = conversations.createGroup('ann', 'Group', ['bob'])
  const send = (message: object) => () =>
    conversations.send({ from: 'ann', conversation: id, text: 'x', ...message })

  expect([
    codeOf(send({ from: 'eve' })),
    codeOf(() => conversations.history('eve', id, {})),
    codeOf(() => conversations.mark('eve', id, { read: 1 })),
    codeOf(send({ conversation: 'nowhere' })),
    codeOf(send({ text: ' ' })),
    codeOf(send({ text: 'x'.repeat(10_001) })),
    codeOf(send({ image: new Uint8Array(5 * 1024 * 1024 + 1) })),
    codeOf(send({ image: Buffer.from('<svg onload="alert(1)">') })),
    codeOf(() => conversations.signIn('a+b')),
    codeOf(() => conversations.createGroup('ann', '', [])),
  ]).toEqual([
    'NOT_A_MEMBER',
    'NOT_A_MEMBER',
    'NOT_A_MEMBER',
    'UNKNOWN_CONVERSATION',
    'BAD_REQUEST',
    'TEXT_TOO_LONG',
    'IMAGE_TOO_LARGE',
    'NOT_AN_IMAGE',
    'BAD_NAME',
    'BAD_REQUEST',
  ])
})

test('[IM-3] gives two groups of one title different ids, and the same two people one conversation', () => {
  const { conversations } = openChat()

  const ids = [
    conversations.createGroup('ann', 'Order 42', []).id,
    conversations.createGroup('ann', 'Order 42', []).id,
    conversations.openDirect('ann', 'bob').id,
    conversations.openDirect('bob', 'ann').id,
  ]

  expect(ids).toEqual(['order-42', 'order-42-2', 'direct:ann+bob', 'direct:ann+bob'])
})
