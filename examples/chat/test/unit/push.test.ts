import { expect, onTestFinished, test } from 'vitest'
import { startChat } from '../../src/app.ts'
import { Conversations } from '../../src/conversations.ts'
import { deliverRecord } from '../../src/kafka.ts'
import { PushError, deliverPush, parsePush } from '../../src/push.ts'
import { SqliteStore } from '../../src/store.ts'

const PUSH = {
  type: 'order',
  from: 'shop',
  to: 'order-42',
  msgContent: '包裹 📦',
  msgTime: 1_700_000_000_000,
}

function openTarget() {
  const store = new SqliteStore()
  onTestFinished(() => store.close())
  const conversations = new Conversations(store, { created() {}, posted() {}, marked() {} })
  for (const name of ['ann', 'bob']) conversations.signIn(name)
  conversations.createGroup('ann', 'Order 42', ['bob'])
  conversations.createGroup('ann', 'Other', ['bob'])
  return { store, conversations, countOnline: (names: readonly string[]) => names.length }
}

function reasonsOf(action: () => unknown): readonly string[] {
  try {
    action()
  } catch (error) {
    if (error instanceof PushError) return error.reasons
    throw error
  }
  throw new Error('nothing was thrown')
}

test('[IM-4] takes an object or its JSON text, a numeric type, and times in three forms', () => {
  expect(parsePush(PUSH)).toEqual(PUSH)
  expect(parsePush(JSON.stringify(PUSH))).toEqual(PUSH)
  expect(parsePush({ ...PUSH, type: 2 }).type).toBe('2')
  expect(parsePush({ ...PUSH, type: undefined }).type).toBe('text')
  expect(parsePush({ ...PUSH, msgTime: '1700000000000' }).msgTime).toBe(1_700_000_000_000)
  expect(parsePush({ ...PUSH, msgTime: '2023-11-14T22:13:20Z' }).msgTime).toBe(1_700_000_000_000)
})

test('[IM-4] names everything that is wrong with a push', () => {
  expect(reasonsOf(() => parsePush({ from: 7, msgContent: ' ', msgTime: 'soon' }))).toEqual([
    'from must be a string; got 7',
    'to must be a string; got nothing',
    'msgContent must not be empty',
    'msgTime must be milliseconds since 1970 or a date such as 2026-01-31T12:00:00Z; got "soon"',
  ])
  for (const bad of [null, 5, [], undefined, 'no json', '[1]', { ...PUSH, msgContent: 'x'.repeat(10_001) }]) {
    expect(reasonsOf(() => parsePush(bad)).length).toBe(1)
  }
})

test('[IM-5] puts a push into its conversation and no other', () => {
  const target = openTarget()

  const result = deliverPush(PUSH, target)

  expect(result).toEqual({ ok: true, conversation: 'order-42', seq: 1, online: 2, duplicate: false })
  expect(target.store.messages('order-42', { limit: 9 })).toEqual([
    {
      conversation: 'order-42',
      seq: 1,
      from: 'shop',
      text: '包裹 📦',
      time: PUSH.msgTime,
      pushType: 'order',
    },
  ])
  expect(target.store.messages('other', { limit: 9 })).toEqual([])
})

test('[IM-5] opens the direct conversation when `to` is a user, and refuses an unknown `to`', () => {
  const target = openTarget()

  expect(deliverPush({ ...PUSH, to: 'bob' }, target).conversation).toBe('direct:bob+shop')
  expect(reasonsOf(() => deliverPush({ ...PUSH, to: 'nobody' }, target))[0]).toContain(
    'no conversation and no user "nobody"',
  )
})

test('[IM-6] delivers the same key once', () => {
  const target = openTarget()

  const results = ['k', 'k', 'l', undefined, undefined].map((key) => deliverPush(PUSH, target, key))

  expect(results.map(({ seq, duplicate }) => [seq, duplicate])).toEqual([
    [1, false],
    [1, true],
    [2, false],
    [3, false],
    [4, false],
  ])
})

test('[IM-6, IM-8] maps a Kafka record to a push, once per place, and reports what it skips with its place', () => {
  const target = openTarget()
  const lines: string[] = []
  const deliver = (offset: bigint, value: Buffer | undefined) =>
    deliverRecord({ topic: 'im', partition: 3, offset, value: value as Buffer }, target, 'cluster', (line) =>
      lines.push(line),
    )
  const good = Buffer.from(JSON.stringify(PUSH))

  expect(deliver(1n, good)).toMatchObject({ seq: 1, duplicate: false })
  expect(deliver(1n, good)).toMatchObject({ seq: 1, duplicate: true })
  expect(deliver(2n, good)).toMatchObject({ seq: 2, duplicate: false })
  expect(deliver(3n, Buffer.from('{'))).toBeUndefined()
  expect(deliver(4n, Buffer.from([0xff, 0xfe]))).toBeUndefined()
  expect(deliver(5n, undefined)).toBeUndefined()
  expect(deliver(6n, Buffer.from(JSON.stringify({ ...PUSH, to: 'nowhere' })))).toBeUndefined()
  expect(lines.map((line) => line.slice(0, 44))).toEqual([
    'kafka record im/3/3 skipped: not JSON: Expec',
    'kafka record im/3/4 skipped: the value is no',
    'kafka record im/3/5 skipped: not JSON: Unexp',
    'kafka record im/3/6 skipped: to: there is no',
  ])
})

test('[IM-7] answers POST /push with what became of it', async () => {
  const chat = await startChat({ report: () => {} })
  onTestFinished(() => chat.close())
  const post = async (body: string) => {
    const response = await fetch(`${chat.url}/push`, { method: 'POST', body })
    return [response.status, await response.json()]
  }

  expect(await post('{')).toMatchObject([400, { ok: false, error: 'INVALID_PUSH' }])
  expect(await post('{}')).toMatchObject([400, { reasons: { length: 3 } }])
  expect(await post('null')).toMatchObject([400, { error: 'INVALID_PUSH' }])
  expect(await post(JSON.stringify(PUSH))).toMatchObject([404, { error: 'UNKNOWN_TARGET' }])
  expect(await post(JSON.stringify({ ...PUSH, idempotencyKey: 5 }))).toMatchObject([400, { ok: false }])
  expect(await post('x'.repeat(300_000))).toMatchObject([413, { error: 'TOO_LARGE' }])
  const get = await fetch(`${chat.url}/push`)
  expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  expect(await (await fetch(`${chat.url}/healthz`)).json()).toEqual({ ok: true })
})
