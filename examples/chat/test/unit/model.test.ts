import { expect, test } from 'vitest'
import { Model } from '../../public/model.ts'
import type { ChatMessage, ConversationSummary } from '../../src/store.ts'

const message = (seq: number, fields: Partial<ChatMessage> = {}): ChatMessage => ({
  conversation: 'room',
  seq,
  from: 'bob',
  text: String(seq),
  time: seq,
  ...fields,
})

const summary = (lastSeq: number, unread = 0): ConversationSummary => ({
  id: 'room',
  type: 'group',
  title: 'Room',
  lastSeq,
  unread,
  members: ['ann', 'bob', 'eve'].map((name) => ({ name, delivered: 0, read: 0 })),
})

function openModel(loaded: number): Model {
  const model = new Model()
  model.applySync({ me: 'ann', users: [], conversations: [summary(loaded)], missed: {} })
  model.insertAll(
    'room',
    Array.from({ length: loaded }, (_, i) => message(i + 1)),
  )
  return model
}

const seqsOf = (model: Model): number[] => model.rooms.get('room')!.messages.map(({ seq }) => seq)

test('[IM-12] keeps a message that comes live, by history and by sync once, in order', () => {
  const model = openModel(2)

  model.receive(message(3))
  model.insertAll('room', [message(2), message(3), message(4)])
  model.applySync({
    me: 'ann',
    users: [],
    conversations: [summary(5)],
    missed: { room: { messages: [message(3), message(4), message(5)], hasGap: false } },
  })

  expect(seqsOf(model)).toEqual([1, 2, 3, 4, 5])
})

test('[IM-12] does not take a message after a gap, so that what lies between is asked for', () => {
  const model = openModel(2)

  const isComplete = model.receive(message(5))

  expect([isComplete, seqsOf(model), model.lastSeqs()]).toEqual([false, [1, 2], { room: 2 }])
})

test('[IM-12] starts over from the newest messages when the absence was too long', () => {
  const model = openModel(2)

  const missed = { room: { messages: [message(900), message(901)], hasGap: true } }
  model.applySync({ me: 'ann', users: [], conversations: [summary(901)], missed })

  expect([seqsOf(model), model.rooms.get('room')!.isComplete]).toEqual([[900, 901], false])
})

test('[IM-1] settles a pending message when the server shows it, whichever way it comes', () => {
  for (const take of ['receive', 'insertAll'] as const) {
    const model = openModel(0)
    model.pending = [{ clientId: 'c', conversation: 'room', text: '1', time: 1, state: 'sending' }]
    const own = message(1, { from: 'ann', clientId: 'c' })

    if (take === 'receive') model.receive(own)
    else model.insertAll('room', [own])

    expect([model.pending, seqsOf(model), model.rooms.get('room')!.unread]).toEqual([[], [1], 0])
  }
})

test('[IM-2] calls a message delivered or read when it is with all others', () => {
  const model = openModel(0)
  const room = model.rooms.get('room')!
  model.receive(message(1, { from: 'ann' }))
  const states = [model.delivery(room, 1)]
  for (const [name, delivered, read] of [
    ['bob', 1, 1],
    ['eve', 1, 0],
    ['eve', 1, 1],
  ] as const) {
    model.applyMarks('room', { name, delivered, read })
    states.push(model.delivery(room, 1))
  }

  expect(states).toEqual([
    { state: 'sent', readers: 0, others: 2 },
    { state: 'sent', readers: 1, others: 2 },
    { state: 'delivered', readers: 1, others: 2 },
    { state: 'read', readers: 2, others: 2 },
  ])
})
